"""Each limit of Garbled, with a text just inside and one just outside, in Chinese and English."""

import pytest

from pipeline.rules.garbled import Garbled
from tests.rules.rows import says

ZH = "为了保护民事主体的合法权益，调整民事关系，维护社会和经济秩序，适应中国特色社会主义发展要求，弘扬核心价值观。"
EN = "Manyapeoplesaythatthisisafinedaytogoouttotheseaandhavealookattheshipsthatcomeinandtheonesthatleave."
HAN = "".join(dict.fromkeys(ZH.replace("，", "")))[:20]


def of(bad: str, number: int, length: int, filler: str) -> str:
    """A text of so many characters, so many of them bad."""
    return bad * number + (filler * length)[: length - number * len(bad)]


@pytest.mark.parametrize("filler", [ZH, EN], ids=["zh", "en"])
@pytest.mark.parametrize(
    ("bad", "inside", "outside", "length", "reason"),
    [
        ("\ufffd", 10, 11, 1000, "too_many_replacement_characters"),
        ("\ue001", 10, 11, 1000, "too_many_private_characters"),
        ("\x07", 10, 11, 1000, "too_many_control_characters"),
        ("Ã©,", 5, 6, 1000, "mojibake"),
        ("â€™,", 5, 6, 1000, "mojibake"),
        ("ÖÐ¹ú,", 12, 13, 1000, "mojibake"),
        ("<0xE4>", 5, 6, 1000, "too_many_byte_tokens"),
    ],
)
def test_a_limit_drops_what_is_just_outside(bad, inside, outside, length, reason, filler):
    rule = Garbled(max_latin_mojibake=1) if bad.startswith("Ö") else Garbled()
    assert says(rule, of(bad, inside, length, filler)) is None
    assert says(rule, of(bad, outside, length, filler)) == reason
    assert reason in Garbled.reasons


def test_utf_8_read_as_gbk_is_told_by_its_share_of_the_han():
    """浣犲ソ is 你好 with two characters found, of which the first two count as Han."""
    lax = Garbled(max_rare_han=1)
    assert says(lax, "浣犲ソ，" * 10 + HAN * 3) is None  # 20 finds of 80 Han
    assert says(lax, "浣犲ソ，" * 11 + HAN * 3) == "mojibake"  # 22 of 82
    assert says(lax, "浣犲ソ，" * 10) == "mojibake"
    assert says(lax, "浣犲ソ，" * 9) is None  # fewer than 20 Han: too few to say so


def test_rare_han_in_either_script_are_told_by_their_share():
    rare = "㐀㐁㐂㐃"
    assert says(Garbled(), rare + HAN[:16]) is None
    assert says(Garbled(), rare + "㐄" + HAN[:15]) == "too_many_rare_han"
    assert says(Garbled(), rare * 4) is None  # fewer than 20


@pytest.mark.parametrize(
    "text",
    [
        ZH,
        "臣亮言：先帝創業未半，而中道崩殂；今天下三分，益州疲弊，此誠危急存亡之秋也。",
        "壬戌之秋，七月既望，蘇子與客泛舟遊於赤壁之下。清風徐來，水波不興。",
        "“It’s” a café… naïve — «É», 10 °C, Größe, señor, são, Ελλάδα, Привет, 対策",
    ],
)
def test_sound_texts_stay_in_any_script(text):
    assert says(Garbled(), text * 3) is None


@pytest.mark.parametrize("encoding", ["latin-1", "gbk"])
def test_a_page_read_in_the_wrong_encoding_goes(encoding):
    assert says(Garbled(), ZH.encode().decode(encoding, "replace").replace("\ufffd", "")) is not None
    assert says(Garbled(), "ÖÐ" + ZH.encode("gbk").decode("latin-1")) == "mojibake"
