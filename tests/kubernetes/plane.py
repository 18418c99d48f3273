"""A real control plane on this machine: etcd, API server, controller manager, scheduler, and KWOK in place of kubelets."""

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

from pipeline import __version__

HERE = Path(__file__).resolve().parent
USERS = {  # name → (user, groups)
    "admin": ("admin", "system:masters"),
    "kcm": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
}


def built() -> Path:
    """Where the programs lie; the first time they are built, which takes 7 to 15 minutes of two quiet cores."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        / "winnow"
        / __version__
        / "kubernetes"
    )
    subprocess.run([HERE / "control_plane/build.sh", cache], check=True)
    return cache


def wait(what: str, done: Callable[[], Any], seconds: float = 180) -> Any:
    """What `done` gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.1)
    raise TimeoutError(what)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class ControlPlane:
    """Started by `up`; state and logs in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, built()
        self.etcd, self.peer, self.api, self.kwok = (free_port() for _ in range(4))
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def up(self) -> "ControlPlane":
        (self.folder / "certs").mkdir()
        subprocess.run(
            ["openssl", "genrsa", "-out", self.folder / "sa.key", "2048"], check=True, capture_output=True
        )
        subprocess.run(
            ["openssl", "rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )
        tokens = {name: secrets.token_hex(24) for name in USERS}
        lines = [
            f"{tokens[name]},{user},{name}" + (f",{groups}" if groups else "")
            for name, (user, groups) in USERS.items()
        ]
        (self.folder / "tokens.csv").write_text("\n".join([*lines, ""]))
        for name, token in tokens.items():
            self.kubeconfig(name, token)
        stages = (self.cache / "stages.yaml").read_text() + (HERE / "control_plane/drain.yaml").read_text()
        (self.folder / "kwok.yaml").write_text(stages)
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"):
            self.start(name)
        config.load_kube_config(str(self.folder / "admin.json"))
        wait("service accounts", lambda: client.CoreV1Api().list_namespaced_service_account("default").items)
        return self

    def down(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kubeconfig(self, name: str, token: str) -> Path:
        server = {
            "server": f"https://127.0.0.1:{self.api}",
            "certificate-authority": str(self.folder / "certs/apiserver.crt"),
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "t", "users": [{"name": "u", "user": {"token": token}}],
            "clusters": [{"name": "t", "cluster": server}],
            "contexts": [{"name": "t", "context": {"cluster": "t", "user": "u"}}],
        }))  # fmt: skip
        path.chmod(0o600)
        return path

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(self.cache / "bin" / name), *self.arguments(name)]
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        if name in {"etcd", "kube-apiserver"}:
            wait(f"{name} to listen", lambda: self.listens(name))
        if name == "kube-apiserver":
            wait(
                "the API server", lambda: self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0
            )

    def listens(self, name: str) -> bool:
        if self.running[name].poll() is not None:
            raise RuntimeError((self.folder / f"{name}.log").read_text()[-2000:])
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.etcd if name == "etcd" else self.api)) == 0

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    def arguments(self, name: str) -> list[str]:
        here, etcd, peer = self.folder, f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{self.peer}"
        quick = ["--kube-api-qps=200", "--kube-api-burst=400", "--leader-elect=false", "--secure-port=0"]
        return {
            "etcd": [
                f"--data-dir={here}/etcd", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}", "--unsafe-no-fsync",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
                "--log-level=warn",
            ],
            "kube-apiserver": [
                f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none", f"--secure-port={self.api}", f"--cert-dir={here}/certs",
                "--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={here}/sa.pub", f"--service-account-signing-key-file={here}/sa.key",
                f"--token-auth-file={here}/tokens.csv", "--authorization-mode=RBAC", "--profiling=false",
            ],
            "kube-controller-manager": [
                f"--kubeconfig={here}/kcm.json", f"--service-account-private-key-file={here}/sa.key",
                "--use-service-account-credentials", f"--root-ca-file={here}/certs/apiserver.crt", *quick,
            ],
            "kube-scheduler": [f"--kubeconfig={here}/scheduler.json", *quick],
            "kwok": [
                f"--kubeconfig={here}/kwok.json", "--manage-all-nodes=true", f"--config={here}/kwok.yaml",
                "--node-lease-duration-seconds=40", f"--server-address=127.0.0.1:{self.kwok}",
            ],
        }[name]  # fmt: skip

    def kubectl(
        self, *arguments: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.cache / "bin/kubectl"), f"--kubeconfig={self.folder}/admin.json", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done
