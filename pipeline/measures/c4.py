"""Lines that C4 does not keep, as cuts, and what is left of each page (Raffel et al. 2020, section 2.2)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.data.schemas import CUTS
from pipeline.kernels.c4 import Limits, cut_page, needles
from pipeline.kernels.lines import phrases
from pipeline.measures.cut_lists import check_phrases, cut_lists


@dataclass(frozen=True)
class C4Cuts:
    """c4_cuts: lines that C4 does not keep, each with its newline, and citation marks ("[3]", "[edit]") of the others;
    of the lines left, sentences, braces ('{') and placeholders (lines that hold a phrase of pages without content).

    A line stays that has enough words, ends in a mark that ends sentences or in a closing quotation mark (behind it only
    white space and citations; no ellipsis), has no endless word and no unwanted phrase; blank lines stay. Words are
    those of measures/refinedweb.py, so that a Chinese line has as many as characters, and marks those of any script.
    The phrases of the paper's code, and what Chinese pages say for them in either script.
    """

    min_words: int = 5  # of a line, the paper; datatrove takes 3
    max_word_length: int = 1000  # characters, the paper's code (c4_utils.py)
    unwanted: tuple[str, ...] = (
        *("javascript", "terms of use", "privacy policy", "cookie policy"),
        *("uses cookies", "use of cookies", "use cookies"),
        *("使用条款", "使用條款", "服务条款", "服務條款", "隐私政策", "隱私政策", "隱私權政策", "使用cookie"),
    )
    placeholders: tuple[str, ...] = ("lorem ipsum",)
    citations: tuple[str, ...] = ("edit", "citation needed", "编辑", "編輯", "来源请求", "來源請求")

    reads = ("text",)
    columns = pa.schema(
        [
            pa.field("c4_cuts", CUTS, nullable=False),
            pa.field("sentences", pa.int32(), nullable=False),
            pa.field("braces", pa.int32(), nullable=False),
            pa.field("placeholders", pa.int32(), nullable=False),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        check_phrases(self)

    @property
    def limits(self) -> Limits:
        sought = needles(tuple(self.unwanted)), needles(tuple(self.placeholders))
        return Limits(self.min_words, self.max_word_length, *sought, phrases(tuple(self.citations)))

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        first, cuts, counts = cut_page(documents["text"], self.limits)
        return pa.RecordBatch.from_arrays(
            [cut_lists(first, cuts), *map(pa.array, counts)], schema=self.columns
        )
