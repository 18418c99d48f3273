"""Pictures out of numbers: small SVG drawn here, which takes its colours from the page, light or dark.

Every function takes rows (mappings with the columns that it names) and gives an `<svg>` as text, 2 to 25 KB, with no id and
nothing to fetch; `STYLE` stands once on the page that holds them (pipeline/page.py). The palette is that of Okabe and Ito
(2008), which colour-blind readers can tell apart, with lighter tones on dark paper.
"""

import html
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

Row = Mapping[str, Any]
WIDTH, NAMES, ROW = (
    660,
    152,
    22,
)  # of a picture, of the names at its left, of a line; user units, CSS pixels on a desk
SERIES = 7  # colours that can be told apart
OTHER = "others"  # the series that is the sum of the rest

STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #5c6876; --grid: #e2e6eb; --paper: #fff; --panel: #f5f7f9;
  --kept: #0072b2; --gone: #d55e00; --rest: #b9c1cb; --s0: #0072b2; --s1: #e69f00; --s2: #009e73; --s3: #cc79a7;
  --s4: #56b4e9; --s5: #d55e00; --s6: #8a7a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #9aa7b5; --grid: #2c3642; --paper: #12181f;
  --panel: #1a222b; --kept: #56b4e9; --gone: #f28a3c; --rest: #566270; --s0: #56b4e9; --s1: #e69f00; --s2: #2fc79a;
  --s3: #e3a1c6; --s4: #9ad4f7; --s5: #f28a3c; --s6: #f0e442; } }
svg { display: block; width: 100%; min-width: 25rem; max-width: 45rem; height: auto; font-size: 13px; }
svg text { fill: var(--ink); } svg .soft { fill: var(--soft); } svg .end { text-anchor: end; } svg .mid { text-anchor: middle; }
svg .on { fill: var(--paper); } svg .strong { font-weight: 600; } svg .grid { stroke: var(--grid); fill: none; } svg .axis { stroke: var(--soft); fill: none; }
svg .kept { fill: var(--kept); } svg .gone { fill: var(--gone); } svg .rest { fill: var(--rest); }
svg .limit { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
svg .dots { stroke: var(--kept); stroke-width: 4; stroke-linecap: round; opacity: .6; }
svg .flow { opacity: .35; } svg .wide { stroke: var(--rest); stroke-width: 6; } svg .tick { stroke: var(--ink); stroke-width: 2; }
""" + "".join(
    f"svg .s{n} {{ fill: var(--s{n}); }} svg .l{n} {{ stroke: var(--s{n}); fill: none; stroke-width: 2; }}\n"
    for n in range(SERIES)
)


# Numbers for people


def number(value: float) -> str:
    """1234567 → 1,234,567; a true minus sign."""
    return f"{value:,}".replace("-", "−")


def share(part: float, whole: float) -> str:
    """12.3 %; – of nothing.

    >>> share(1, 8), share(1, 80_000), share(0, 5), share(0, 0)
    ('12.5 %', '< 0.1 %', '0.0 %', '–')
    """
    if not whole:
        return "–"
    return "< 0.1 %" if 0 < part / whole < 0.0005 else f"{100 * part / whole:.1f} %"


def counted(count: int, noun: str) -> str:
    """1 document, 1,234 documents."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def brief(value: float) -> str:
    """Three digits at most: 0.05, 12.3, 4.6k, 1.2M, 3.4G.

    >>> [brief(one) for one in (0, 0.0512, 12.34, 999.7, 1000, 1_250_000, -2e12)]
    ['0', '0.0512', '12.3', '1k', '1k', '1.25M', '−2T']
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{letter}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


# Axes


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`: even, or (`unit`) logarithmic above that value and even below it, so that 0 has a place."""

    low: float
    high: float
    unit: float | None = None

    def bent(self, value: float) -> float:
        return value if self.unit is None else math.copysign(math.log1p(abs(value) / self.unit), value)

    def unbent(self, value: float) -> float:
        return value if self.unit is None else math.copysign(math.expm1(abs(value)) * self.unit, value)

    @cached_property
    def ends(self) -> tuple[float, float]:
        return self.bent(self.low), self.bent(self.high)

    def at(self, value: float) -> float:
        """Where a value stands: 0 at `low`, 1 at `high`, never outside."""
        low, high = self.ends
        return min(1.0, max(0.0, (self.bent(value) - low) / (high - low))) if high > low else 0.5

    def ticks(self) -> list[float]:
        """Round numbers within, some five of them."""
        if self.unit is None:
            return even_ticks(self.low, self.high)
        powers = [10.0**power for power in range(-9, 13)]
        found = [0.0] if self.low <= 0 else []
        for value in (digit * power for power in powers for digit in (1, 2, 5)):
            near = found and self.at(value) - self.at(found[-1]) < 0.11
            if self.low <= value <= self.high and not near:
                found.append(value)
        return found


def even_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten.

    >>> even_ticks(0, 1), even_ticks(3, 17)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.75)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def spanned(values: Iterable[float], zero: bool = False) -> Scale:
    """The even axis that holds all values, a little room around them; with `zero` it begins there."""
    held = [float(one) for one in values] or [0.0, 1.0]
    low, high = (0.0 if zero else min(held)), max(held)
    room = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
    return Scale(low if zero else low - room, high + room)


