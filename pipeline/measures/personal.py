"""What in a text is about one person or opens one door, as cuts that put a placeholder of its kind there."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from pipeline.data.schemas import CUTS
from pipeline.kernels.personal import KINDS, find_personal
from pipeline.measures.cut_lists import cut_lists

Kind = Literal["email", "ip_address", "phone_number", "identity_number", "card_number", "secret_key"]
ALL: tuple[Kind, ...] = (
    "email",
    "ip_address",
    "phone_number",
    "identity_number",
    "card_number",
    "secret_key",
)
PUTS = ("EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER", "IDENTITY_NUMBER", "CARD_NUMBER", "SECRET_KEY")
COLUMNS = ("emails", "ip_addresses", "phone_numbers", "identity_numbers", "card_numbers", "secret_keys")


@dataclass(frozen=True)
class PersonalData:
    """personal_cuts: each find makes way for |||EMAIL_ADDRESS||| and the like (Dolma's and OLMo's form: Soldaini et al. 2024);
    emails … secret_keys: how many of each kind. What was found stands nowhere but in the document itself.

    What counts as one: kernels/personal.py. Public IP addresses only; Chinese identity numbers with their check digit;
    payment cards by network, length and Luhn's check; keys in formats that their issuers made known.
    """

    kinds: tuple[Kind, ...] = ALL

    reads = ("text",)
    columns = pa.schema(
        [
            pa.field("personal_cuts", CUTS, nullable=False),
            *(pa.field(name, pa.int32(), nullable=False) for name in COLUMNS),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise ValueError(f"kinds: name some of {', '.join(KINDS)}, not {', '.join(self.kinds) or 'none'}")

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        wanted = np.array([kind in self.kinds for kind in KINDS])
        first, finds, counts = find_personal(documents["text"], wanted)
        puts = pa.array([f"|||{name}|||" for name in PUTS]).take(pa.array(finds[2]))
        return pa.RecordBatch.from_arrays(
            [cut_lists(first, finds, puts), *map(pa.array, counts)], schema=self.columns
        )
