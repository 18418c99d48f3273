"""What each shipped measure and rule says of a few documents; `python -m tests.golden.stages` writes stages.json anew."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data.files import content
from pipeline.measures.blocks import Blocks
from pipeline.measures.c4 import C4Cuts
from pipeline.measures.contamination import BenchmarkHits
from pipeline.measures.garbled import Garbage
from pipeline.measures.grams import CharacterGrams, WordGrams
from pipeline.measures.jieba import JiebaWords
from pipeline.measures.language import Language
from pipeline.measures.lines import RepeatedLines
from pipeline.measures.map_neo import Variety
from pipeline.measures.model_output import Repetition, Unfinished
from pipeline.measures.personal import PersonalData
from pipeline.measures.refinedweb import LineCuts
from pipeline.measures.signature import Signature
from pipeline.measures.surface import Surface
from pipeline.measures.text_key import TextKey
from pipeline.measures.word_lists import ListedWords
from pipeline.rules.c4 import C4Lines
from pipeline.rules.chinese import ChineseQuality
from pipeline.rules.contamination import Contamination
from pipeline.rules.fineweb import FineWeb2Chinese, FineWebQuality
from pipeline.rules.garbled import Garbled
from pipeline.rules.gopher import GopherQuality, GopherRepetition
from pipeline.rules.language import KeepLanguages
from pipeline.rules.map_neo import MapNeoChinese
from pipeline.rules.model_output import ModelOutput
from pipeline.rules.personal import RedactPersonalData
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.rules.word_lists import WordLists

FILE = Path(__file__).with_suffix(".json")
WORDS = str(FILE.parents[1] / "lists" / "words.txt")
BENCHMARK = str(FILE.with_name("benchmark.jsonl"))
HITS = BenchmarkHits(BENCHMARK, "benchmark", content(BENCHMARK))
MEASURES = (
    *(
        Surface(),
        TextKey(),
        LineCuts(),
        C4Cuts(),
        RepeatedLines(),
        WordGrams(),
        CharacterGrams(),
        JiebaWords(),
    ),
    *(
        Variety(),
        Language(),
        Garbage(),
        Repetition(),
        Unfinished(),
        ListedWords(WORDS),
        PersonalData(),
        HITS,
        Signature(),
        Blocks(min_tokens=4),
    ),
)
RULES = (
    *(RefinedWebLines(), C4Lines(), GopherQuality(), GopherRepetition(), FineWebQuality()),
    *(ChineseQuality(), FineWeb2Chinese(), MapNeoChinese(), Contamination(BENCHMARK)),
    *(KeepLanguages(), Garbled(), ModelOutput(), WordLists(WORDS), RedactPersonalData()),
)
TEXTS = {
    "empty": "",
    "en_prose": "It was the best of times, and it was the worst of times that we have ever been with. " * 4,
    "en_page": "HOME NEWS SPORT\nThe café\u0301 has opened…\n- coffee\n- tea\n3 likes\nRead more...\n",
    "zh_prose": "臣亮言：先帝創業未半，而中道崩殂；今天下三分，益州疲弊，此誠危急存亡之秋也。\n" * 6,
    "zh_page": "首页\n第1章\n他说hello，世界。\n2024\n阅读全文\n",
    "mixed": "ไทยก็\nひらがな カタカナ\n한글 \u1112\u1161\u11ab\n👩‍🚀 #tag\u2028x\x85y\u3000z ...\n",
    "garbled": "dÃ©jÃ\xa0 vu 浣犲ソ锛 \ufffd\ue000\x07 <0xE4>",
    "answer": "<think>So x = 2. So x = 2. So x = 2. So x = 2. So",
    "letter": "电话13800138000，mail a.b@example.com about the salt water, 清风明月。",
}


def documents() -> pa.RecordBatch:
    return pa.record_batch({"text": list(TEXTS.values())})


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)  # a model's score: sums of single precision
    return value.hex() if isinstance(value, bytes) else value


def outputs() -> dict[str, Any]:
    """Of each stage its version and, per document, its columns or its reason."""
    found: dict[str, Any] = {}
    for measure in MEASURES:
        rows = [
            {name: plain(value) for name, value in row.items()} for row in measure(documents()).to_pylist()
        ]
        found[type(measure).__name__] = {
            "version": measure.version,
            "says": dict(zip(TEXTS, rows, strict=True)),
        }
    for rule in RULES:
        columns = {
            name: column for need in rule.needs for name, column in need(documents()).to_pydict().items()
        }
        reasons = rule(pa.record_batch(columns)).to_pylist()
        found[type(rule).__name__] = {"version": rule.version, "says": dict(zip(TEXTS, reasons, strict=True))}
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(outputs(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