# Marks


def tag(_name: str, *inside: str, **attributes: Any) -> str:
    """One element; `_` in names of attributes is -, `kind` its class, what is None is left out."""
    names = {"kind": "class"}
    given = "".join(
        f' {names.get(name, name.replace("_", "-"))}="{shown(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{_name}{given}>{''.join(inside)}</{_name}>" if inside else f"<{_name}{given}/>"


def shown(value: Any) -> str:
    """A number with one decimal at most, a text escaped."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else html.escape(str(value))


def words(text: str, x: float, y: float, kind: str = "") -> str:
    return tag("text", html.escape(text), x=float(x), y=float(y), kind=kind or None)


def name(text: str, y: float, room: float = NAMES - 12, kind: str = "end") -> str:
    """A name at the left, shortened to the room; a pointer that rests on it sees all of it."""
    short = shortened(text, int(room / 6.9))
    told = tag("title", html.escape(text)) if short != text else ""
    return tag("text", told, html.escape(short), x=float(room), y=float(y), kind=kind)


def shortened(text: str, columns: int) -> str:
    """The text within so many columns."""
    used = 0
    for place, letter in enumerate(text):
        used += columns_of(letter)
        if used > columns:
            return f"{text[: max(1, place - 1)]}…"
    return text


def columns_of(text: str) -> int:
    """How wide a text is: a Han character has two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), kind=kind)


def box(x: float, y: float, width: float, height: float, kind: str, told: str = "", **more: Any) -> str:
    """A rectangle; `told`: what a pointer that rests on it sees."""
    inside = [tag("title", html.escape(told))] if told else []
    return tag("rect", *inside, x=float(x), y=float(y), width=float(width), height=float(height), kind=kind, **more)  # fmt: skip


def picture(title: str, height: float, parts: Iterable[str], width: float = WIDTH) -> str:
    """The whole `<svg>`; its title is what a screen reader says."""
    return tag("svg", *parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=title)


class Frame(NamedTuple):
    """The rectangle that holds the marks of a picture, within its axes."""

    left: float
    top: float
    right: float
    bottom: float


def bottom_axis(scale: Scale, frame: Frame, unit: str, percent: bool = False) -> str:
    """Grid lines through the frame, numbers below them, the unit at the right below those."""
    left, top, right, bottom = frame
    parts = []
    for value in scale.ticks():
        x = left + (right - left) * scale.at(value)
        label = f"{brief(100 * value)} %" if percent else brief(value)
        parts += [line(x, top, x, bottom, "grid"), words(label, x, bottom + 15, "soft mid")]
    return "".join([*parts, words(unit, right, bottom + 30, "soft end")])


def legend(entries: Sequence[tuple[str, str]], y: float, left: float = NAMES) -> str:
    """(class, name) of each colour, in one line: each name has its share of the room at most."""
    parts, x = [], float(left)
    room = int(((WIDTH - left) / max(1, len(entries)) - 30) / 6.9)
    for kind, text in entries:
        short = shortened(text, max(room, 4))
        parts += [box(x, y - 9, 10, 10, kind, text), words(short, x + 15, y, "soft")]
        x += 30 + 6.9 * columns_of(short)
    return "".join(parts)


# Pictures


