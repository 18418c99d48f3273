"""Signatures against datasketch, an independent witness, and the error of their estimates against theory."""

import numpy as np
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.minhash import EMPTY, SCHEME, SEED, band_keys, permutations, signatures
from pipeline.kernels.shingles import shingle_sets, shingles
from pipeline.measures.signature import Signature
from tests.oracles import generated
from tests.oracles import shingles as oracle

HASHES = 112


def witness(text: str, functions: np.ndarray | None = None) -> np.ndarray:
    """The signature that datasketch gives the oracle's shingles, each by the low half of its hash."""
    given_ = {} if functions is None else {"permutations": functions}
    sketch = MinHash(HASHES, SEED, hashfunc=lambda value: value & 0xFFFFFFFF, scheme=SCHEME, **given_)
    sketch.update_batch(oracle.shingles(text))
    return sketch.hashvalues


def test_our_permutations_are_those_of_datasketch():
    assert permutations(HASHES).tolist() == MinHash(HASHES, SEED, scheme=SCHEME).permutations.tolist()


@given(generated.batches)
def test_a_signature_is_that_of_datasketch(batch):
    signed, counts = signatures(pa.array(batch, pa.string()), permutations(HASHES))
    assert counts.tolist() == [len(oracle.shingles(text)) for text in batch]
    assert signed.tolist() == [witness(text).tolist() for text in batch]


def test_a_text_without_tokens_has_the_empty_signature():
    signed, counts = signatures(pa.array(["", "…"]), permutations(HASHES))
    assert (signed == EMPTY).all()
    assert counts.tolist() == [0, 0]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1)), min_size=HASHES, max_size=HASHES
    )
)
def test_same_permutations_in_same_signatures_out(drawn):
    functions = np.array([[2 * a + 1 for a, _ in drawn], [b for _, b in drawn]], np.uint32)
    texts = ["the sea is wide and the wind is salt", "海天一色风平浪静，船行水上。"]
    signed, _ = signatures(pa.array(texts), functions)
    assert signed.tolist() == [witness(text, functions).tolist() for text in texts]


def test_the_column_loads_as_lean_minhash():
    """Of the same seed and scheme, so that sketches made elsewhere can be compared with it."""
    text = "it was the best of times it was the worst of times"
    row = Signature()(pa.record_batch({"text": [text]}))["signature"][0].as_py()
    lean = LeanMinHash(seed=SEED, hashvalues=np.frombuffer(row, "<u4"), scheme=SCHEME)
    other = MinHash(HASHES, SEED, hashfunc=lambda value: value & 0xFFFFFFFF, scheme=SCHEME)
    other.update_batch(oracle.shingles(text))
    assert lean.jaccard(other) == 1
    assert lean == LeanMinHash(other)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_the_estimate_has_the_error_that_theory_gives(share):
    """Mean within 4 standard errors of the similarity, spread within 15 % of sqrt(J (1 - J) / k); 400 pairs."""
    chance, length = np.random.default_rng(7), 300
    kept = round(2 * share * length / (1 + share))
    pairs = []
    for _ in range(400):
        words = [f"w{number}" for number in chance.permutation(2 * length)]
        pairs += [" ".join(words[:length]), " ".join([*words[:kept], *words[length : 2 * length - kept]])]
    sets = [set(one) for one in shingle_sets(pa.array(pairs)).to_pylist()]
    truth = np.array([len(a & b) / len(a | b) for a, b in zip(sets[::2], sets[1::2], strict=True)])
    signed, _ = signatures(pa.array(pairs), permutations(HASHES))
    found = (signed[::2] == signed[1::2]).mean(axis=1)
    spread = np.sqrt((truth * (1 - truth) / HASHES).mean())
    assert abs((found - truth).mean()) < 4 * spread / 20
    assert 0.85 < (found - truth).std() / spread < 1.15


def test_a_band_key_is_of_the_whole_tuple_and_of_its_band():
    chance = np.random.default_rng(0)
    signed = chance.integers(0, 2**32, (1000, 6), np.uint32)
    signed[0] = signed[1]
    signed[2] = signed[3][[1, 0, 2, 3, 4, 5]]  # another order
    signed[4], signed[5] = (
        signed[6],
        signed[6] + np.array([1, 2**32 - 1, 0, 0, 0, 0], np.uint32),
    )  # an equal sum
    signed[7] = np.tile(signed[7][:3], 2)  # two equal bands
    keys = band_keys(signed, 3)
    assert keys.dtype == np.uint64
    assert (keys[0] == keys[1]).all()
    assert keys[2, 0] != keys[3, 0]
    assert keys[2, 1] == keys[3, 1]
    assert keys[4, 0] != keys[5, 0]
    assert keys[7, 0] != keys[7, 1]
    assert band_keys(signed, 4).shape == (1000, 2)
    assert not {*band_keys(signed, 6)[:, 0].tolist()} & {*band_keys(signed[:, :3], 3)[:, 0].tolist()}


def test_low_halves_are_spread_evenly():
    """What takes part is 32 bits of each hash: as many distinct ones as chance gives."""
    _, values = shingles(pa.array([" ".join(f"w{number}" for number in range(200_000))]))
    low = values.astype(np.uint32)
    assert len(np.unique(values)) == len(values)
    assert abs(len(low) - len(np.unique(low)) - len(low) ** 2 / 2**33) < 12
