"""Drop texts whose bytes were once read wrongly."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.garbled import Garbage
from pipeline.rules.shapes import Compared, Comparisons, above, first_of, per

LEAST_HAN = 20  # of fewer, one rare character would be too large a share


@dataclass(frozen=True)
class Garbled:
    """Drop texts whose bytes were once read wrongly: mojibake, lost characters, byte tokens.

    No limits are published; these stand between the most that sound text has, of 46,000 documents, and
    what garbled text has (both beside each limit; tests/benchmarks/garbled.py). Shares are of all
    characters but white space, those of GBK and rare characters of the Han. Rare means outside GB 2312,
    Big5's first level and JIS X 0208 together, so that neither script is.
    """

    max_replaced: float = 0.01  # sound: .0054, in a paper from a PDF
    max_private: float = 0.01  # sound: .0036, in classics with characters that Unicode lacked
    max_controls: float = 0.01  # sound: .0066, in a paper from a PDF
    max_latin_mojibake: float = (
        0.005  # sound: .0024; English with curly quotes, wrongly read: about .01, French .2
    )
    max_latin_runs: float = 0.05  # sound: .0035; Chinese in GBK read as Latin-1: 1
    max_gbk_mojibake: float = 0.25  # sound: .17 of 20 Han or more; Chinese in UTF-8 read as GBK: .64
    max_rare_han: float = 0.2  # sound: .15; Chinese in GBK read as Big5: .34
    max_byte_tokens: float = 0.005  # sound: 0

    needs = (Garbage(),)
    version = 1
    reasons = (
        "too_many_replacement_characters",
        "too_many_private_characters",
        "too_many_control_characters",
        "mojibake",
        "too_many_rare_han",
        "too_many_byte_tokens",
    )

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        def share(count: str, limit: float) -> Compared:
            return above(per(seen[count], seen["visible_characters"]), limit)

        def of_han(count: str, limit: float) -> Compared:
            return above(per(seen[count], seen["han_characters"]), limit, where=enough)

        enough = pc.greater_equal(seen["han_characters"], LEAST_HAN)
        gbk = of_han("gbk_mojibake", self.max_gbk_mojibake)
        latin = share("latin_mojibake", self.max_latin_mojibake)
        runs = share("latin_runs", self.max_latin_runs)
        return {
            "too_many_replacement_characters": share("replacement_characters", self.max_replaced),
            "too_many_private_characters": share("private_characters", self.max_private),
            "too_many_control_characters": share("control_characters", self.max_controls),
            "mojibake": pc.or_(pc.or_(latin.broken, runs.broken), gbk.broken),
            "too_many_rare_han": of_han("rare_han", self.max_rare_han),
            "too_many_byte_tokens": share("byte_tokens", self.max_byte_tokens),
        }
