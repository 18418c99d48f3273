"""Pictures out of numbers: static SVG by Vega-Lite, and self-contained pages that hold them.

A picture is some 20 KB and a page needs nothing but itself; the interactive bundle would be 900 KB a page. Every function
takes rows (mappings with the columns that it names) and gives an `<svg>` as text, which `page` puts beside words and
tables. vl-convert draws, in one process, without a network; it is imported when something is drawn.
"""

import hashlib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
WIDTH, ROW_HEIGHT = 640, 20
INK, STRONG, SOFT = "#334155", "#0f766e", "#94a3b8"
_FONT = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
_STYLE = f"""
body {{ font: 15px/1.5 {_FONT}; color: {INK}; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.5rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .8rem; border-bottom: 1px solid #e2e8f0; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
svg {{ max-width: 100%; height: auto; }} .note {{ color: #64748b; }} .warning {{ color: #b91c1c; font-weight: 600; }}
"""
_CONFIG = {
    "font": _FONT,
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": "#e2e8f0", "labelLimit": 260},
    "view": {"stroke": None},
}


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it: pictures, `table`, `text`, all ready as HTML."""

    title: str
    parts: Sequence[str]


def draw(spec: Mapping[str, Any], title: str) -> str:
    """The `<svg>` of a Vega-Lite specification. Its ids are its own: pictures on one page do not clip each other."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg({"config": _CONFIG, **spec})
    svg = own_ids(svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title, quote=True)}" ', 1)


def own_ids(svg: str) -> str:
    """Vega counts its ids through the whole process: here they are numbered by place, behind a digest of the picture."""
    ids = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    for place, one in enumerate(ids):
        for before, behind in (('id="', '"'), ("url(#", ")"), ('href="#', '"')):
            svg = svg.replace(f"{before}{one}{behind}", f"{before}\0{place}{behind}")
    return svg.replace("\0", f"{hashlib.sha256(svg.encode()).hexdigest()[:8]}-")


def _axis(field: str, title: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _rows(rows: Iterable[Row]) -> dict[str, Any]:
    return {"values": [dict(row) for row in rows]}


def _names(field: str, rows: Sequence[Row]) -> dict[str, Any]:
    order = list(dict.fromkeys(row[field] for row in rows))
    return {"field": field, "type": "nominal", "title": None, "sort": order}


def spreads(rows: Sequence[Row], title: str, unit: str, percent: bool = False) -> str:
    """One line a row: `name`, its `value` as a dot within `low` … `high`, and `mark` (what it was before) as a tick."""
    y = _names("name", rows)
    axis = {"axis": {"format": "%"}} if percent else {"scale": {"zero": False}}
    layers = [
        {"mark": {"type": "rule", "strokeWidth": 6, "color": SOFT, "opacity": 0.6},
         "encoding": {"y": y, "x": _axis("low", unit, **axis), "x2": {"field": "high"}}},
        {"mark": {"type": "tick", "thickness": 2, "size": 14, "color": INK}, "encoding": {"y": y, "x": _axis("mark", unit)}},
        {"mark": {"type": "point", "filled": True, "size": 60, "color": STRONG, "opacity": 1},
         "encoding": {"y": y, "x": _axis("value", unit)}},
    ]  # fmt: skip
    spec = {"data": _rows(rows), "width": WIDTH, "height": {"step": ROW_HEIGHT}, "layer": layers}
    return draw(spec, title)


def bars(rows: Sequence[Row], title: str, unit: str) -> str:
    """One bar a row: `name` and `value`."""
    encoding = {"y": _names("name", rows), "x": _axis("value", unit)}
    mark = {"type": "bar", "color": STRONG}
    return draw(
        {
            "data": _rows(rows),
            "width": WIDTH,
            "height": {"step": ROW_HEIGHT},
            "mark": mark,
            "encoding": encoding,
        },
        title,
    )


def lines(rows: Sequence[Row], title: str, x: str, y: str, log: bool = False) -> str:
    """`x` and `y` of each row, one line for each `name`; `log`: the x axis in powers of two."""
    scale = {"scale": {"type": "log", "base": 2}} if log else {}
    encoding = {
        "x": _axis("x", x, **scale),
        "y": _axis("y", y, scale={"zero": False}),
        "color": {**_names("name", rows), "scale": {"scheme": "tableau20"}},
    }
    mark = {"type": "line", "point": True}
    return draw(
        {"data": _rows(rows), "width": WIDTH - 120, "height": 260, "mark": mark, "encoding": encoding}, title
    )


def points(rows: Sequence[Row], title: str, x: str, y: str) -> str:
    """`x` against `y`, one small picture for each `name`, with the diagonal where both are equal."""
    small = {"width": 150, "height": 150}
    dots = {
        "mark": {"type": "point", "filled": True, "size": 10, "color": STRONG, "opacity": 0.5},
        "encoding": {"x": _axis("x", x, scale={"zero": False}), "y": _axis("y", y, scale={"zero": False})},
    }
    diagonals = [
        {
            "transform": [
                {"aggregate": [{"op": "min", "field": "x", "as": "a"}, {"op": "max", "field": "x", "as": "b"}]}
            ],
            "mark": {"type": "rule", "color": SOFT},
            "encoding": {
                "x": _axis("a", x), "x2": {"field": "b"}, "y": _axis("a", y), "y2": {"field": "b"},
            },
        }
    ]  # fmt: skip
    spec = {
        "data": _rows(rows),
        "facet": {**_names("name", rows), "header": {"labelLimit": 150, "title": None}},
        "columns": 4,
        "spec": {**small, "layer": [*diagonals, dots]},
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    return draw(spec, title)


def heat(rows: Sequence[Row], title: str, unit: str) -> str:
    """A field of colours: `row`, `column`, `value`; 0 is white, less is green, more is red."""
    most = max((abs(float(row["value"])) for row in rows), default=1.0) or 1.0
    colour = _axis(
        "value", unit, scale={"domain": [-most, 0, most], "range": ["#0f766e", "#ffffff", "#b91c1c"]}
    )
    encoding = {
        "y": _names("row", rows),
        "x": {**_names("column", rows), "axis": {"labelAngle": -60}},
        "color": colour,
    }
    size = {"width": {"step": 26}, "height": {"step": ROW_HEIGHT}}
    return draw({"data": _rows(rows), **size, "mark": "rect", "encoding": encoding}, title)


def text(words: str, kind: str = "") -> str:
    """A paragraph; `kind`: note or warning."""
    return f'<p class="{kind}">{html.escape(words)}</p>' if kind else f"<p>{html.escape(words)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of words and numbers, as they are given."""
    cells = ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
    first = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f"<table><tr>{first}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def page(title: str, sections: Iterable[Section]) -> str:
    """One HTML file that needs nothing else: no script, no font, no link."""
    body = "".join(
        f"<section><h2>{html.escape(one.title)}</h2>{''.join(one.parts)}</section>" for one in sections
    )
    shown = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{shown}</h1>{body}</body></html>\n"
    )
