"""The page in a real browser: no error, no request, pictures in every section; sorting, links and keys work; hostile text is text."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.report.diff import diff
from pipeline.report.diff_page import diff_page
from tests.browser import Tab, chromium

pytestmark = pytest.mark.real("Chromium")


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_it_loads_without_an_error_or_a_request_and_fits(tab: Tab, written: Path, theme: str, width: int):
    tab.open(written, theme, width)
    assert tab.requests == [written.as_uri()]
    assert tab.errors == []
    assert tab.run("document.title") == "Report of out"  # an injected script would have changed it
    assert tab.run("document.documentElement.scrollWidth") == width
    dark = tab.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (theme == "dark")


def test_every_section_has_its_picture_in_view_of_the_eye(tab: Tab, written: Path):
    tab.open(written)
    code = "[...document.querySelectorAll('section')].map(s => [s.querySelector('h2').id, [...s.querySelectorAll('svg')].filter(v => v.getBoundingClientRect().height > 40).length])"
    found = dict(tab.run(code))
    assert found.pop("contamination") == 0  # no stage of this recipe looks for benchmarks
    assert len(found) == 7
    assert all(found.values()), found


def test_hostile_text_is_shown_as_text(tab: Tab, written: Path):
    tab.open(written)
    assert tab.run("document.scripts.length") == 1
    assert tab.run("document.images.length") == 0
    assert tab.run("document.body.textContent.includes('<script>document.title')")


def test_a_table_sorts_by_mouse_and_by_keys(tab: Tab, written: Path):
    tab.open(written)
    column = "[...document.querySelectorAll('#funnel-by-source + .table tbody td:nth-child(2)')].map(c => +c.dataset.v)"
    before = tab.run(column)
    tab.run("document.querySelector('#funnel-by-source + .table th:nth-child(2) button').click()")
    assert tab.run(column) == sorted(before, reverse=True)
    tab.run("document.querySelector('#funnel-by-source + .table th:nth-child(2) button').focus()")
    tab.key("Enter")
    assert tab.run(column) == sorted(before)
    assert (
        tab.run("document.querySelector('#funnel-by-source + .table th:nth-child(2)').ariaSort")
        == "ascending"
    )


def test_links_lead_to_their_places(tab: Tab, written: Path):
    tab.open(written)
    assert tab.run(
        "[...document.querySelectorAll('a[href]')].every(a => document.getElementById(decodeURIComponent(a.hash.slice(1))))"
    )
    tab.run("document.querySelector('nav a[href=\"#packs\"]').click()")
    assert 0 <= tab.run("document.getElementById('packs').getBoundingClientRect().top") < 200


def test_another_picture_is_chosen_by_an_arrow_key(tab: Tab, written: Path):
    tab.open(written)
    shown = "[...document.querySelectorAll('#funnel ~ .tabs .pane, .tabs .pane')].findIndex(p => getComputedStyle(p).display !== 'none')"
    assert tab.run(shown) == 0
    tab.run("document.querySelector('.tabs input').focus()")
    tab.key("ArrowRight")
    assert tab.run(shown) == 1


def test_the_difference_of_two_runs_is_such_a_page_too(tab: Tab, opened: ledger.Run, tmp_path: Path):
    """Of a run and itself without a source: hostile text stands in both."""
    small = replace(opened, pieces=opened.pieces[1:])
    page = tmp_path / "diff.html"
    page.write_text(diff_page(diff(opened, small)), encoding="utf-8")
    tab.open(page, width=390)
    assert tab.requests == [page.as_uri()]
    assert tab.errors == []
    assert tab.run("document.documentElement.scrollWidth") == 390
    assert tab.run("document.querySelectorAll('#flips ~ .figure svg').length") == 1
    assert tab.run("document.scripts.length + document.images.length") == 1
