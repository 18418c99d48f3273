"""One HTML page that needs nothing else: sections of pictures, tables that sort, and texts that can do no harm.

A Content-Security-Policy forbids every request, and every script and style but the two below, by their digests. All that is
shown passes `html.escape`: a document's text never becomes markup.
"""

import html
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pipeline.charts import STYLE, brief, number, share

_STYLE = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, 'Noto Sans', 'Noto Sans CJK SC',
  'PingFang SC', 'Microsoft YaHei', sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 0 1.2rem 6rem; }
h1 { font-size: 1.6rem; margin: 2rem 0 .3rem; } h2 { font-size: 1.3rem; margin: 3.2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 .3rem; } h4 { font-size: .95rem; margin: 1.6rem 0 .3rem; } h4 .note { font-weight: normal; margin-left: .5rem; }
h2, h3, h4 { scroll-margin-top: 3.6rem; } a { color: var(--kept); }
h2 a, h3 a, h4 a { color: inherit; text-decoration: none; } h2 a:hover::after, h3 a:hover::after, h4 a:hover::after { content: ' #'; color: var(--soft); }
nav { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--grid); overflow-x: auto; }
nav ol { display: flex; gap: 1.1rem; list-style: none; margin: 0 auto; max-width: 62rem; padding: .6rem 1.2rem; white-space: nowrap; }
nav a { text-decoration: none; color: var(--soft); } nav a:hover, nav a:focus { color: var(--ink); text-decoration: underline; }
:focus-visible { outline: 2px solid var(--kept); outline-offset: 2px; }
.figure, .table { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .22rem .8rem .22rem 0; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, .word { text-align: left; } td.word { white-space: normal; min-width: 6.5rem; max-width: 24rem; overflow-wrap: break-word; }
thead th { position: relative; font-weight: 600; color: var(--soft); white-space: nowrap; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--kept); }
th[aria-sort=ascending] button::after { content: ' ▴'; } th[aria-sort=descending] button::after { content: ' ▾'; }
tr.strong td { font-weight: 600; } .note { color: var(--soft); font-size: .92rem; max-width: 46rem; }
.warning { color: var(--gone); font-weight: 600; } p { margin: .4rem 0; max-width: 46rem; }
.facts { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 1rem 0; padding: 0; }
.facts div { min-width: 6rem; } .facts b { display: block; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: .88rem; }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--kept); }
.excerpt { background: var(--panel); border-left: 3px solid var(--rest); margin: .5rem 0; padding: .45rem .8rem; font-size: .88rem;
  overflow-wrap: anywhere; white-space: pre-line; max-width: 52rem; }
.excerpt.gone { border-color: var(--gone); } .excerpt.kept { border-color: var(--kept); }
.excerpt small { display: block; color: var(--soft); } del { color: var(--gone); } ins { color: var(--kept); }
pre { background: var(--panel); padding: .8rem; overflow: auto; max-height: 30rem; font-size: .85rem; }
code { font-size: .92em; } .tabs input { position: absolute; opacity: 0; } .tabs .pane { display: none; }
.tabs label { display: inline-block; cursor: pointer; padding: .15rem .7rem; margin: 0 .3rem .4rem 0; border: 1px solid var(--grid);
  border-radius: 1rem; font-size: .88rem; color: var(--soft); } .tabs label:hover { color: var(--ink); }
.tabs input:checked + label { background: var(--kept); border-color: var(--kept); color: var(--paper); }
.tabs input:focus-visible + label { outline: 2px solid var(--kept); outline-offset: 2px; }
@media (max-width: 40rem) { body { font-size: 14px; } main { padding: 0 .8rem 4rem; } h1 { font-size: 1.35rem; } .facts b { font-size: 1.2rem; } }
@media print { nav { display: none; } details::details-content { content-visibility: visible; } }
""" + "".join(
    f".tabs input:nth-of-type({n}):checked ~ .pane:nth-of-type({n}) {{ display: block; }}\n"
    for n in range(1, 7)
)

_SCRIPT = """
for (const table of document.querySelectorAll('table.sorts')) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((cell, at) => cell.firstChild.addEventListener('click', () => {
    const down = cell.getAttribute('aria-sort') !== 'descending';
    const key = row => row.cells[at].dataset.v ?? row.cells[at].textContent;
    const numeric = [...body.rows].some(row => row.cells[at].dataset.v !== undefined);
    const rows = [...body.rows].sort((a, b) => numeric ? (+key(a) || 0) - (+key(b) || 0) : key(a).localeCompare(key(b)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    body.append(...(down ? rows.reverse() : rows));
  }));
}
const reach = () => { for (let at = document.getElementById(decodeURIComponent(location.hash.slice(1))); at; at = at.parentElement)
  if (at.tagName === 'DETAILS') at.open = true; };
addEventListener('hashchange', reach); reach();
"""


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it: pictures, tables, texts, all ready as HTML. `anchor`: its name in links."""

    title: str
    parts: Sequence[str]
    anchor: str = ""

    @property
    def id(self) -> str:
        return self.anchor or slug(self.title)


@dataclass(frozen=True)
class Cell:
    """A cell that shows one thing and sorts by another."""

    shown: str
    value: float


def count(value: float) -> Cell:
    """1,234,567."""
    return Cell(number(value), value)


def percent(part: float, whole: float) -> Cell:
    """12.3 %; – of nothing."""
    return Cell(share(part, whole), part / whole if whole else -1)


@dataclass(frozen=True)
class Link:
    """A cell that leads to a place on the page."""

    words: str
    anchor: str


def about(value: float) -> Cell:
    """≈ 1.23M: an estimate."""
    return Cell(f"≈ {brief(value)}" if value else "0", value)


def slug(title: str) -> str:
    """A title as the name of a place: letters of any script and digits, the rest -."""
    return "-".join("".join(one if one.isalnum() else " " for one in title.lower()).split()) or "section"


def text(words: str, kind: str = "") -> str:
    """A paragraph; `kind`: note or warning."""
    return f'<p class="{kind}">{html.escape(words)}</p>' if kind else f"<p>{html.escape(words)}</p>"


def heading(words: str, anchor: str) -> str:
    """A heading below a section's, with a link to itself."""
    return f'<h3 id="{html.escape(anchor)}"><a href="#{html.escape(anchor)}">{html.escape(words)}</a></h3>'


def subheading(words: str, anchor: str, note: str) -> str:
    """A smaller heading, with a note behind it."""
    link = f'<a href="#{html.escape(anchor)}">{html.escape(words)}</a>'
    return f'<h4 id="{html.escape(anchor)}">{link} <span class="note">{html.escape(note)}</span></h4>'


def figure(svg: str) -> str:
    """A picture; on a narrow screen it scrolls, by keys too."""
    return f'<div class="figure" tabindex="0">{svg}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Large numbers in a row: (value, of what)."""
    return '<div class="facts">' + "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(what)}</span></div>" for value, what in pairs
    ) + "</div>"  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], last: Sequence[Any] = ()) -> str:
    """A table that sorts by a click on its head, or by keys; `last`: a row that stays at the end."""
    filled = [[as_cell(one) for one in row] for row in rows]
    numeric = [
        all(isinstance(row[place], Cell) or row[place] in ("", "–") for row in filled)
        for place in range(len(head))
    ]
    heads = "".join(
        f'<th scope="col"{"" if right else WORD}><button type="button">{html.escape(one)}</button></th>'
        for one, right in zip(head, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(cell, row, numeric))}</tr>" for row in filled)
    foot = (
        f'<tfoot><tr class="strong">{"".join(map(cell, map(as_cell, last), numeric))}</tr></tfoot>'
        if last
        else ""
    )
    inner = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}"
    return f'<div class="table" tabindex="0"><table class="sorts">{inner}</table></div>'


