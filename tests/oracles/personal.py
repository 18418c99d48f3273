"""Personal data by regular expressions and arithmetic, character by character."""

import re
from datetime import date

from pipeline.kernels.personal import FORMATS, KINDS, PROVINCES

WORDY = re.compile(r"[A-Za-z0-9_]")
END = r"(?![A-Za-z0-9_])(?![,\-.][0-9])"
LETTERS = {1: "A-Z", 2: "a-z", 4: "0-9", 8: "-", 16: "_"}


def alphabet(bits: int) -> str:
    return (
        "["
        + "".join(letters for bit, letters in sorted(LETTERS.items()) if bits & bit and bit != 8)
        + ("-" if bits & 8 else "")
        + "]"
    )


KEYS = [
    re.compile(f"{re.escape(prefix)}{alphabet(bits)}{{{least},{most}}}(?!{alphabet(bits)})(?![A-Za-z0-9_])")
    for prefix, least, most, bits in FORMATS
]
TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{7,}\.eyJ[A-Za-z0-9_-]{7,}\.[A-Za-z0-9_-]{10,}")
PEM = re.compile(r"-----BEGIN [^\n-]{0,39}?PRIVATE KEY-----")
PEM_END = re.compile(r"-----END [^\n-]{0,39}?PRIVATE KEY-----")
PEM_BODY = re.compile(r"(?:(?!-----END )[A-Za-z0-9_\n\r +,\-/:=\\])*")
V4 = re.compile(r"((?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3})" + END)
V6 = re.compile(r"(?:[0-9A-Fa-f]{1,4})?(?:::?[0-9A-Fa-f]{1,4})*(?:::)?")
INTERNATIONAL = re.compile(r"\+[1-9][0-9]*(?:(?:\)?[ .\-]\(?|\)|\()[0-9]+)*")
MOBILE = re.compile(r"(?:1[3-9][0-9]{9}|1[3-9][0-9][ \-][0-9]{4}[ \-][0-9]{4})" + END)
PREFIXED = re.compile(r"(?:00)?86[ \-]?(?=1)")
LANDLINE = re.compile(r"(?:\(0[0-9]{2,3}\) ?|0[0-9]{2,3}-)[2-8][0-9]{6,7}" + END)
AMERICAN = re.compile(r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}-)[2-9][0-9]{2}[\- .][0-9]{4}" + END)


def find(text: str, kinds: set[str]) -> list[tuple[int, int, str]]:
    """(start, stop, kind), in characters."""
    found, at, run = [], 0, 0
    while at < len(text):
        hit = None
        if at >= run and (local := re.compile(r"[A-Za-z0-9._%+\-]+").match(text, at)):
            run = local.end()
            if text[run : run + 1] == "@" and "email" in kinds:
                hit = email(text, at, run)
        if hit is None and not (at and WORDY.match(text[at - 1])):
            hit = other(text, at, kinds)
        if hit is None:
            at += 1
            continue
        found.append(hit)
        at = hit[1]
        run = max(run, at) if hit[2] == "email" else run
    return found


def email(text: str, at: int, sign: int) -> tuple[int, int, str] | None:
    local = text[max(at, sign - 64) : sign].lstrip(".-+%")
    if not local or local.endswith("."):
        return None
    stop, best = sign + 1, 0
    for place, label in enumerate(re.compile(r"[A-Za-z0-9\-.]*").match(text, sign + 1)[0].split(".")):
        if not label or label.startswith("-") or label.endswith("-"):
            break
        stop += len(label)
        if place and re.fullmatch(r"[A-Za-z]{2,24}|xn-.{2,21}", label):
            best = stop
        stop += 1
    return (sign - len(local), best, "email") if best and text[best : best + 1] != "_" else None


def other(text: str, at: int, kinds: set[str]) -> tuple[int, int, str] | None:
    inside = re.search(r"[0-9][+,\-.]$", text[max(0, at - 2) : at])
    checks = {"secret_key": secret, "ip_address": ip_address}
    if not inside:
        checks |= {"identity_number": identity, "card_number": card, "phone_number": phone}
    for kind, check in checks.items():
        if kind in kinds and (stop := check(text, at)):
            return at, stop, kind
    return None


def secret(text: str, at: int) -> int:
    if head := PEM.match(text, at):
        body = PEM_BODY.match(text, head.end()).end()
        tail = PEM_END.match(text, body)
        return tail.end() if tail else body
    for key in KEYS:
        if hit := key.match(text, at):
            return hit.end()
    if not (at and re.match(r"[A-Za-z0-9_.\-]", text[at - 1])) and (hit := TOKEN.match(text, at)):
        return hit.end()
    return 0


