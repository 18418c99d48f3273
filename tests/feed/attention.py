"""A tiny attention model in NumPy, right or wrong in the two ways that packing invites."""

from dataclasses import dataclass

import numpy as np

WIDTH, VOCABULARY = 16, 50


@dataclass(frozen=True)
class Attention:
    """One causal head over embeddings of tokens and positions; `masked`: within segments, `reset`: given positions."""

    masked: bool = True
    reset: bool = True
    length: int = 256

    def __call__(self, tokens: np.ndarray, positions: np.ndarray, segments: np.ndarray) -> np.ndarray:
        chance = np.random.default_rng(0)
        sizes = ((VOCABULARY, WIDTH), (self.length, WIDTH), *([(WIDTH, WIDTH)] * 3), (WIDTH, VOCABULARY))
        words, places, query, key, value, out = (
            chance.normal(size=size).astype(np.float32) for size in sizes
        )
        places_of = positions if self.reset else np.arange(tokens.shape[1])[None]
        seen = words[tokens] + places[places_of]
        scores = (seen @ query) @ (seen @ key).swapaxes(1, 2) / np.float32(WIDTH)
        may = np.tri(tokens.shape[1], dtype=bool)[None]
        if self.masked:
            may = may & (segments[:, :, None] == segments[:, None, :])
        scores = np.where(may, scores, -np.inf)
        weights = np.exp(
            scores - scores.max(2, keepdims=True)
        )  # of what may be seen: a larger one elsewhere would leak
        return (seen + weights / weights.sum(2, keepdims=True) @ (seen @ value)) @ out
