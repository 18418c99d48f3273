"""Buckets for tests: a real S3 server that is built from the Go proxy and started, and a double of Google's XML interface.

The double is one because no server that the registries have speaks that interface with its conditional put.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.engines.cluster import cache_folder, free_ports

S3_SERVER = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"


@dataclass(frozen=True)
class Bucket:
    """`url`: where objects go; `environment`: what tells every process of the server; `port`: it listens on loopback."""

    url: str
    environment: dict[str, str]
    port: int


def go_program(module: str) -> str:
    """A program built by `go install`, once, beside Flink in the cache."""
    folder = os.path.join(os.path.dirname(cache_folder()), "bin")
    program = os.path.join(folder, module.partition("@")[0].rpartition("/")[2])
    if not os.path.exists(program):
        os.makedirs(folder, exist_ok=True)
        environment = {**os.environ, "GOBIN": folder}
        done = subprocess.run(
            ["go", "install", module], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return program


@contextmanager
def s3(folder: Path) -> Iterator[Bucket]:
    """An S3 server whose bucket is a folder."""
    (port,) = free_ports(1)
    (folder / "winnow-s3").mkdir(parents=True)
    key, secret = "winnow", "of-no-use-elsewhere"
    command = [
        go_program(S3_SERVER),
        "--access",
        key,
        "--secret",
        secret,
        "--port",
        f"127.0.0.1:{port}",
        "--quiet",
    ]
    server = subprocess.Popen([*command, "posix", str(folder)], stdout=subprocess.DEVNULL)
    try:
        await_answer(port)
        yield Bucket("s3://winnow-s3", s3_environment(port, key, secret), port)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def s3_environment(port: int, key: str = "winnow", secret: str = "of-no-use-elsewhere") -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip


def await_answer(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


@contextmanager
def gs(name: str = "winnow-gs", objects: dict[str, bytes] | None = None) -> Iterator[Bucket]:
    """Objects in memory behind as much of Google's XML interface as obstore speaks."""
    held = {"name": name, "objects": {} if objects is None else objects, "lock": Lock()}
    server = Server(("127.0.0.1", 0), type("Double", (GoogleDouble,), held))
    Thread(target=server.serve_forever, daemon=True).start()
    account = {"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": True}
    port = server.server_address[1]
    key = json.dumps({**account, "gcs_base_url": f"http://127.0.0.1:{port}"})
    try:
        yield Bucket(f"gs://{name}", {"GOOGLE_SERVICE_ACCOUNT_KEY": key}, port)
    finally:
        server.shutdown()
        server.server_close()


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that is gone is what some tests are about."""


class GoogleDouble(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    name: str
    objects: dict[str, bytes]
    lock: Lock

    def log_message(self, *_: object) -> None:
        pass

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{self.name}").removeprefix("/")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if len(data) < int(self.headers["Content-Length"]):
            return None  # it broke off
        with self.lock:
            if self.headers.get("x-goog-if-generation-match") == "0" and self.key in self.objects:
                return self.answer(412)
            self.objects[self.key] = data
        return self.answer(200, tag(data))

    def do_DELETE(self) -> None:
        with self.lock:
            found = self.objects.pop(self.key, None)
        self.answer(204 if found is not None else 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self.key:
            return self.answer(200, {}, self.listing(parse_qs(urlsplit(self.path).query)))
        data = self.objects.get(self.key)
        if data is None:
            return self.answer(404)
        if self.headers.get("If-Match", tag(data)["ETag"]) != tag(data)["ETag"]:
            return self.answer(412)
        if said := self.headers.get("Range", "").removeprefix("bytes="):
            start, _, last = said.partition("-")
            begin = int(start) if start else max(0, len(data) - int(last))
            end = min(len(data), int(last) + 1) if start and last else len(data)
            return self.answer(
                206, {**tag(data), "Content-Range": f"bytes {begin}-{end - 1}/{len(data)}"}, data[begin:end]
            )
        return self.answer(200, tag(data), data)

    def listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        keys = [key for key in sorted(self.objects) if key.startswith(prefix)]
        deeper = {key: None for key in keys if delimiter and delimiter in key[len(prefix) :]}
        folders = dict.fromkeys(prefix + key[len(prefix) :].split("/")[0] + "/" for key in deeper)
        rows = [
            f"<Contents><Key>{key}</Key><Size>{len(self.objects[key])}</Size><ETag>{tag(self.objects[key])['ETag']}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys if key not in deeper
        ]  # fmt: skip
        common = [f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>" for folder in folders]
        return f"<ListBucketResult>{''.join([*rows, *common])}</ListBucketResult>".encode()

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def tag(data: bytes) -> dict[str, str]:
    return {
        "ETag": f'"{md5(data).hexdigest()}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x-goog-generation": "1",
    }  # fmt: skip


def upload(folder: Path, url: str) -> None:
    """Every file below a folder as an object, under its relative path."""
    from pipeline.data.objects import ObjectStore

    store = ObjectStore(url)
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        store.replace(path.read_bytes(), path.relative_to(folder).as_posix())
