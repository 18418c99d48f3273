"""One WARC or ARC record of a response → its text, or the type by which it is passed over. Runs in a helper.

FastWARC reads WARC records, warcio ARC ones (FastWARC knows no ARC).
"""

import base64
import hashlib
import io
import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from fastwarc.warc import WarcRecord
from resiliparse.parse.encoding import detect_mime
from warcio.bufferedreaders import ChunkedDataReader
from warcio.recordloader import ArcWarcRecordLoader

from pipeline.readers.charset import MARKS, decode
from pipeline.readers.frames import Frame
from pipeline.readers.helper import Ask
from pipeline.readers.pages import page
from pipeline.readers.records import WARC
from pipeline.readers.shape import Refused

HTML = re.compile(r"text/html|application/xhtml\+xml")
TEXT = re.compile(r"text/.*|application/(?:json|xml|(?:x-)?javascript|ecmascript|[^/]*\+json|[^/]*\+xml)")
LOOKS_HTML = (
    re.compile(  # possessive: how comments can be parted in two is as many ways as there are sets of them
        rb"(?is)\s*+(?:<\?xml[^>]*+>\s*+)?+(?:<!--.*?-->\s*+)*+<(?:!doctype\s+html|html|head|body)\b"
    )
)
GZIP = b"\x1f\x8b"
DIGESTS = ("md5", "sha1", "sha256", "sha512")


class Response(NamedTuple):
    """What a record says, its payload unread."""

    url: str | None
    date: str | None
    status: int
    mime: str  # lower case, empty where it is not said
    charset: str | None
    encoding: str  # of the payload
    fields: dict[str, Any]


NOT_HTTP = Response(None, None, 0, "", None, "", {})
Opened = tuple[
    Response, Callable[[], bytes]
]  # the second gives the payload, of more than `limit` bytes only one more


def extract(job: Frame, _ask: Ask) -> Frame:
    """Head: url, date, fields, or passed_over where there is no text to have; body: the text in UTF-8.

    The job's head: `arc`, `limit`, the bytes of a payload, and `size`, those of the record when not all of it is here. Refused:
    wrong_digest, broken_payload, too_large, not_text, and those of pipeline.readers.pages.
    """
    open_ = arc if job.head["arc"] else warc
    response, payload = open_(job.body, job.head["limit"])
    if (passed := passed_over(response)) is not None:
        return Frame({"passed_over": passed})
    if job.head.get("size"):
        raise Refused("too_large", f"a record of {job.head['size']:,} bytes")
    return text_of(response, unpacked(response, payload(), job.head["limit"]))


def warc(data: bytes, limit: int) -> Opened:
    record = WarcRecord.from_bytes(data)
    if not record.is_http:
        return NOT_HTTP, bytes
    record.parse_http()
    headers = {name.lower(): value for name, value in record.http_headers.items()}
    fields = {"record": record.record_id, "truncated": record.headers.get("WARC-Truncated")}
    url = (record.headers.get("WARC-Target-URI") or "").strip("<> ")
    response = Response(
        url or None,
        record.headers.get("WARC-Date"),
        record.http_headers.status_code or 0,
        (record.http_content_type or "").lower(),
        record.http_charset,
        headers.get("content-encoding", "").strip().lower(),
        fields,
    )
    said = record.headers.get("WARC-Block-Digest")
    return response, lambda: warc_payload(data, said, response.encoding, limit)


def warc_payload(data: bytes, digest: str | None, encoding: str, limit: int) -> bytes:
    """The payload, its chunks joined; as it stands where it is not in chunks, whatever its header says."""
    check_digest(digest, data)
    for decoding in (*(("all",) if encoding in ("br", "zstd") else ()), "transfer", "none"):
        record = WarcRecord.from_bytes(data)
        try:
            record.parse_http(auto_decode=decoding)
            return record.reader.read(limit + 1)
        except OSError as error:
            found = error
    raise Refused("broken_payload", str(found)[:200])


def arc(data: bytes, limit: int) -> Opened:
    if not data.partition(b"\n")[2].startswith(b"HTTP/"):
        return NOT_HTTP, bytes
    record = ArcWarcRecordLoader().parse_record_stream(io.BytesIO(data), known_format="arc")
    headers = {name.lower(): value for name, value in record.http_headers.headers}
    mime, _, parameters = headers.get("content-type", "").partition(";")
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", parameters, re.IGNORECASE)
    response = Response(
        record.rec_headers.get_header("WARC-Target-URI"),
        record.rec_headers.get_header("WARC-Date"),
        int(status) if (status := record.http_headers.get_statuscode()).isdecimal() else 0,
        mime.strip().lower(),
        charset and charset[1],
        headers.get("content-encoding", "").strip().lower(),
        {},
    )
    stream = record.raw_stream
    if "chunked" in headers.get("transfer-encoding", "").lower():
        stream = ChunkedDataReader(stream, decomp_type=None)
    return response, lambda: stream.read(limit + 1)


