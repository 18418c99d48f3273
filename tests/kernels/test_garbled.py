"""Garbled text against codecs and expressions, and what typical accidents look like."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.garbled import COUNTS, garbled
from tests.oracles import garbled as oracle
from tests.oracles import generated

ZH = "为了保护民事主体的合法权益，调整民事关系，维护社会和经济秩序，适应中国特色社会主义发展要求。"
TRADITIONAL = "臣亮言：先帝創業未半，而中道崩殂；今天下三分。"
PIECES = (
    *("\ufffd", "\ue000", "\U000f0001", "\0", "\x07", "\x85", "\x9d", "\ufdd0", "\uffff", "\U0001ffff", "<0xE4>", "<0xe4>", "<0x0"),
    *("Ã©", "â€™", "Ã", "©", "Â\xa0", "É»", "Ð¿", "ðŸ˜€", "à–ï", "¤¤¤¤¤", "éèà", "锟斤拷", "烫烫烫烫", "屯屯", "鈥", "锛", "銆"),
    *(ZH.encode().decode("gbk", "replace"), ZH.encode().decode("latin-1"), ZH.encode("gbk").decode("latin-1")),
    *(ZH, TRADITIONAL, "龘", "𠮷", "々", "〇", "対", "a", " "),
)  # fmt: skip
texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    generated.texts,
    st.text("ÃÂâ€™©Ð¿Ñ\x80\x9d鈥锛銆", max_size=12),
)


@given(st.lists(texts, max_size=6))
def test_every_count_is_its_definition(batch):
    assert garbled(pa.array(batch, pa.string())).T.tolist() == [list(oracle.garbled(text)) for text in batch]


@given(st.lists(texts, max_size=5), st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert garbled(whole.slice(start)).tolist() == garbled(whole)[:, start:].tolist()


@pytest.mark.parametrize(
    ("text", "count", "share"),
    [
        (ZH.encode().decode("latin-1"), "latin_mojibake", 0.3),
        ("Привет, мир".encode().decode("latin-1"), "latin_mojibake", 0.4),
        ("déjà vu, ça va".encode().decode("cp1252"), "latin_mojibake", 0.2),
        (ZH.encode().decode("gbk", "replace"), "gbk_mojibake", 0.5),
        (TRADITIONAL.encode().decode("gbk", "replace"), "gbk_mojibake", 0.5),
        (ZH.encode("gbk").decode("latin-1"), "latin_runs", 0.99),
        (ZH.encode("gbk").decode("big5", "replace"), "rare_han", 0.2),
    ],
)
def test_a_wrong_reading_shows(text, count, share):
    found = dict(zip(COUNTS, garbled(pa.array([text]))[:, 0].tolist(), strict=True))
    assert found[count] / found["visible_characters"] > share


@pytest.mark.parametrize(
    "text", [ZH, TRADITIONAL, "“It’s” a café… naïve — «É», 10 °C", "発展途上国の対策", "Größe, señor, são"]
)
def test_sound_text_in_any_script_shows_next_to_nothing(text):
    found = dict(zip(COUNTS, garbled(pa.array([text]))[:, 0].tolist(), strict=True))
    assert found["gbk_mojibake"] <= 1
    assert {count for count, number in found.items() if number} <= {
        "visible_characters",
        "han_characters",
        "gbk_mojibake",
    }


@pytest.mark.shared
@pytest.mark.parametrize("name", ["en_acl_papers", "zh_classical_text", "udhr2_languages"])
def test_real_texts_count_as_their_definition_says(shared, name):
    from tests.kernels.test_real_text import load

    real = [text[:2000] for text in load(shared / "corpus" / f"{name}.jsonl.zst")]
    assert garbled(pa.array(real)).T.tolist() == [list(oracle.garbled(text)) for text in real]
