"""Stages at their places: a recipe's list as what runs, with the key of every result.

A measure's numbers depend on the text it is given, so on the editors before it. A comparison's marks depend on who is alive,
so on every rule and comparison before it: the *chain*. Names of stages decide nothing.
"""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pipeline.data.keys import describe, digest
from pipeline.data.schemas import CUTS, DOCUMENTS
from pipeline.measures.edited import Edited

RULE, EDITOR, COMPARISON, SAMPLE = "rule", "editor", "comparison", "sample"
PLAIN = tuple(name for name in DOCUMENTS.names if not pa.types.is_nested(DOCUMENTS.field(name).type))
ADDRESS = tuple(
    name for name in PLAIN if name not in ("text", "extra")
)  # document columns any stage may look at


@dataclass(frozen=True)
class Where:
    """The rows that a stage speaks of. `homes`: which measure each named column comes from, None for documents' own."""

    limits: Mapping[str, Any] = field(default_factory=dict)
    homes: Mapping[str, "PlacedMeasure | None"] = field(default_factory=dict)

    @property
    def key(self) -> str:
        homes = {name: home and home.key for name, home in self.homes.items()}
        return digest(describe(dict(self.limits)), homes)


@dataclass(frozen=True)
class Edit:
    """One editor's cuts, as later measures and the tokenizer see the text."""

    home: "PlacedMeasure"
    column: str
    where: Where

    @property
    def key(self) -> str:
        return digest(self.home.key, self.column, self.where.key)


@dataclass(frozen=True)
class PlacedMeasure:
    """A measure and the text that it is given. `marks`: no measure, but what a comparison cuts, read from its marks.

    No key says what a comparison cut: of one piece that is told by its marks (`judge.own_cuts`), and of the corpus by the chain.
    """

    measure: Any
    edits: tuple[Edit, ...]
    key: str
    marks: "PlacedStage | None" = None

    @property
    def waits(self) -> "tuple[PlacedStage, ...]":
        """The comparisons whose cuts its text takes: it is measured after the last of them, not when documents are read."""
        return cutting(self.edits)


@dataclass(frozen=True)
class PlacedStage:
    name: str
    kind: str
    rule: Any
    where: Where
    measures: tuple[PlacedMeasure, ...]
    edits: tuple[Edit, ...]  # those before this stage
    before: str  # the chain of all earlier stages
    key: str  # of the stage itself at this place, its own limits included

    @property
    def statistics(self) -> tuple[Any, ...]:
        return tuple(getattr(self.rule, "statistics", ()))

    @property
    def cuts(self) -> bool:
        """Whether it changes the text of later stages: an editor, or a comparison that gives cuts."""
        return hasattr(self.rule, "cuts")

    def edit(self) -> Edit:
        """What an editor, or a comparison that cuts, does to the text of later stages."""
        if self.kind == COMPARISON:
            cut = digest("what a comparison cut", len(self.edits))
            return Edit(PlacedMeasure(self.rule, (), cut, marks=self), self.rule.cuts, Where())
        home = next(placed for placed in self.measures if self.rule.cuts in placed.measure.columns.names)
        return Edit(home, self.rule.cuts, self.where)


@dataclass(frozen=True)
class Placed:
    """A whole recipe's stages. `chain`: who is alive after the last; `edits`: the text that ships."""

    stages: tuple[PlacedStage, ...]
    edits: tuple[Edit, ...]
    chain: str
    chosen: Mapping[str, pa.DataType] = field(default_factory=dict)  # columns that inputs bring along

    @property
    def measures(self) -> tuple[PlacedMeasure, ...]:
        """Every measure once, in the order of first use."""
        used = [measure for stage in self.stages for measure in stage.measures]
        return tuple({measure.key: measure for measure in used}.values())

    @property
    def sizes(self) -> tuple[PlacedMeasure, ...]:
        """What is left of each document before any editor, and after each one."""
        return tuple(size_after(self.edits[:count]) for count in range(len(self.edits) + 1))

    @property
    def comparisons(self) -> tuple[PlacedStage, ...]:
        return tuple(stage for stage in self.stages if stage.kind == COMPARISON)

    @property
    def sample(self) -> PlacedStage | None:
        """The stage that gives copies; it stands last."""
        return next((stage for stage in self.stages if stage.kind == SAMPLE), None)


