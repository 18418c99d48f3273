"""RedactPersonalData: what is replaced by which placeholder, what is not, and the one limit; nothing is told in clear."""

import pyarrow as pa
import pytest

from pipeline.kernels.cuts import apply
from pipeline.rules.personal import RedactPersonalData
from tests.rules.rows import says, seen

EMAIL, IP, PHONE = "|||EMAIL_ADDRESS|||", "|||IP_ADDRESS|||", "|||PHONE_NUMBER|||"
IDENTITY, CARD, KEY = "|||IDENTITY_NUMBER|||", "|||CARD_NUMBER|||", "|||SECRET_KEY|||"


def redacted(text: str, **fields) -> str:
    rule = RedactPersonalData(**fields)
    return apply(pa.array([text]), seen(rule, text)[rule.cuts])[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("写信到zhang.san@mail.example.com.cn。", f"写信到{EMAIL}。"),
        ("Write to <a+b@example.co.uk>.", f"Write to <{EMAIL}>."),
        ("电话13800138000，或138-0013-8000", f"电话{PHONE}，或{PHONE}"),
        ("手机：+86 138 0013 8000；8613800138000", f"手机：{PHONE}；{PHONE}"),
        ("座机010-62345678转8，(0755)2345678", f"座机{PHONE}转8，{PHONE}"),
        ("Call (212) 555-0100 or +44 20 7183 8750.", f"Call {PHONE} or {PHONE}."),
        ("身份证号11010519491231002X。", f"身份证号{IDENTITY}。"),
        ("卡号6222021234567890128，", f"卡号{CARD}，"),
        ("Card 4111 1111 1111 1111 12/25", f"Card {CARD} 12/25"),
        ("来自81.2.69.160的访问", f"来自{IP}的访问"),
        ("from 2001:4860:4860::8888.", f"from {IP}."),
        ("AKIAIOSFODNN7EXAMPLE", KEY),
        ("密钥ghp_" + "a1B2" * 9, "密钥" + KEY),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow==\n-----END PRIVATE KEY-----\n完", f"{KEY}\n完"),
    ],
)
def test_a_find_makes_way_for_a_placeholder_of_its_kind(text, expected):
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "身份证号110105194912310021",  # the check digit is wrong
        "440524188001010014",  # born in 1880
        "编号110105194913310029 和 99010519491231002X",  # no such month, no such province
        "卡号6222021234567890129",  # Luhn's check fails
        "4000 1234 5678 9010 1234 5678",  # a row of a table
        "订单号138001380001，价格1380.0138000",
        "圆周率3.13800138000，编号a13800138000",
        "192.168.1.1, 10.0.0.1, 127.0.0.1, 300.1.1.1, 1.2.3.4, 1.10.2.3.4, 192.0.2.10",
        "::1 fe80::1 2001:db8::1 12:30:45 a::b",
        "user@localhost, @name, a@b, x@y.z",
        "sk-learn, AKIA1234, github_pat_short, eyJ.eyJ.x",
        "2020-10-10, 1,380,013,800, +8 to +10, (2020) 12345678, 978-7-302-12345-6",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert redacted(text) == text


def test_kinds_that_are_not_asked_for_stay():
    assert redacted("13800138000 a@b.com", kinds=("email",)) == f"13800138000 {EMAIL}"
    with pytest.raises(ValueError, match="kinds: name some of email"):
        RedactPersonalData(kinds=())


@pytest.mark.parametrize(("filler", "find"), [("x", "a@b.com"), ("字", "13800138000")])
def test_a_text_that_is_little_else_goes(filler, find):
    one_in_fifty = [f"{find} {filler * (49 - len(find))}" for _ in range(20)]
    assert says(RedactPersonalData(), "".join(one_in_fifty)) is None
    assert says(RedactPersonalData(), "".join(one_in_fifty)[:-1]) == "mostly_personal_data"


@pytest.mark.parametrize("find", ["a@b.com ", "13800138000，"])
def test_a_few_below_a_short_letter_are_no_reason(find):
    assert (says(RedactPersonalData(), find * 4), says(RedactPersonalData(), find * 5)) == (
        None,
        "mostly_personal_data",
    )


def test_columns_hold_counts_and_places_and_never_what_was_found():
    columns = seen(
        RedactPersonalData(), "a.b@example.com, 13800138000, 11010519491231002X, AKIAIOSFODNN7EXAMPLE"
    )
    assert [
        columns[name][0].as_py() for name in ("emails", "phone_numbers", "identity_numbers", "secret_keys")
    ] == [1, 1, 1, 1]
    told = str(columns.to_pylist())
    assert not any(find in told for find in ("a.b@", "13800138000", "11010519491231002X", "AKIA"))
