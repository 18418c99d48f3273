"""What every step of a run is given, and the two things that travel between steps: splits in, pieces on.

All three are plain values; a split or a piece crosses an engine as its JSON text.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.data.keys import describe, digest
from pipeline.data.store import Store
from pipeline.readers import Extent, Reading
from pipeline.steps.placed import Placed

PIECE_BYTES = 64 << 20  # of text
PIECE_ROWS = 250_000


@dataclass(frozen=True)
class Split:
    """One unit of reading: a range of a large file, a whole archive, or a batch of small files.

    `key` says what was planned: reading, addresses, fingerprints. `prints`: the fingerprint of each extent's file.
    """

    input: str
    key: str
    extents: tuple[Extent, ...]
    prints: tuple[str, ...]
    bytes: int  # on disk
    batches: int = 0  # how many batches this input's small files are dealt to; 0 when this is none
    limit: int | None = None  # documents at most, when a recipe is tried
    reading: str = ""  # the key of how it is read

    @property
    def part_of(self) -> str:
        """The file that it is a range of; empty where it reads whole files."""
        first = self.extents[0]
        return first.relative if first.start or first.stop is not None else ""

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def loads(text: str) -> "Split":
        fields = json.loads(text)
        extents = tuple(Extent(**extent) for extent in fields.pop("extents"))
        return Split(extents=extents, prints=tuple(fields.pop("prints")), **fields)


def reading_key(reading: Reading) -> str:
    """How an input is read, as part of keys."""
    return digest(describe(reading))


@dataclass(frozen=True)
class Home:
    """Where documents are kept: one file, in id order, named by its digest."""

    name: str

    @property
    def documents(self) -> str:
        return f"documents/{self.name}.parquet"


@dataclass(frozen=True)
class Piece(Home):
    """A home with all that is known of its documents."""

    input: str
    rows: int
    bytes: int  # of text
    fold: tuple[int, int]  # of all rows: folds of pieces add up to the same, however they were cut
    first: str  # ids
    last: str

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def loads(text: str) -> "Piece":
        fields = json.loads(text)
        return Piece(fold=tuple(fields.pop("fold")), **fields)


@dataclass(frozen=True)
class Corpus:
    """All pieces of a run. `digest` names its documents however they were cut, `cut` the pieces themselves."""

    rows: int
    bytes: int
    fold: tuple[int, int]
    cut: str  # a digest of the pieces' names: for steps that leave files piece by piece, or speak of pieces

    @property
    def digest(self) -> str:
        return digest(self.rows, self.bytes, [f"{lane:016x}" for lane in self.fold])

    @staticmethod
    def of(pieces: "list[Piece]") -> "Corpus":
        """The sum of the pieces, in any order."""
        lanes = [sum(piece.fold[lane] for piece in pieces) % (1 << 64) for lane in (0, 1)]
        rows, size = sum(piece.rows for piece in pieces), sum(piece.bytes for piece in pieces)
        return Corpus(rows, size, (lanes[0], lanes[1]), digest(sorted(piece.name for piece in pieces)))

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def loads(text: str) -> "Corpus":
        fields = json.loads(text)
        return Corpus(fold=tuple(fields.pop("fold")), **fields)


@dataclass(frozen=True)
class Pack:
    """How documents become packs: the fields of the recipe's output that can change a shard's bytes."""

    tokenizer: str  # path
    tokenizer_digest: str
    end_token: str
    pad_token: str
    length: int
    pool_tokens: int
    seed: int


@dataclass(frozen=True)
class Work:
    """The settings of one run. Only `store`, `readings`, `placed`, `pack` and `taken` decide; the rest may differ between equal runs."""

    store: Store
    readings: Mapping[str, Reading]  # by input name
    placed: Placed
    pack: Pack
    piece_bytes: int = PIECE_BYTES
    piece_rows: int = PIECE_ROWS
    buckets: int | None = None  # of a comparison; None: from the number of rows
    taken: str = ""  # the list of what was taken down, see `steps/taken.py`; it decides too
    pools: int | None = None  # None: from the tokens that ship

    @property
    def tokens_key(self) -> str:
        """What decides the tokens of a text: tokenizer, end token, editors."""
        return digest(
            self.pack.tokenizer_digest, self.pack.end_token, [edit.key for edit in self.placed.edits]
        )
