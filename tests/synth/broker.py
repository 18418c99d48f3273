"""One Pulsar standalone on loopback for the suite: fetched once through Maven to the cache folder, started, killed, started again."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import __version__
from synth.farm import Pulsar
from synth.work import free_port

VERSION = "4.0.8"
START_SECONDS = 240  # 7 on a quiet machine, 44 at a load of 10
OVERRIDES = """
bindAddress=127.0.0.1
advertisedAddress=127.0.0.1
listeningInterface=lo
webSocketServiceEnabled=false
functionsWorkerEnabled=false
numIOThreads=2
numHttpServerThreads=8
managedLedgerCacheSizeMB=32
dbStorage_writeCacheMaxSizeMb=32
dbStorage_readAheadCacheMaxSizeMb=16
dbStorage_rocksDB_blockCacheSize=16777216
journalMaxSizeMB=64
journalPreAllocSizeMB=4
journalSyncData=false
allowAutoTopicCreation=false
allowAutoSubscriptionCreation=false
brokerDeleteInactiveTopicsEnabled=false
brokerDeduplicationEnabled=true
managedLedgerDefaultMarkDeleteRateLimit=10
delayedDeliveryTickTimeMillis=100
authenticationEnabled=true
authorizationEnabled=true
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken
superUserRoles=admin
brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationToken
"""


def distribution() -> Path:
    """The unpacked distribution, in the folder that the Makefile's caches lie in."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow" / __version__ / "pulsar"
    )
    home = cache / f"apache-pulsar-{VERSION}"
    if home.is_dir():
        return home
    part = cache / f"part-{os.getpid()}"
    part.mkdir(parents=True)
    artifact = f"org.apache.pulsar:pulsar-server-distribution:{VERSION}:tar.gz:bin"
    copy = [
        "dependency:copy",
        f"-Dartifact={artifact}",
        f"-DoutputDirectory={part}",
        "-Dmdep.useBaseVersion=true",
    ]
    subprocess.run(["mvn", "-B", "-q", *copy], cwd=part, check=True)
    with tarfile.open(next(part.glob("*.tar.gz"))) as archive:
        archive.extractall(part, filter="data")
    with contextlib.suppress(OSError):  # another process was faster
        (part / home.name).rename(home)
    shutil.rmtree(part)
    return home


def token(secret: bytes, subject: str, seconds: int | None = None) -> str:
    """A signed JSON web token (HS256), as Pulsar reads them."""

    def encoded(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    claims = {"sub": subject} | ({"exp": int(time.time()) + seconds} if seconds else {})
    body = encoded(b'{"alg":"HS256"}') + b"." + encoded(json.dumps(claims).encode())
    return (body + b"." + encoded(hmac.new(secret, body, hashlib.sha256).digest())).decode()


@dataclass
class Broker:
    """A standalone broker whose state lies in `folder`."""

    folder: Path
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    port: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def farm(self, subject: str = "admin", namespace: str = "synth", seconds: int | None = None) -> Pulsar:
        """How a farm names it, with a token of its own."""
        file = self.folder / f"{subject}{seconds or ''}.token"
        file.write_text(token(self.secret, subject, seconds))
        return Pulsar(
            f"pulsar://127.0.0.1:{self.port}",
            f"http://127.0.0.1:{self.web}",
            namespace=namespace,
            token_file=str(file),
        )

    def start(self) -> None:
        """Return when it is healthy; what it kept from before is there again."""
        home = distribution()
        self.configure(home)
        environment = {
            **os.environ,
            "PULSAR_MEM": "-Xms128m -Xmx512m -XX:MaxDirectMemorySize=384m",  # the default takes 6 GB at once
            "PULSAR_GC": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            "PULSAR_GC_LOG": " ",
            "PULSAR_LOG_DIR": str(self.folder / "logs"),
            "PULSAR_STANDALONE_CONF": str(self.folder / "standalone.conf"),
            "PULSAR_LOG_LEVEL": "warn",
        }
        places = ["--metadata-dir", str(self.folder / "meta"), "--bookkeeper-dir", str(self.folder / "books")]
        command = ["bin/pulsar", "standalone", "-nfw", "-nss", "-a", "127.0.0.1", *places]
        with (self.folder / "out.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Pulsar did not start:\n{(self.folder / 'out.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def configure(self, home: Path) -> None:
        key = base64.b64encode(self.secret).decode()
        ours = dict(line.split("=", 1) for line in OVERRIDES.split())
        ours |= {"brokerServicePort": str(self.port), "webServicePort": str(self.web)}
        ours["tokenSecretKey"] = f"data:;base64,{key}"
        ours["brokerClientAuthenticationParameters"] = json.dumps({"token": token(self.secret, "admin")})
        lines = (home / "conf/standalone.conf").read_text().splitlines()
        kept = [line for line in lines if line.split("=")[0].strip() not in ours]
        path = self.folder / "standalone.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in ours.items())]) + "\n")

    def healthy(self) -> bool:
        """A message goes through it, and the namespace that it makes at last is there."""
        try:
            return self.get("brokers/health") == b"ok" and b"public/default" in self.get("namespaces/public")
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.web}/admin/v2/{path}")
        request.add_header("Authorization", f"Bearer {token(self.secret, 'admin')}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()

    def kill(self) -> None:
        """As a power cut: SIGKILL to all that it is."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