WORD = ' class="word"'


def as_cell(value: Any) -> "Cell | Link | str":
    """Numbers, and words that are one, as what sorts as a number."""
    if isinstance(value, Cell | Link):
        return value
    if isinstance(value, int | float):
        return count(value)
    read = re.fullmatch(r"([−-]?\d[\d,]*(?:\.\d+)?)( ?%)?", str(value))
    return Cell(str(value), float(read[1].replace(",", "").replace("−", "-"))) if read else str(value)


def cell(value: "Cell | Link | str", right: bool) -> str:
    """One `<td>`; columns of numbers stand at the right."""
    kind = "" if right else WORD
    if isinstance(value, Cell):
        return f'<td{kind} data-v="{value.value!r}">{html.escape(value.shown)}</td>'
    if isinstance(value, Link):
        return f'<td{kind}><a href="#{html.escape(value.anchor)}">{html.escape(value.words)}</a></td>'
    return f"<td{kind}>{html.escape(value)}</td>"


def folded(summary: str, parts: Iterable[str], opened: bool = False) -> str:
    """What one sees after a click."""
    inside = "".join(parts)
    return f"<details{' open' if opened else ''}><summary>{html.escape(summary)}</summary>{inside}</details>"


def excerpt(note: str, spans: Iterable[tuple[str, str]], kind: str = "") -> str:
    """A piece of a document's text with a line about it. `spans`: ("", kept text), ("del", cut) or ("ins", put); `kind`: kept or gone."""
    marked = "".join(
        f"<{mark}>{html.escape(words)}</{mark}>" if mark else html.escape(words) for mark, words in spans
    )
    return f'<div class="excerpt {kind}"><small>{html.escape(note)}</small>{marked}</div>'


def tabs(group: str, what: str, panes: Sequence[tuple[str, str]]) -> str:
    """One of several panes, chosen by radio buttons: arrow keys work without a script."""
    name = html.escape(group)
    chosen = "".join(
        f'<input type="radio" name="{name}" id="{name}-{place}"{" checked" if place == 0 else ""}>'
        f'<label for="{name}-{place}">{html.escape(title)}</label>'
        for place, (title, _) in enumerate(panes)
    )
    shown = "".join(f'<div class="pane">{body}</div>' for _, body in panes)
    return f'<div class="tabs" role="group" aria-label="{html.escape(what)}">{chosen}{shown}</div>'


def page(title: str, sections: Iterable[Section], lead: str = "") -> str:
    """The whole page; `lead` (HTML) stands above the sections."""
    found = list(sections)
    links = "".join(
        f'<li><a href="#{html.escape(one.id)}">{html.escape(one.title)}</a></li>' for one in found
    )
    body = "".join(
        f'<section aria-labelledby="{html.escape(one.id)}"><h2 id="{html.escape(one.id)}">'
        f'<a href="#{html.escape(one.id)}">{html.escape(one.title)}</a></h2>{"".join(one.parts)}</section>'
        for one in found
    )
    style, shown = STYLE + _STYLE, html.escape(title)
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(_SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{shown}</title>'
        f'<style>{style}</style></head><body><nav aria-label="sections"><ol>{links}</ol></nav>'
        f"<main><h1>{shown}</h1>{lead}{body}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def digest(code: str) -> str:
    """A Content-Security-Policy's name of an inline script or style."""
    return b64encode(sha256(code.encode()).digest()).decode()
