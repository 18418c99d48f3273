"""What is measured: each work with what runs it here, the tools one would pick instead, and the goal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.benchmarks import inputs
from tests.benchmarks.inputs import Input

Facts = Mapping[str, Any]

# Each peer's environment, made by uv below the cache folder: tests/environments.py.
ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "datatrove": (
        *(
            "datatrove==0.10.1",
            "spacy==3.8.7",
            "jieba==0.42.1",
            "nltk==3.9.2",
            "regex==2026.11.19",
            "tldextract==5.4.0",
        ),
        *("orjson==3.13.0", "pyarrow==25.0.1", "tokenizers==0.23.3"),
        *("xxhash==3.6.0", "fasteners==0.20", "humanize==4.17.0"),
    ),
    "data-juicer": ("py-data-juicer==1.6.1", "aiohttp==3.14.5"),
    "datasketch": ("datasketch==2.0.0",),
    "rensa": ("rensa==0.5.0",),
    "fasttext": ("fasttext-numpy2-wheel==0.9.2",),
    "tokenizers": ("tokenizers==0.23.3", "numpy==2.4.6"),
    "resiliparse": ("resiliparse==2.0.1", "pyarrow==25.0.1"),
    "naive": (),
}


class Peer(NamedTuple):
    """A tool on the same work. `megabytes`: of its input; `larger`: once of another, which shows that its rate is constant;
    `quick`: of the one for haste.
    """

    name: str
    work: str
    megabytes: float
    larger: float = 0
    form: str = "jsonl"
    program: str = "libraries.py"

    @property
    def quick(self) -> float:
        return self.megabytes / 4 if self.larger else self.megabytes


Source = Callable[[str, float, str], Input]  # (language, MB or 0 for almost nothing, form)
Check = Callable[[Facts, Facts], str]  # (ours, theirs), of the same documents → what agrees, for people


@dataclass(frozen=True)
class Work:
    """`goal`: by language, MB/s, or with `times` so many times the first peer's rate. `quick`: MB when in haste, 0: not then."""

    name: str
    work: str  # in ours.py
    goal: Mapping[str, float]
    peers: tuple[Peer, ...] = ()
    times: bool = False
    form: str = "arrow"
    megabytes: float = 128
    quick: float = 32
    source: Source = inputs.texts
    unit: str = "MB/s"
    check: Check | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.goal)

    @property
    def in_haste(self) -> tuple[str, ...]:
        """The languages of a quick look: the first, where a peer is slow."""
        return self.languages[: 1 if any(peer.larger for peer in self.peers) else None]


def datatrove(work: str, megabytes: float = 4, larger: float = 0, form: str = "jsonl") -> Peer:
    return Peer("datatrove", work, megabytes, larger, form, "datatrove_works.py")


def data_juicer(work: str) -> Peer:
    return Peer("data-juicer", work, 4, 16, program="data_juicer_works.py")


def library(name: str, megabytes: float, form: str = "jsonl") -> Peer:
    return Peer(name, name, megabytes, form=form)


def equal_labels(ours: Facts, theirs: Facts) -> str:
    same = sum(one == other for one, other in zip(ours["labels"], theirs["labels"], strict=True))
    return f"equal labels {same / len(ours['labels']):.2%} of {len(ours['labels']):,}"


def equal_tokens(ours: Facts, theirs: Facts) -> str:
    if ours["digest"] != theirs["digest"]:
        raise ValueError(f"tokens differ: {ours['tokens']:,} here, {theirs['tokens']:,} theirs")
    return f"all {ours['tokens']:,} tokens equal"


BOTH = ("en", "zh")
WORKS = (
    Work("JSONL → batches in memory", "read", dict.fromkeys(BOTH, 60), (datatrove("read", 256),), form="jsonl"),
    Work("Parquet → batches in memory", "read", dict.fromkeys(BOTH, 100), (datatrove("read", 256, form="parquet"),), form="parquet"),
    Work(
        *("WARC + HTML → documents, MB of HTML", "read", {"pages": 0.9}, (library("resiliparse", 48, "arrow"),)),
        times=True, form="warc", megabytes=48, source=inputs.pages,
    ),
    Work(
        *("rule stages together, text → columns → reasons", "rules", dict.fromkeys(BOTH, 30)),
        (datatrove("rules", 4, 16), data_juicer("rules")), megabytes=90,
    ),
    Work("word segmentation alone (rjieba)", "segment", {"zh": 0}, megabytes=30),
    Work(
        *("language identification", "language", {**dict.fromkeys(BOTH, 2.5), "other": 0}, (library("fasttext", 16),)),
        times=True, check=equal_labels,
    ),
    Work(
        *("language identification, documents over 40 kB", "language", dict.fromkeys(BOTH, 10), (library("fasttext", 16),)),
        times=True, source=inputs.long, megabytes=1000, check=equal_labels,
    ),
    Work(
        *("MinHash signatures alone, 112 hashes", "signatures", {"en": 40, "zh": 30}),
        (library("datasketch", 4), library("rensa", 16)),
    ),
    Work(
        *("near duplicates, documents → marks, pairs verified", "near", {"en": 20, "zh": 15}),
        (datatrove("near", 4, 16), data_juicer("near")), form="jsonl",
    ),
    Work(
        *("decontamination against nine benchmarks", "contamination", dict.fromkeys(BOTH, 20), (datatrove("contamination", 8),)),
        quick=0,
    ),
    Work(
        *("tokenise, byte-level BPE of 64,000", "tokenize", {"en": 30, "zh": 8}, (library("tokenizers", 4),)),
        times=True, check=equal_tokens,
    ),
    Work(
        *("pack, best fit, M documents", "pack", {"lengths": 1}, (Peer("naive", "naive_packing", 0.2),)),
        megabytes=10, quick=4, source=inputs.lengths, unit="M/s",
    ),
    Work(
        *("read → exact duplicates → tokenise → pack (theirs does not pack)", "exact", {"en": 15, "zh": 12}, (datatrove("exact"),)),
        form="jsonl", megabytes=120, quick=30,
    ),
    Work("every stage of web-zh-en (`bench.yaml`)", "bench", {"en": 6, "zh": 4}, form="jsonl", megabytes=60, quick=0),
)  # fmt: skip