def check_digest(said: str | None, data: bytes) -> None:
    """Refused: wrong_digest. Base 32 is usual, hex and base 64 are seen; what is none of them says nothing."""
    name, _, value = (said or "").partition(":")
    if name.lower() not in DIGESTS:
        return
    head = WARC.ends.search(data)
    body = memoryview(data)[head.end() if head else 0 :]
    found = hashlib.new(name.lower(), body, usedforsecurity=False).digest()
    forms = {base64.b32encode(found).decode().rstrip("="), found.hex().upper()}
    given = value.strip().rstrip("=").upper()
    if len(given) in map(len, forms) and given not in forms:
        raise Refused("wrong_digest", f"{said}, but its bytes give {name}:{min(forms, key=len)}")


def passed_over(response: Response) -> str | None:
    """The type by which a response is no document: its status, or a media type without text."""
    if response is NOT_HTTP:
        return "response, not HTTP"
    if not 200 <= response.status < 300:
        return (
            f"response {response.status // 100}xx" if 100 <= response.status < 600 else "response, odd status"
        )
    if not response.mime or TEXT.fullmatch(response.mime) or HTML.fullmatch(response.mime):
        return None
    top = response.mime.partition("/")[0]
    return f"response {top}" if top in TOP_LEVEL else "response, odd type"


def unpacked(response: Response, payload: bytes, limit: int) -> bytes:
    """The payload as it was before its Content-Encoding, where it still has it. Refused: too_large, broken_payload."""
    if response.encoding in ("gzip", "x-gzip", "deflate") and looks_packed(payload, response.encoding):
        payload = inflated(payload, response.encoding, limit)
    if len(payload) > limit:
        raise Refused("too_large", f"a payload of more than {limit:,} bytes")
    return payload


def looks_packed(payload: bytes, encoding: str) -> bool:
    """Crawlers unpack payloads and leave the header: gzip and zlib say by their first bytes what they are."""
    zlib_header = len(payload) > 1 and payload[0] & 15 == 8 and (payload[0] << 8 | payload[1]) % 31 == 0
    return payload.startswith(GZIP) or (encoding == "deflate" and zlib_header)


def inflated(payload: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` + 1 bytes. Refused: broken_payload."""
    member = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        data = member.decompress(payload, limit + 1)
    except zlib.error as error:
        raise Refused("broken_payload", f"{encoding}: {error}") from error
    if not member.eof and len(data) <= limit:
        raise Refused("broken_payload", f"{encoding}: ends early")
    return data


def looks_like(payload: bytes, charset: str) -> str | None:
    """The media type of bytes that are no text: by their beginning, or by more than one NUL in a hundred; else None."""
    if payload.startswith(MARKS_OF_TEXT) or charset.lower().startswith(("utf-16", "utf_16")):
        return None
    kind = detect_mime(payload[:1024])  # octet-stream is said of tabs, too
    if kind != UNKNOWN and not TEXT.fullmatch(kind) and not HTML.fullmatch(kind):
        return kind
    return UNKNOWN if payload.count(0) * 100 > len(payload) else None


def text_of(response: Response, payload: bytes) -> Frame:
    """The document's text, HTML as its main text. Refused: not_text."""
    kind = looks_like(payload, response.charset or "")
    if kind is not None:
        raise Refused("not_text", f"said to be {response.mime or 'nothing'}, looks like {kind}")
    is_html = HTML.fullmatch(response.mime) or (not response.mime and LOOKS_HTML.match(payload))
    if is_html:
        found = page(payload, response.charset)
    else:
        text, charset = decode(payload, response.charset)
        found = Frame({"charset": charset}, text.encode())
    fields = {
        "mime": response.mime or ("text/html" if is_html else "text/plain"),
        **found.head,
        **response.fields,
    }
    return Frame({"url": response.url, "date": response.date, "fields": fields}, found.body)


TOP_LEVEL = ("application", "audio", "font", "image", "message", "model", "multipart", "video")
UNKNOWN = "application/octet-stream"
MARKS_OF_TEXT = tuple(mark for mark, _ in MARKS)
