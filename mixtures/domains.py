"""Domains: what there is to mix, from domains.yaml, checked with line numbers."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, WithJsonSchema

from pipeline import forms

_TOKENS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kMBGT])")
_TIMES = {"k": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}
PRIOR_TOLERANCE = 0.01


def _tokens(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not (found := _TOKENS.fullmatch(value)):
        raise ValueError(f"'{value}' is no number of tokens; write it like 25000000000, 25B or 1.5T")
    return round(float(found[1]) * _TIMES[found[2]])


_TOKENS_SCHEMA = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{_TOKENS.pattern}$"}]}
Tokens = Annotated[int, BeforeValidator(_tokens), WithJsonSchema(_TOKENS_SCHEMA)]
"""A whole number that YAML may also write as 25B or 1.5T."""


@dataclass(frozen=True)
class Domain:
    """One source of tokens. Its share lies between min and max, and its tokens are read `epochs` times at the most."""

    name: str
    tokens: Tokens  # available
    group: str = "text"
    prior: float | None = None  # its share of what there is; without it, by tokens
    min: float = 0.0
    max: float = 1.0
    epochs: float = (
        4.0  # Muennighoff et al. 2023 (arXiv 2305.16264): up to 4 epochs are nearly as good as new tokens
    )

    def __post_init__(self) -> None:
        if self.tokens < 0:
            raise ValueError(f"'{self.name}' has {self.tokens} tokens; they are 0 or more")
        if not 0 <= self.min <= self.max <= 1:
            raise ValueError(
                f"'{self.name}': min {self.min} and max {self.max} must be shares with 0 ≤ min ≤ max ≤ 1"
            )
        if not (math.isfinite(self.epochs) and self.epochs > 0):
            raise ValueError(f"'{self.name}': epochs {self.epochs} must be above 0")
        if self.prior is not None and not 0 <= self.prior <= 1:
            raise ValueError(f"'{self.name}': prior {self.prior} is no share")
        if self.min > 0 and self.tokens == 0:
            raise ValueError(
                f"'{self.name}' has 0 tokens but min {self.min}; give it tokens, or take its min away"
            )


@dataclass(frozen=True)
class Domains:
    """All sources; names are unique, priors sum to 1."""

    domains: tuple[Domain, ...]

    def __post_init__(self) -> None:
        if not self.domains:
            raise ValueError("no domain is given; name one or more")
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' stands twice; keep one")
        given = [one.prior for one in self.domains if one.prior is not None]
        if given and len(given) < len(names):
            missing = next(one.name for one in self.domains if one.prior is None)
            raise ValueError(f"'{missing}' has no prior while others have one; give all a prior, or none")
        if given and abs(sum(given) - 1) > PRIOR_TOLERANCE:
            raise ValueError(f"the priors sum to {sum(given):.4f}; they must sum to 1")
        if not given and not any(one.tokens for one in self.domains):
            raise ValueError("no domain has tokens; give their number, or a prior")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.domains)

    @property
    def prior(self) -> np.ndarray:
        """float64[domains], sums to 1."""
        raw = np.array([one.tokens if one.prior is None else one.prior for one in self.domains], float)
        return raw / raw.sum()

    def with_names(self, names: tuple[str, ...]) -> Mapping[str, Domain]:
        """By name; a check that both have the same names stands in `tables.ordered`."""
        return {one.name: one for one in self.domains if one.name in names}


def read(path: str) -> Domains:
    """domains.yaml. Raises FormError with the line of every mistake."""
    form = forms.load(Path(path).read_text(encoding="utf-8"), path)
    return forms.build(Domains, form, "domains")
