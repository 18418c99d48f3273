"""Lines that web pages have and prose has not, as cuts (Penedo et al. 2023, RefinedWeb, appendix G.2)."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from pipeline.data.schemas import CUT, CUTS
from pipeline.kernels.lines import Limits, cut_lines, phrases


@dataclass(frozen=True)
class LineCuts:
    """cuts: the bad lines, each with its newline; words_before: of the text; words_cut: of the bad lines.

    Bad is a line that is mainly upper-case, only digits, a counter ("3 likes"), or at most one word; and a short one
    that begins, ends or holds a known phrase (the paper edits such a line, here it goes as a whole). Blank lines stay.
    A word is a spaced word with a letter or digit in it, or one character of a script without spaces, so that a
    Chinese line is not one word. Phrases are found in any case of ASCII letters; those of other scripts as written.
    """

    max_upper_share: float = 0.5  # of the letters of a line
    max_phrase_words: int = 10  # no phrase is looked for in longer lines
    beginnings: tuple[str, ...] = ("sign-in",)
    endings: tuple[str, ...] = ("read more...", "read more…")
    insides: tuple[str, ...] = ("items in cart",)
    counted: tuple[str, ...] = (
        *("like", "likes", "share", "shares", "view", "views", "comment", "comments", "reply", "replies"),
        *("retweet", "retweets", "repost", "reposts", "follower", "followers", "download", "downloads"),
    )

    reads = ("text",)
    columns = pa.schema(
        [
            pa.field("cuts", CUTS, nullable=False),
            pa.field("words_before", pa.int32(), nullable=False),
            pa.field("words_cut", pa.int32(), nullable=False),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and "" in value:
                raise ValueError(f"{field.name} holds an empty phrase, which every line has")

    @property
    def limits(self) -> Limits:
        known = (self.beginnings, self.endings, self.insides, self.counted)
        return Limits(
            float(self.max_upper_share), self.max_phrase_words, *(phrases(tuple(one)) for one in known)
        )

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        first, cuts, before, cut = cut_lines(documents["text"], self.limits)
        puts = pa.array(np.full(cuts.shape[1], ""), pa.string())
        rows = pa.StructArray.from_arrays([pa.array(cuts[0]), pa.array(cuts[1]), puts], fields=list(CUT))
        lists = pa.ListArray.from_arrays(pa.array(first), rows, type=CUTS)
        return pa.RecordBatch.from_arrays([lists, pa.array(before), pa.array(cut)], schema=self.columns)
