"""What MAP-NEO's rules for Chinese pages ask of a text's characters (Zhang et al. 2024, arXiv 2405.19327)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.characters import COUNTS, variety
from pipeline.kernels.lines import phrases


@dataclass(frozen=True)
class Variety:
    """int32 columns, described where they are counted (kernels/characters.py, COUNTS); entropy: of the characters, in nats.

    The paper's code counts in the text after NFKC and with Chinese punctuation written as ASCII's; here both forms are
    counted as what they are. It takes distinct characters of the whole text, a share that falls with length whatever the
    text (a law of 10,000 characters has under 1,000): here each window has its own.
    """

    more: tuple[str, ...] = ("readmore", "read more", "展开", "展開", "更多", "。。。")
    window: int = 1000  # characters; texts up to this length are counted as in the paper

    reads = ("text",)
    columns = pa.schema(
        [
            *(pa.field(name, pa.int32(), nullable=False) for name in COUNTS),
            pa.field("entropy", pa.float32(), nullable=False),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        if "" in self.more:
            raise ValueError("more holds an empty phrase, which every line ends in")
        if self.window < 1:
            raise ValueError(f"window is {self.window}; it has at least one character")

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts, entropy = variety(documents["text"], phrases(tuple(self.more)), self.window)
        return pa.RecordBatch.from_arrays([*map(pa.array, counts), pa.array(entropy)], schema=self.columns)