class PlaceError(ValueError):
    """A stage that cannot stand where it stands; `index`: which."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


class StageError(RuntimeError):
    """An error inside a stage, with the stage's name and the line that raised it."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Name the stage or measure in whose code an error happens."""
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(at.filename)}, line {at.lineno}"
        raise StageError(f"{what} failed in {place}: {type(error).__name__}: {error}") from error


def kind_of(rule: Any) -> str:
    """Which shape an object has; TypeError when it has none of them."""
    if hasattr(rule, "copies") and hasattr(rule, "statistics"):
        return SAMPLE
    if hasattr(rule, "nominate") and hasattr(rule, "settle"):
        return COMPARISON
    if not callable(rule) or not hasattr(rule, "reasons"):
        raise TypeError(
            f"{rule!r} is no stage: a rule has needs, reasons and __call__, a comparison nominate and settle"
        )
    return EDITOR if hasattr(rule, "cuts") else RULE


def place(stages: Iterable[Any], chosen: Mapping[str, pa.DataType] | None = None) -> Placed:
    """The stages of a recipe (rule, where, name) at their places. `chosen`: the columns that inputs bring along.

    PlaceError for a stage without a shape, and for a column that is not there or not of the type that is asked of it.
    """
    chosen = dict(chosen or {})
    placed: list[PlacedStage] = []
    edits: tuple[Edit, ...] = ()
    homes: dict[str, PlacedMeasure | None] = dict.fromkeys((*ADDRESS, *chosen))
    chain = digest("nobody was dropped")
    for index, stage in enumerate(stages):
        try:
            one = place_one(stage, edits, homes, chain)
            check_columns(one, chosen)
        except (ValueError, TypeError) as error:
            raise PlaceError(index, str(error)) from error
        placed.append(one)
        chain = digest(chain, one.key)
        homes |= {column: home for home in one.measures for column in home.measure.columns.names}
        edits = (*edits, one.edit()) if one.cuts else edits
    return Placed(tuple(placed), edits, chain, chosen)


def place_one(
    stage: Any, edits: tuple[Edit, ...], homes: Mapping[str, PlacedMeasure | None], chain: str
) -> PlacedStage:
    rule, kind = stage.rule, kind_of(stage.rule)
    unique = dict.fromkeys(getattr(rule, "needs", ()))  # equal measures are computed once
    measures = tuple(place_measure(measure, edits) for measure in unique)
    if kind == SAMPLE and (home := find_home(f"{stage.name}: by", getattr(rule, "by", "source"), homes)):
        measures = (*measures, home)
    where = Where(
        dict(stage.where), {name: find_home(f"{stage.name}: where", name, homes) for name in stage.where}
    )
    one = PlacedStage(stage.name, kind, rule, where, measures, edits, chain, stage_key(rule, where, measures))
    if kind == EDITOR and one.edit().home.measure.columns.field(rule.cuts).type != CUTS:
        raise TypeError(f"{stage.name}: column {rule.cuts!r} of an editor has type {CUTS}")
    return one


def stage_key(rule: Any, where: Where, measures: tuple[PlacedMeasure, ...]) -> str:
    statistics = [describe(one) for one in getattr(rule, "statistics", ())]
    return digest(describe(rule), statistics, where.key, [measure.key for measure in measures])


def place_measure(measure: Any, edits: tuple[Edit, ...]) -> PlacedMeasure:
    """Editors concern only measures that read the text."""
    seen = edits if "text" in measure.reads else ()
    return PlacedMeasure(measure, seen, digest(describe(measure), [edit.key for edit in seen]))


def check_files(placed: PlacedMeasure | PlacedStage) -> None:
    """Refuse files that a measure or stage loads when they are no more what they were when the run was planned."""
    one = placed.rule if isinstance(placed, PlacedStage) else placed.measure
    loaded = [getattr(one, name) for name in getattr(one, "files", ())]
    if any(loaded) and key_now(placed) != placed.key:
        names = ", ".join(str(paths) for paths in loaded)
        raise RuntimeError(f"{names}: changed since the run was planned; run again")


