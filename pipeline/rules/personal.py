"""Put placeholders where personal data stood, and drop texts that are little else."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.personal import ALL, COLUMNS, Kind, PersonalData
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import Comparisons, above, first_of, per


@dataclass(frozen=True)
class RedactPersonalData:
    """Put placeholders where e-mail and IP addresses, personal numbers and secret keys stood.

    Phone, identity and card numbers, public IP addresses. Each is counted by kind, none is written
    anywhere else. What no check digit or form tells apart stays: names, postal addresses, account
    numbers, numbers with digits in full width or in Han, "name at host dot com". Version numbers of four
    parts, one above 9, go as addresses. No measured recall on labelled data: none is at hand.
    """

    kinds: tuple[Kind, ...] = ALL
    max_finds: int = 4  # that any text may have, such as those below a letter
    max_per_1000: float = 20.0  # finds per 1,000 characters, more is a directory or a dump: both chosen here

    cuts = "personal_cuts"
    version = 1
    reasons = ("mostly_personal_data",)

    def __post_init__(self) -> None:
        PersonalData(self.kinds)

    @property
    def needs(self) -> tuple[Any, ...]:
        return (PersonalData(self.kinds), Surface())

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        finds = reduce(pc.add, (seen[name] for name in COLUMNS))
        share = pc.multiply(per(finds, seen["characters"]), 1000)
        many = pc.greater(finds, self.max_finds)
        return {"mostly_personal_data": above(share, self.max_per_1000, where=many)}
