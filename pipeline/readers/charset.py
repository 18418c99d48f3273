"""Bytes of the web → text: by what they say of themselves, by what they are said to be, by what they look like."""

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
WIDER = {"gbk": "gb18030", "big5": "big5hkscs"}  # as browsers read them (WHATWG Encoding, 10.2 and 11.1)


def decode(data: bytes, said: str | None) -> tuple[str, str]:
    """(text, charset). Bytes that are no characters of the charset become U+FFFD.

    A byte-order mark first; then UTF-8 where all is UTF-8, for other charsets seldom make it by chance and servers are often
    wrong; then what the server said, what <meta> says, and last uchardet's guess.
    """
    for mark, charset in MARKS:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(charset, "replace"), charset
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        known = map_encoding_to_html5(said, fallback_utf8=False) if said else None
        charset = known or detect_encoding(data, from_html_meta=True) or "utf-8"
        charset = WIDER.get(charset, charset)
        return data.decode(charset, "replace"), charset
