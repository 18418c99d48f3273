"""Lines that web pages have and prose has not, as cuts (Penedo et al. 2023, RefinedWeb, appendix G.2)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.data.schemas import CUTS
from pipeline.kernels.lines import Limits, cut_lines, phrases
from pipeline.measures.cut_lists import check_phrases, cut_lists


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
        check_phrases(self)

    @property
    def limits(self) -> Limits:
        known = (self.beginnings, self.endings, self.insides, self.counted)
        return Limits(
            float(self.max_upper_share), self.max_phrase_words, *(phrases(tuple(one)) for one in known)
        )

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        first, cuts, before, cut = cut_lines(documents["text"], self.limits)
        return pa.RecordBatch.from_arrays(
            [cut_lists(first, cuts), pa.array(before), pa.array(cut)], schema=self.columns
        )
