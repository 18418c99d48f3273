"""Web archives made by hand: records as bytes, right ones by default."""

import base64
import hashlib
from typing import Any

URL, DATE = "http://a.example/海", "2024-02-29T12:00:00Z"


def record(kind: str, body: bytes, length: int | None = None, url: str | None = URL, **headers: str) -> bytes:
    """One WARC record; `length`: another Content-Length than is true. Header names with _ for -."""
    said = {
        "WARC-Type": kind,
        "WARC-Date": DATE,
        **({"WARC-Target-URI": url} if url else {}),
        "Content-Type": "application/http; msgtype=response",
        **{name.replace("_", "-"): value for name, value in headers.items()},
        "Content-Length": str(len(body) if length is None else length),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return b"WARC/1.0\r\n" + lines.encode() + b"\r\n" + body + b"\r\n\r\n"


def http(
    payload: bytes,
    mime: str | None = "text/html",
    charset: str | None = None,
    status: int = 200,
    **headers: str,
) -> bytes:
    """An HTTP response."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    if mime is not None:
        said["Content-Type"] = mime + (f"; charset={charset}" if charset else "")
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status} OK\r\n{lines}\r\n".encode() + payload


def response(payload: bytes, length: int | None = None, digest: str | None = None, **fields: Any) -> bytes:
    """A response record around a payload; `fields` as those of `http`."""
    body = http(payload, **fields)
    return record("response", body, length, **({"WARC_Block_Digest": digest} if digest else {}))


def sha1(body: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def warc(*records: bytes) -> bytes:
    """A file, its warcinfo first."""
    return record("warcinfo", b"software: winnow\r\n", url=None) + b"".join(records)


def arc_record(
    body: bytes, url: str = "http://a.example/", length: int | str | None = None, mime: str = "text/html"
) -> bytes:
    size = len(body) if length is None else length
    return f"{url} 127.0.0.1 20240229120000 {mime} {size}\n".encode() + body + b"\n"


def arc(*records: bytes) -> bytes:
    head = b"1 0 winnow\nURL IP-address Archive-date Content-type Archive-length\n"
    return arc_record(head, "filedesc://a.arc", mime="text/plain") + b"".join(records)


def page(text: str, title: str = "Title", charset: str = "utf-8") -> bytes:
    """A plain page with a menu, and main text in paragraphs."""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    return (
        f"<!doctype html><html><head><meta charset={charset}><title>{title}</title></head><body>"
        f"<nav><a href=/>Home</a></nav><article><h1>{title}</h1>{paragraphs}</article></body></html>"
    ).encode(charset)