def bars(
    rows: Sequence[Row],
    title: str,
    unit: str,
    percent: bool = False,
    names: tuple[str, str] = ("before", "after"),
) -> str:
    """Two bars a row: `name`, `before` (pale) and `after`, which the legend `names`; without `before` one."""
    both = any("before" in row for row in rows)
    most = max((max(row.get("before", 0), row["after"]) for row in rows), default=0) or 1
    scale, top = Scale(0, most * 1.02), 22 if both else 4
    left, right, bottom = NAMES, WIDTH - 70, top + ROW * len(rows)
    parts = [bottom_axis(scale, Frame(left, top, right, bottom), unit, percent)]
    if both:
        parts.append(legend([("rest", names[0]), ("kept", names[1])], 12))
    for place, row in enumerate(rows):
        y = top + ROW * place
        parts.append(name(row["name"], y + 15))
        sizes = [("rest", row["before"], y + 2, 9), ("kept", row["after"], y + 10, 9)] if both else []
        for kind, value, at, tall in sizes or [("kept", row["after"], y + 4, 14)]:
            parts.append(
                box(left, at, max(1.0, (right - left) * scale.at(value)) if value else 0, tall, kind)
            )
        label = share(row["after"], 1) if percent else brief(row["after"])
        parts.append(words(label, WIDTH, y + 15, "soft end"))
    return picture(title, bottom + 34, parts)


@dataclass(frozen=True)
class Fates:
    """One row of a histogram: how many documents each bin holds, by what became of them. int[bins] each."""

    name: str
    kept: Sequence[int]
    rest: Sequence[int]  # dropped for another reason
    gone: Sequence[int]
    note: str = ""


FATES = ("kept", "dropped otherwise", "beyond the limit")


def histogram(
    rows: Sequence[Fates],
    scale: Scale,
    limit: float | None,
    title: str,
    unit: str,
    names: tuple[str, str, str] = FATES,
) -> str:
    """One small histogram a row over one axis, the first one tall, and the limit drawn through all of them.

    Each row has a height of its own: what is compared is where documents lie, not how many a source has.
    """
    left, right, top = NAMES, WIDTH - 70, 34
    occur = [
        any(any(counts) for counts in fates)
        for fates in zip(*((row.kept, row.rest, row.gone) for row in rows), strict=True)
    ]
    tall, low = 84.0, float(ROW)
    bottom = top + tall + low * (len(rows) - 1)
    parts = [
        legend(
            [
                one
                for one, there in zip(zip(("kept", "rest", "gone"), names, strict=True), occur, strict=True)
                if there
            ],
            10,
        ),
        words("beyond", WIDTH, 10, "soft end"),
        bottom_axis(scale, Frame(left, top, right, bottom), unit),
    ]
    y = float(top)
    for place, row in enumerate(rows):
        height = tall if place == 0 else low
        y += height
        parts.append(name(row.name, y - 5, kind="end strong" if place == 0 else "end"))
        parts += [words(row.note, WIDTH, y - 5, "soft end"), line(left, y, right, y, "grid")]
        if place == 0:
            most = max(map(sum, zip(row.kept, row.rest, row.gone, strict=True)), default=0)
            parts.append(words(f"up to {brief(most)}", left - 12, y - height + 12, "soft end"))
        parts += layers(row, left, right, y, height - 4)
    if limit is not None:
        x = left + (right - left) * scale.at(limit)
        side = "end" if scale.at(limit) > 0.8 else ""
        parts.append(line(x, top - 6, x, bottom, "limit"))
        parts.append(words(f"limit {brief(limit)}", x + (4 if not side else -4), top - 2, f"strong {side}"))
    return picture(title, bottom + 34, parts)


def layers(row: Fates, left: float, right: float, base: float, height: float) -> Iterator[str]:
    """The three fates on top of each other, painted from the back; whatever is there has a pixel at least."""
    columns = list(zip(row.kept, row.rest, row.gone, strict=True))
    most = max((sum(column) for column in columns), default=0)
    if not most:
        return
    step = (right - left) / len(columns)
    tops = []
    for column in columns:
        tall = 0.0
        steps: list[float] = []
        for count in column:
            tall += max(1.0, height * count / most) if count else 0.0
            steps.append(min(round(tall, 1), height))
        tops.append(steps)
    for layer, kind in ((2, "gone"), (1, "rest"), (0, "kept")):
        there = zip(
            tops, columns, strict=True
        )  # painted only where it is: no hairline of it around the others
        outline = [0.0, *(steps[layer] if column[layer] else 0.0 for steps, column in there), 0.0]
        if any(outline):
            moves = "".join(
                (f"v{shown(round(before - after, 1))}" if before != after else "") + f"h{step:.5g}"
                for before, after in pairwise(outline[:-1])
            )
            yield tag("path", d=f"M{left:g} {base:g}{moves}V{base:g}z", kind=kind)


