"""Pictures are self-contained, small, the same each time, and safe beside each other."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from pipeline import charts

SPREADS = [
    {"name": "网页 <a&b>", "value": 0.5, "low": 0.4, "high": 0.7, "mark": 0.3},
    {"name": "code", "value": 0.1, "low": 0.0, "high": 0.2, "mark": 0.2},
]
XY = [{"name": name, "x": x, "y": x * x} for name in ("one", "二") for x in (1, 2, 4)]
DRAWN: dict[str, Callable[[], str]] = {
    "spreads": lambda: charts.spreads(SPREADS, "网页", "share", percent=True),
    "bars": lambda: charts.bars(SPREADS, "bars", "share"),
    "lines": lambda: charts.lines(XY, "lines", "x", "y", log=True),
    "points": lambda: charts.points(XY, "points", "x", "y"),
    "heat": lambda: charts.heat([{"row": "a", "column": "b", "value": -0.2}], "heat", "Δ"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_one_small_svg_that_reaches_for_nothing(name: str):
    svg = DRAWN[name]()
    ET.fromstring(svg)  # ours
    assert len(svg) < 40_000
    assert not re.search(r"https?://(?!www\.w3\.org/)", svg)
    assert svg == DRAWN[name]()


def test_pictures_on_one_page_share_no_ids():
    svgs = [charts.heat([{"row": "a", "column": "b", "value": value}], "heat", "Δ") for value in (1.0, 2.0)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in svgs]
    assert all(ids)
    assert not ids[0] & ids[1]
    for svg, own in zip(svgs, ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) == own


def test_a_page_needs_nothing_else_and_escapes_what_it_shows():
    body = [DRAWN["bars"](), charts.table(("a<b",), [("<script>",)]), charts.text("x & y", "warning")]
    page = charts.page("Title <1>", [charts.Section("S & T", body)])
    assert not re.search(r"<script|<link|src=|https?://(?!www\.w3\.org/)", page)
    assert "&lt;script&gt;" in page
    assert "<title>Title &lt;1&gt;</title>" in page
    assert "网页 &lt;a&amp;b&gt;" in page
