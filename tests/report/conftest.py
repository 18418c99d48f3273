"""One finished run for all tests of the report: the world of tests/world.py, with a hostile document and a hostile broken line."""

import random
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.comparisons.repeated import RepeatedText
from pipeline.rules.language import KeepLanguages
from tests import plain, world

HOSTILE = "<script>document.title = 'owned'; fetch('http://evil.example')</script><img src=http://evil.example/x onerror=alert(1)>"


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    folder = world.make(tmp_path_factory.mktemp("world"), files=2, rows=40)
    rows = [{"text": f"{HOSTILE} {number} the and", "date": f"20{number:02}-01-01"} for number in range(8)]
    world.write_jsonl(folder / "raw/web/hostile.jsonl", [*rows, f'{{"text": "{HOSTILE}'])
    for number in range(9):
        text = world.english(random.Random(number), 400)
        (folder / f"raw/books/same-{number}.txt").write_text(
            f"{text}\nThis line stands in nine of the books.\n"
        )
    recipe = world.recipe(folder)
    lines = RepeatedText(more_than=1, min_tokens=4)
    stages = (recipe.stages[0], KeepLanguages(min_score=0.1), *recipe.stages[1:4], lines, recipe.stages[4])
    plain.run(type(recipe)(inputs=recipe.inputs, stages=stages, output=recipe.output))
    return ledger.open_run(str(folder / "out"))


@pytest.fixture(scope="session")
def page(opened: ledger.Run) -> str:
    from pipeline.report import report

    return report(opened)


@pytest.fixture(scope="session")
def written(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path
