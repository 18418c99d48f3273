"""The pages of a run over the real corpora beside the project, and of the demo, in a real browser."""

from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.report import report
from tests.browser import Tab
from tests.cli.command import winnow
from tests.report.test_in_chromium import tab  # noqa: F401  # a fixture
from tests.runs.test_real_corpus import opened  # noqa: F401  # a fixture

pytestmark = pytest.mark.real("Chromium")
PICTURES = "[...document.querySelectorAll('section')].map(s => [s.querySelector('h2').id, s.querySelectorAll('svg').length, s.textContent.length])"


def check(tab: Tab, page: Path) -> None:  # noqa: F811
    """It loads in both themes and widths without an error or a request; what a section speaks of, it shows."""
    assert page.stat().st_size < 3_000_000
    for theme, width in (("light", 1100), ("dark", 390)):
        tab.open(page, theme, width)
        assert tab.requests == [page.as_uri()]
        assert tab.errors == []
        assert tab.run("document.documentElement.scrollWidth") == width
    sections = tab.run(PICTURES)
    assert len(sections) == 8
    assert [name for name, pictures, characters in sections if not pictures and characters > 100] == []
    assert tab.run(
        "[...document.querySelectorAll('a[href]')].every(a => document.getElementById(decodeURIComponent(a.hash.slice(1))))"
    )


@pytest.mark.shared
def test_of_the_real_corpora(tab: Tab, opened: ledger.Run, tmp_path: Path):  # noqa: F811
    page = tmp_path / "real.html"
    page.write_text(report(opened), encoding="utf-8")
    check(tab, page)


def test_of_the_demo(tab: Tab, tmp_path: Path):  # noqa: F811
    made = winnow("demo", "demo", cwd=tmp_path, timeout=900)
    assert made.returncode == 0, made.stderr
    drawn = winnow("report", "demo/out", "-o", "demo.html", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    check(tab, tmp_path / "demo.html")