def key_now(placed: PlacedMeasure | PlacedStage) -> str:
    """The key by the files as they lie there now."""
    if isinstance(placed, PlacedStage):
        return stage_key(placed.rule, placed.where, placed.measures)
    return place_measure(placed.measure, placed.edits).key


def check_columns(stage: PlacedStage, chosen: Mapping[str, pa.DataType]) -> None:
    """Refuse limits of another type than their column, and names that would mean two things."""
    for name, limit in stage.where.limits.items():
        home = stage.where.homes[name]
        kind = home.measure.columns.field(name).type if home else own_type(name, chosen)
        for value in values_of(limit):
            as_scalar(value, kind, f"{stage.name}: where: {name}")
    for home in stage.measures:
        if double := sorted(set(home.measure.columns.names) & {*chosen, *DOCUMENTS.names}):
            raise ValueError(
                f"{stage.name}: column {double[0]!r} is measured here and brought by an input; rename the input's"
            )
    if stage.kind == SAMPLE:
        check_sample(stage, chosen)


def check_sample(stage: PlacedStage, chosen: Mapping[str, pa.DataType]) -> None:
    """Refuse groups that are no single values, a mixture that cannot be taken, and a name that would mean two things."""
    by = getattr(stage.rule, "by", "source")
    kinds = [
        home.measure.columns.field(by).type for home in stage.measures if by in home.measure.columns.names
    ]
    if kinds and pa.types.is_nested(kinds[0]):
        raise ValueError(f"{stage.name}: by: column {by!r} is {kinds[0]}; groups are single values")
    getattr(stage.rule, "named", ())  # reads the mixture
    if "tokens" in chosen:
        raise ValueError(f"{stage.name}: an input brings a column 'tokens', which is ours here; rename it")


def own_type(name: str, chosen: Mapping[str, pa.DataType]) -> pa.DataType:
    """The type of a document's own column."""
    return chosen[name] if name in chosen else DOCUMENTS.field(name).type


def values_of(limit: Any) -> list[Any]:
    """The single values in a limit of `where`."""
    if isinstance(limit, Mapping):
        return list(limit.values())
    return list(limit) if isinstance(limit, list | tuple) else [limit]


def as_scalar(value: Any, kind: pa.DataType, what: str = "where") -> pa.Scalar:
    """A limit in its column's type: dates as ISO 8601, ids and digests in hex. ValueError where it is of another type."""
    fits: dict[Callable[[pa.DataType], bool], Any] = {
        pa.types.is_string: str,
        pa.types.is_boolean: bool,
        pa.types.is_integer: int,
        pa.types.is_floating: (int, float),
        pa.types.is_timestamp: str,
        pa.types.is_fixed_size_binary: str,
    }
    wanted = next((types for test, types in fits.items() if test(kind)), None)
    if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ValueError(f"{what} is {kind}, so {value!r} can be no limit of it")
    try:
        if pa.types.is_timestamp(kind):
            moment = datetime.fromisoformat(value)
            return pa.scalar(moment if moment.tzinfo else moment.replace(tzinfo=UTC), kind)
        return pa.scalar(bytes.fromhex(value) if pa.types.is_fixed_size_binary(kind) else value, kind)
    except (ValueError, OverflowError, pa.ArrowInvalid) as error:
        raise ValueError(f"{what} is {kind}, so {value!r} can be no limit of it ({error})") from error


def find_home(place: str, column: str, homes: Mapping[str, PlacedMeasure | None]) -> PlacedMeasure | None:
    if column not in homes:
        raise ValueError(
            f"{place}: unknown column {column!r}; known at this place: {', '.join(sorted(homes))}"
        )
    return homes[column]


def cutting(edits: tuple[Edit, ...]) -> tuple[PlacedStage, ...]:
    """The comparisons among these edits."""
    return tuple(edit.home.marks for edit in edits if edit.home.marks is not None)


def size_after(edits: tuple[Edit, ...]) -> PlacedMeasure:
    """The measure that says how many characters these editors left."""
    return place_measure(Edited(), edits)
