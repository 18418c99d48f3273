"""Token ids against `tokenizers` itself, on texts that engines stumble over."""

import json
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ship import tokenize
from pipeline.ship.tokenize import CANARIES, PARAGRAPH, SCRIPTS, SENTENCE, Tokenizer, load
from tests.oracles.generated import texts
from tests.ship.made import END, PAD, train


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return Path(train(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"))


def changed(file: Path, to: Path, **fields: object) -> str:
    """The same tokenizer.json with other fields."""
    to.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    return str(to)


def reference_ids(file: Path, listed: list[str]) -> list[list[int]]:
    import tokenizers

    reference = tokenizers.Tokenizer.from_file(str(file))
    return [reference.encode(text, add_special_tokens=False).ids for text in listed]


def words(path: Path, count: int, *, added: int = 0) -> str:
    """A tokenizer of so many words, and so many tokens added after them."""
    import tokenizers

    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({f"w{number}": number for number in range(count)}, "w0")
    )
    made.add_special_tokens([f"<{number}>" for number in range(added)])
    made.save(str(path))
    return str(path)


def test_each_document_is_the_tokens_of_its_text_and_then_the_end_token(encoder: Tokenizer, file: Path):
    listed = [*CANARIES, "", "山高月小，水落石出。"]
    expected = [[*ids, encoder.token_id(END)] for ids in reference_ids(file, listed)]
    found = encoder.encode(pa.array(listed))
    assert found.to_pylist() == expected
    assert found.type == pa.list_(pa.uint16())


def test_no_documents_no_tokens(encoder: Tokenizer):
    assert encoder.encode(pa.array([], pa.string())).to_pylist() == []


@given(listed=st.lists(texts | st.text(), max_size=4))
def test_both_engines_give_the_same_ids(encoder: Tokenizer, listed: list[str]):
    reference, _ = tokenize.reference_engine(encoder.json, "")
    assert encoder.engine.startswith("fastokens ")
    assert all(map(np.array_equal, encoder.encode_flat(listed), reference(listed)))


def test_both_engines_give_the_same_ids_on_canaries_and_all_scripts(encoder: Tokenizer):
    reference, _ = tokenize.reference_engine(encoder.json, "")
    for listed in (CANARIES, SCRIPTS):
        assert all(map(np.array_equal, encoder.encode_flat(listed), reference(listed)))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["udhr2_languages", "docs_permissive", "zh_law"])
def test_both_engines_give_the_same_ids_on_real_text(encoder: Tokenizer, shared: Path, name: str):
    """294 languages, code and Markdown, Chinese law: the first 200 documents of each."""
    with zstandard.open(shared / "corpus" / f"{name}.jsonl.zst", "rt", encoding="utf-8") as file:
        listed = [json.loads(line)["text"][:5000] for line in islice(file, 200)]
    reference, _ = tokenize.reference_engine(encoder.json, "")
    assert all(map(np.array_equal, encoder.encode_flat(listed), reference(listed)))


@pytest.mark.parametrize("name", ["fastokens", "tokenizers"])
def test_the_text_of_a_special_token_is_that_token_with_either_engine(encoder: Tokenizer, name: str):
    engines = {"fastokens": encoder.encode_flat, "tokenizers": tokenize.reference_engine(encoder.json, "")[0]}
    ids, _ = engines[name]([f"sea{END}sea", PAD])
    assert ids.tolist().count(encoder.token_id(END)) == 1
    assert ids.tolist()[-1] == encoder.token_id(PAD)


def test_an_engine_that_differs_on_one_text_is_not_used(encoder: Tokenizer):
    def other(listed):
        ids, offsets = encoder.encode_flat(listed)
        return np.where(ids == encoder.ids["#"], 6, ids), offsets

    assert tokenize.fastest(encoder.json, other, ["sea", "#"])[0].startswith("tokenizers ")
    assert tokenize.fastest(encoder.json, other, ["sea"])[0].startswith("fastokens ")


def test_an_engine_that_breaks_on_a_text_is_not_used(encoder: Tokenizer):
    def broken(listed):
        raise RuntimeError("out of tune")

    assert not tokenize.agree(broken, encoder.encode_flat, ["sea"])


def test_a_model_that_the_fast_engine_does_not_know_goes_by_the_reference(tmp_path: Path):
    encoder = load(words(tmp_path / "words.json", 9, added=1), "<0>")
    assert encoder.engine.startswith("tokenizers ")
    assert encoder.encode(pa.array(["w7", "w8"])).to_pylist() == [[7, 9], [8, 9]]


def test_the_file_adds_cuts_and_pads_nothing(encoder: Tokenizer, file: Path, tmp_path: Path):
    """A post-processor's special tokens, truncation and padding would change what a document is."""
    start = {"SpecialToken": {"id": PAD, "type_id": 0}}
    path = changed(
        file,
        tmp_path / "adding.json",
        truncation={"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        padding={
            "strategy": {"Fixed": 500},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 1,
            "pad_type_id": 0,
            "pad_token": PAD,
        },
        post_processor={
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [start, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {PAD: {"id": PAD, "ids": [1], "tokens": [PAD]}},
        },
    )
    adding, listed = load(path, END), pa.array(list(CANARIES))
    assert adding.encode(listed) == encoder.encode(listed)
    assert adding.digest != encoder.digest


@pytest.mark.parametrize(("added", "dtype"), [(1, pa.uint16()), (2, pa.uint32())])
def test_ids_are_16_bits_wide_where_all_fit_added_ones_too(tmp_path: Path, added: int, dtype: pa.DataType):
    encoder = load(words(tmp_path / "words.json", (1 << 16) - 1, added=added), "<0>")
    assert encoder.dtype == dtype
    found = encoder.encode(pa.array(["w7", f"<{added - 1}>"]))
    assert found.type == pa.list_(dtype)
    assert found.to_pylist() == [[7, 65_535], [65_534 + added, 65_535]]


def test_the_digest_is_of_the_files_bytes(encoder: Tokenizer, file: Path):
    assert encoder.digest == blake2b(file.read_bytes(), digest_size=16).hexdigest()


def test_an_unknown_end_token_is_refused_with_near_ones(file: Path):
    with pytest.raises(ValueError, match=r"no token '<\|end_of_text\|>'; near: <\|endoftext\|>"):
        load(str(file), "<|end_of_text|>")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff\xfe", b'{"model": 3}'])
def test_what_is_no_tokenizer_is_refused_by_name(tmp_path: Path, content: bytes | None):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer '.*tokenizer\.json': "):
        load(str(path), END)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(
            (text, SENTENCE)
            for text in ("。", "好。", "！”", "？」", "end.", "end.) ", "?", "…", "…’", ".\u3000")
        ),
        *((text, PARAGRAPH) for text in ("\n", "。\n", "\r\n", " \n\n")),
        *((text, 0) for text in ("", "a", "，", "3.1", "\n ", " ", "”", "�")),
    ],
)
def test_what_a_tokens_text_ends(text: str, kind: int):
    assert tokenize.end_kind(text) == kind


def test_ends_speak_of_every_id(encoder: Tokenizer):
    """By the last token of a text, in Chinese and in English; special tokens end nothing."""
    last = {
        text: encoder.encode(pa.array([text])).to_pylist()[0][-2]
        for text in ("月小。", "the sea.", "sea\n\n", "水")
    }
    assert [int(encoder.ends[last[text]]) for text in last] == [SENTENCE, SENTENCE, PARAGRAPH, 0]
    assert len(encoder.ends) == max(encoder.ids.values()) + 1
    assert not encoder.ends[[encoder.token_id(END), encoder.token_id(PAD)]].any()
