"""KeepLanguages: the score just inside and just outside, both scripts, mixed texts, and what is refused."""

import pyarrow as pa
import pytest

from pipeline.rules.language import KeepLanguages
from tests.rules.rows import says, seen

EN = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. "
ZH = "在苍茫的大海上，狂风卷集着乌云。在乌云和大海之间，海燕像黑色的闪电，在高傲地飞翔。"
TRADITIONAL = "臣亮言：先帝創業未半，而中道崩殂；今天下三分，益州疲弊，此誠危急存亡之秋也。"
POEM = "送外甥鄭灌從軍三首 二\n李白\n丈八蛇矛出隴西，彎弧拂箭白猨啼。\n破胡必用龍韜策，積甲應將熊耳齊。"  # "ja" to the model
FR = "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite."
JA = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いていた。"


@pytest.mark.parametrize("text", [EN, ZH, TRADITIONAL, POEM, EN + ZH, (ZH[:20] + " " + EN[:60] + "\n") * 3])
def test_chinese_in_both_scripts_english_and_their_mixture_stay(text):
    assert says(KeepLanguages(), text) is None


@pytest.mark.parametrize("text", [FR, JA, "Я помню чудное мгновенье: передо мной явилась ты"])
def test_other_languages_go(text):
    assert says(KeepLanguages(), text) == "other_language"


@pytest.mark.parametrize("text", ["", "1 2 3 4 5 6", "…", "👩‍🚀"])
def test_where_the_language_is_unclear_the_text_goes(text):
    assert says(KeepLanguages(), text) in ("uncertain_language", "other_language")


def row(first: str, score: float, second: str = "de", next_score: float = 0.0) -> pa.RecordBatch:
    columns = {"language": first, "language_score": score, "next_language": second, "next_score": next_score}
    kinds = {str: pa.string(), float: pa.float32()}
    return pa.record_batch({name: pa.array([value], kinds[type(value)]) for name, value in columns.items()})


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (row("zh", 0.5), row("zh", 0.49), "uncertain_language"),
        (row("en", 0.5), row("en", 0.49), "uncertain_language"),
        (
            row("zh", 0.3, "en", 0.25),
            row("zh", 0.3, "en", 0.15),
            "uncertain_language",
        ),  # of two kept languages
        (row("fr", 0.4, "en", 0.5), row("fr", 0.51, "en", 0.49), "other_language"),
        (row("en", 0.6), row("fr", 0.99), "other_language"),
    ],
)
def test_the_score_of_kept_languages_decides(inside, outside, reason):
    assert (KeepLanguages()(inside)[0].as_py(), KeepLanguages()(outside)[0].as_py()) == (None, reason)


def test_mixed_text_is_measured():
    shares = seen(KeepLanguages(), "海燕在高傲 fly").to_pylist()[0]
    assert (shares["han_share"], shares["latin_share"]) == (pytest.approx(5 / 8), pytest.approx(3 / 8))


def test_what_is_no_language_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="unknown language 'zhh'; did you mean 'zh'"):
        KeepLanguages(keep=("zhh",))
    with pytest.raises(ValueError, match="keep is empty"):
        KeepLanguages(keep=())
    with pytest.raises(ValueError, match="min_score 50 must be from 0 to 1"):
        KeepLanguages(min_score=50)
