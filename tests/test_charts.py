"""Pictures are self-contained, small, the same each time, escaped, and draw the numbers that they are given."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import charts
from pipeline.charts import Fates, Scale

EVIL = "网页 <a&b>"
SPREADS = [
    {"name": EVIL, "value": 0.5, "low": 0.4, "high": 0.7, "mark": 0.3},
    {"name": "code", "value": 0.1, "low": 0.0, "high": 0.2, "mark": 0.2},
]
XY = [{"name": name, "x": x, "y": x * x} for name in ("one", EVIL) for x in (1, 2, 4)]
FATES = [Fates(EVIL, [5, 1, 0], [0, 2, 0], [0, 0, 3], "27 %"), Fates("empty", [0] * 3, [0] * 3, [0] * 3)]
DRAWN: dict[str, Callable[[], str]] = {
    "spreads": lambda: charts.spreads(SPREADS, EVIL, "share", percent=True),
    "bars": lambda: charts.bars([{"name": EVIL, "before": 2, "after": 1}], "bars", "documents"),
    "lines": lambda: charts.lines(XY, "lines", "x", "y", log=True),
    "points": lambda: charts.points(XY, "points", "x", "y"),
    "heat": lambda: charts.heat([{"row": EVIL, "column": "b", "value": -0.2}], "heat", "Δ"),
    "flow": lambda: charts.flow(["rule"], {EVIL: [9, 4], "b": [1, 1]}, "flow", "documents"),
    "histogram": lambda: charts.histogram(FATES, Scale(0, 3), 2.0, "histogram", "words"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_one_small_svg_that_reaches_for_nothing(name: str):
    svg = DRAWN[name]()
    root = ET.fromstring(svg)  # ours
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert len(svg) < 10_000
    assert "id=" not in svg
    assert "url(" not in svg
    assert "href" not in svg
    assert svg == DRAWN[name]()
    assert EVIL in "".join(root.itertext()) or root.get("aria-label") == EVIL


@pytest.mark.parametrize("name", DRAWN)
def test_every_class_has_its_colour_and_no_colour_stands_in_a_picture(name: str):
    svg = DRAWN[name]()
    used = {one for kinds in re.findall(r'class="([^"]+)"', svg) for one in kinds.split()}
    assert used
    assert all(f".{one} " in charts.STYLE for one in used)
    assert not re.search(r"#[0-9a-f]{3,6}\b", svg)


def test_bars_are_as_long_as_their_numbers():
    rows = [{"name": "a", "after": 10}, {"name": "b", "after": 5}, {"name": "c", "after": 0}]
    bars = ET.fromstring(charts.bars(rows, "bars", "documents")).iter("rect")
    a, b, c = (float(bar.get("width", "")) for bar in bars)
    assert a == pytest.approx(2 * b, rel=0.01)
    assert c == 0


def test_the_limit_stands_where_its_value_does():
    root = ET.fromstring(charts.histogram(FATES, Scale(0, 3), 2.0, "histogram", "words"))
    [limit] = [one for one in root.iter("line") if one.get("class") == "limit"]
    ticks = {one.text: one.get("x") for one in root.iter("text") if "mid" in one.get("class", "")}
    assert limit.get("x1") == ticks["2"]


def test_a_stream_keeps_its_width():
    """What is left and what a stage took fill the row: 10 documents, then 5 left and 5 taken."""
    root = ET.fromstring(charts.flow(["rule"], {"a": [6, 3], "b": [4, 2]}, "flow", "documents"))
    rows: dict[str, float] = {}
    for bar in root.iter("rect"):
        if bar.get("height") == "16":
            rows[bar.get("y", "")] = rows.get(bar.get("y", ""), 0) + float(bar.get("width", ""))
    first, second = rows.values()
    assert first == pytest.approx(second, abs=2)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.sampled_from([None, 0.01, 1.0, 50.0]))
def test_a_scale_keeps_the_order_and_bends_back(one: float, two: float, unit: float | None):
    scale = Scale(0, 1e9, unit)
    assert (scale.at(one) <= scale.at(two)) == (one <= two) or scale.at(one) == scale.at(two)
    assert scale.unbent(scale.bent(one)) == pytest.approx(one, rel=1e-6, abs=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6), st.booleans())
def test_ticks_are_few_and_within(low: float, size: float, log: bool):
    scale = Scale(0, size, size / 100) if log else Scale(low, low + size)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert ticks == sorted(ticks)
    slack = 1e-6 * max(1, size)
    assert all(scale.low - slack <= one <= scale.high + slack for one in ticks)
