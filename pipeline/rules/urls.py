"""Drop documents by where they come from."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.urls import ListedUrl
from pipeline.rules.shapes import first_of


@dataclass(frozen=True)
class UrlRules:
    """Drop documents whose URL is on a list of hosts and patterns (RefinedWeb, Penedo et al. 2023).

    Bring your own list; a small sample ships (pipeline/measures/urls.txt). A document without a URL
    stays.
    """

    lists: str | tuple[str, ...] = ()  # files, patterns, folders; none: the sample that ships

    files = ("lists",)
    version = 1
    reasons = ("listed_host", "listed_pattern")

    @property
    def needs(self) -> tuple[Any, ...]:
        return (ListedUrl(self.lists),)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        pattern = pc.starts_with(seen["listed"], "/")
        return first_of(listed_host=pc.invert(pattern), listed_pattern=pattern)
