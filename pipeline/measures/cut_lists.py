"""What measures that cut share: their finds as a column of cuts, and phrases that may not be empty."""

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data.schemas import CUT, CUTS


def cut_lists(first: np.ndarray, cuts: np.ndarray, puts: pa.Array | None = None) -> pa.ListArray:
    """CUTS[texts]: text i has cuts first[i] to first[i + 1]; `cuts` int32[2, cuts] starts and stops, `puts` what is put there."""
    puts = pa.array(np.full(cuts.shape[1], ""), pa.string()) if puts is None else puts
    rows = pa.StructArray.from_arrays([pa.array(cuts[0]), pa.array(cuts[1]), puts], fields=list(CUT))
    return pa.ListArray.from_arrays(pa.array(first), rows, type=CUTS)


def check_phrases(measure: Any) -> None:
    """Refuse an empty phrase in any field of a measure."""
    for field in fields(measure):
        value = getattr(measure, field.name)
        if isinstance(value, tuple) and "" in value:
            raise ValueError(f"{field.name} holds an empty phrase, which every line has")