def flow(stages: Sequence[str], groups: Mapping[str, Sequence[float]], title: str, unit: str) -> str:
    """What passes each stage, as one stream: `groups` gives how much of each is left at first and after every stage.

    What a stage takes leaves at the right.
    """
    left, right, gap, tall = NAMES, WIDTH - 124, 46, 16
    whole = sum(levels[0] for levels in groups.values()) or 1
    step = (right - left) / whole
    parts = [legend([(kind_of(place), one) for place, one in enumerate(groups)], 10, 0)]
    ends = [float(left)] * (len(stages) + 1)
    for place, levels in enumerate(groups.values()):
        for row, level in enumerate(levels):
            y, x, width = 24 + gap * row, ends[row], level * step
            parts.append(box(x, y, width, tall, kind_of(place)) if width else "")
            if row + 1 < len(levels) and levels[row + 1]:
                below = (ends[row + 1], y + gap, levels[row + 1] * step)
                parts.append(ribbon((x, y + tall, width), below, f"flow {kind_of(place)}"))
        ends = [end + level * step for end, level in zip(ends, levels, strict=True)]
    for row, stage in enumerate(["read", *stages]):
        y = 24 + gap * row
        parts.append(name(stage, y + 12, kind="end strong" if row in (0, len(stages)) else "end"))
        stays = sum(levels[row] for levels in groups.values())
        taken = sum(levels[row - 1] for levels in groups.values()) - stays if row else 0.0
        if taken:
            parts.append(box(ends[row] + 1, y, max(1.0, taken * step - 1), tall, "gone"))
            parts.append(words(f"−{brief(taken)} ({share(taken, whole)})", WIDTH, y + tall + 13, "end"))
        parts.append(words(f"{brief(stays)} ({share(stays, whole)})", WIDTH, y + 12, "soft end"))
    height = 24 + gap * len(stages) + 40
    return picture(title, height, [*parts, words(unit, left, height - 8, "soft")])


def kind_of(place: int) -> str:
    """The class of a series; beyond the colours that can be told apart everyone is grey."""
    return f"s{place}" if place < SERIES else "rest"


def ribbon(above: tuple[float, float, float], below: tuple[float, float, float], kind: str) -> str:
    """A band from (x, y, width) down to (x, y, width)."""
    (x, y, wide), (u, v, narrow) = above, below
    middle = (y + v) / 2
    points = [
        x,
        y,
        x + wide,
        y,
        x + wide,
        middle,
        u + narrow,
        middle,
        u + narrow,
        v,
        u,
        v,
        u,
        middle,
        x,
        middle,
        x,
        y,
    ]
    a = [f"{one:.1f}".removesuffix(".0") for one in points]
    curve = f"M{a[0]} {a[1]}H{a[2]}C{' '.join(a[4:10])}H{a[10]}C{' '.join(a[12:])}z"
    return tag("path", d=curve, kind=kind)


def heat(rows: Sequence[Row], title: str, unit: str) -> str:
    """A field of colours: `row`, `column`, `value`, and `told`, what a pointer sees; more is stronger.

    Above 0 is orange where both signs occur, else all is blue.
    """
    down = list(dict.fromkeys(row["row"] for row in rows))
    across = list(dict.fromkeys(row["column"] for row in rows))
    most = max((abs(float(row["value"])) for row in rows), default=1.0) or 1.0
    signed = any(row["value"] < 0 for row in rows)
    cell = min(56.0, (WIDTH - NAMES - 10) / max(1, len(across)))
    top = 16 + 6.1 * max((columns_of(shortened(one, 20)) for one in across), default=0)
    parts = [name(one, top + ROW * place + 15) for place, one in enumerate(down)]
    for place, one in enumerate(across):
        x, y = NAMES + cell * (place + 0.5), top - 6
        label = html.escape(shortened(one, 20))
        parts.append(
            tag("text", label, x=x, y=float(y), kind="soft", transform=f"rotate(-60 {x:.1f} {y:.1f})")
        )
    for row in rows:
        value = float(row["value"])
        x, y = NAMES + cell * across.index(row["column"]), top + ROW * down.index(row["row"])
        kind = ("gone" if value > 0 else "kept") if signed else "kept"
        if not value:
            continue
        told = f"{row['row']} × {row['column']}: {row.get('told') or brief(value)}"
        depth = max(0.06, abs(value) / most)
        parts.append(box(x, y, cell - 1, ROW - 1, kind, told, fill_opacity=f"{depth:.2f}"))
        if cell >= 42:
            parts.append(
                words(
                    brief(value if abs(value) >= 10 else float(f"{value:.2g}")),
                    x + cell / 2,
                    y + 15,
                    "mid on" if depth > 0.5 else "mid",
                )
            )
    bottom = top + ROW * len(down)
    return picture(title, bottom + 20, [*parts, words(unit, NAMES, bottom + 14, "soft")])