def ip_address(text: str, at: int) -> int:
    if re.search(r"[0-9A-Fa-f]:$", text[max(0, at - 2) : at]):
        return 0
    if not re.search(r"[0-9]\.$", text[max(0, at - 2) : at]) and (hit := V4.match(text, at)):
        numbers = [int(part) for part in hit[1].split(".")]
        if max(numbers) < 256 and len(hit[1]) > 7 and public(numbers):
            return hit.end()
    return version_six(text, at)


def public(numbers: list[int]) -> bool:
    one, two, three, _ = numbers
    private = (
        one in (0, 10, 127) or one >= 224 or (one, two) in ((169, 254), (192, 168), (198, 18), (198, 19))
    )
    shared = (one == 100 and 64 <= two < 128) or (one == 172 and 16 <= two < 32)
    return not (
        private or shared or (one, two, three) in ((192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113))
    )


def version_six(text: str, at: int) -> int:
    """The standard library decides what an address is."""
    import ipaddress

    hit = V6.match(text, at)
    word = hit[0]
    if (
        not word
        or word.startswith(":")
        or re.match(r"(?:[A-Za-z0-9_]|[,\-.][0-9]|:[A-Za-z0-9_])", text[hit.end() : hit.end() + 5])
    ):
        return 0
    try:
        address = ipaddress.IPv6Address(word)
    except ValueError:
        return 0
    groups = len(re.findall(r"[0-9A-Fa-f]+", word))
    wanted = address in ipaddress.ip_network("2000::/3") and address not in ipaddress.ip_network(
        "2001:db8::/32"
    )
    return hit.end() if wanted and groups >= 2 else 0


def identity(text: str, at: int) -> int:
    hit = re.compile(r"[0-9]{17}[0-9Xx]" + END).match(text, at)
    if not hit:
        return 0
    digits = hit[0]
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(digits[:17]))
    if "10X98765432"[total % 11] != digits[17].upper() or int(digits[:2]) not in PROVINCES:
        return 0
    try:
        date(2000, int(digits[10:12]), int(digits[12:14]))  # a leap year
    except ValueError:
        return 0
    return hit.end() if digits[6:8] in ("19", "20") else 0


def card(text: str, at: int) -> int:
    for size in range(19, 13, -1):
        hit = re.compile(rf"[0-9](?:[ \-]?[0-9]){{{size - 1}}}{END}").match(text, at)
        if not hit:
            continue
        digits = re.sub(r"[ \-]", "", hit[0])
        if not network(digits) or not luhn(digits):
            continue
        if hit[0] == digits:
            return hit.end()
        grouped = re.fullmatch(
            r"[0-9]{4}[ \-](?:[0-9]{4}[ \-]|[0-9]{6}[ \-])?(?:[0-9]{4}[ \-])*[0-9]+", hit[0]
        )
        around = re.search(r"[0-9] $", text[max(0, at - 2) : at]) or re.match(
            r" [0-9]{4}", text[hit.end() : hit.end() + 5]
        )
        if grouped and not around:
            return hit.end()
    return 0


def network(digits: str) -> bool:
    patterns = (
        r"62[0-9]{14,17}",
        r"4(?:[0-9]{15}|[0-9]{18})",
        r"5[1-5][0-9]{14}",
        r"65[0-9]{14}",
        r"6011[0-9]{12}",
        r"3[47][0-9]{13}",
    )
    four = int(digits[:4])
    if any(re.fullmatch(pattern, digits) for pattern in patterns):
        return True
    if len(digits) == 16 and (2221 <= four <= 2720 or 3528 <= four <= 3589):
        return True
    return len(digits) == 14 and bool(re.match(r"3[68]|30[0-5]", digits))


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def phone(text: str, at: int) -> int:
    if text[at] == "+":
        hit = INTERNATIONAL.match(text, at, at + 25)
        if (
            not hit
            or not 9 <= sum(map(str.isdigit, hit[0])) <= 15
            or not re.compile(END).match(text, hit.end())
        ):
            return 0
        return hit.end()
    prefix = PREFIXED.match(text, at)
    if prefix and (hit := MOBILE.match(text, prefix.end())):
        return hit.end()
    for pattern in (MOBILE, LANDLINE, AMERICAN):
        if hit := pattern.match(text, at):
            return hit.end()
    return 0


ALL = set(KINDS)