def spreads(rows: Sequence[Row], title: str, unit: str, percent: bool = False) -> str:
    """One line a row: `name`, its `value` as a dot within `low` … `high`, and `mark` (what it was before) as a tick."""
    scale = spanned((row[key] for row in rows for key in ("value", "low", "high", "mark")), zero=percent)
    left, right, bottom = NAMES, WIDTH - 20, 6 + ROW * len(rows)

    def at(value: float) -> float:
        return left + (right - left) * scale.at(value)

    parts = [bottom_axis(scale, Frame(left, 4, right, bottom), unit, percent)]
    for place, row in enumerate(rows):
        y = 6 + ROW * (place + 0.5)
        parts += [
            name(row["name"], y + 4),
            line(at(row["low"]), y, at(row["high"]), y, "wide"),
            line(at(row["mark"]), y - 7, at(row["mark"]), y + 7, "tick"),
            tag("circle", cx=at(row["value"]), cy=y, r=4.5, kind="kept"),
        ]
    return picture(title, bottom + 34, parts)


def lines(rows: Sequence[Row], title: str, x: str, y: str, log: bool = False) -> str:
    """`x` and `y` of each row, one line for each `name`; `log`: the x axis in powers of two."""
    across = spanned(math.log2(row["x"]) if log else row["x"] for row in rows)
    up = spanned(row["y"] for row in rows)
    left, right, top, bottom = 56, WIDTH - 170, 28, 262

    def place(row: Row) -> tuple[float, float]:
        at = across.at(math.log2(row["x"]) if log else row["x"])
        return left + (right - left) * at, bottom - (bottom - top) * up.at(row["y"])

    parts = [words(y, 4, 12, "soft"), words(x, right, bottom + 32, "soft end")]
    for value in up.ticks():
        at = bottom - (bottom - top) * up.at(value)
        parts += [line(left, at, right, at, "grid"), words(brief(value), left - 6, at + 4, "soft end")]
    for value in sorted({row["x"] for row in rows}) if log else across.ticks():
        at = left + (right - left) * across.at(math.log2(value) if log else value)
        parts += [line(at, top, at, bottom, "grid"), words(brief(value), at, bottom + 15, "soft mid")]
    for number_, one in enumerate(dict.fromkeys(row["name"] for row in rows)):
        points = [place(row) for row in rows if row["name"] == one]
        color, dash = number_ % SERIES, "6 3" if number_ >= SERIES else None
        path = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
        parts.append(tag("path", d=path, kind=f"l{color}", stroke_dasharray=dash))
        parts += [tag("circle", cx=px, cy=py, r=3, kind=f"s{color}") for px, py in points]
        parts += [box(right + 14, top + 18 * number_, 10, 10, f"s{color}"),
                  words(shortened(one, 20), right + 30, top + 18 * number_ + 9)]  # fmt: skip
    names = len({row["name"] for row in rows})
    return picture(title, max(bottom + 38, top + 18 * names + 8), parts)


def points(rows: Sequence[Row], title: str, x: str, y: str) -> str:
    """`x` against `y`, one small picture for each `name`, with the diagonal where both are equal."""
    small, room, across = 132, 48, 4
    parts, names = [], list(dict.fromkeys(row["name"] for row in rows))
    for number_, one in enumerate(names):
        chosen = [row for row in rows if row["name"] == one]
        scale = spanned(value for row in chosen for value in (row["x"], row["y"]))
        left, top = 44 + (small + room) * (number_ % across), 20 + (small + room) * (number_ // across)

        def at(value: float, scale: Scale = scale) -> float:
            return small * scale.at(value)

        parts += [words(shortened(one, 20), left, top - 6, "strong"),
                  box(left, top, small, small, "grid"), line(left, top + small, left + small, top, "axis")]  # fmt: skip
        for value in even_ticks(scale.low, scale.high, 3):
            parts.append(words(brief(value), left + at(value), top + small + 14, "soft mid"))
            parts.append(words(brief(value), left - 4, top + small - at(value) + 4, "soft end"))
        dots = (f"M{left + at(row['x']):.1f} {top + small - at(row['y']):.1f}h0" for row in chosen)
        parts.append(tag("path", d="".join(dots), kind="dots"))
    height = 20 + (small + room) * -(-len(names) // across) + 6
    return picture(
        title, height, [*parts, words(f"across: {x}; up: {y}", 44, height - 6, "soft")], WIDTH + 20
    )
