"""A real API server of Kubernetes over an etcd of its own, on loopback: it checks and stores objects; nothing acts on them."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.servers.kafka import free_ports
from tests.servers.kafka_secure import Authority

START_S = 180.0
TOKEN = "test-token"
"""Of an administrator, on a server that only this machine reaches."""


class Told(NamedTuple):
    """What kubectl printed, its exit status, and its warnings by themselves."""

    code: int
    lines: list[str]
    errors: str
    warnings: list[str]


class Cluster:
    """The API server and kubectl as its administrator."""

    def __init__(self, kubectl: Path, config: Path) -> None:
        self._command = [str(kubectl), "--kubeconfig", str(config)]

    def kubectl(self, *arguments: str | Path, given: object = None, cwd: Path | None = None) -> Told:
        """Run kubectl; ``given`` goes to its standard input as JSON."""
        done = subprocess.run(
            [*self._command, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            input=None if given is None else json.dumps(given),
            cwd=cwd,
            timeout=120,
        )
        warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning:")]
        return Told(done.returncode, done.stdout.splitlines(), done.stderr, warnings)

    def done(self, *arguments: str | Path, given: object = None, cwd: Path | None = None) -> list[str]:
        """What kubectl prints if it succeeds without a warning."""
        told = self.kubectl(*arguments, given=given, cwd=cwd)
        assert told.code == 0, told.errors
        assert told.warnings == [], "\n".join(told.warnings)
        return told.lines


@contextlib.contextmanager
def running(programs: Mapping[str, Path], folder: Path) -> Iterator[Cluster]:
    """The server, once it is ready; both processes are ended at the end. Raises AssertionError with the end of a log."""
    store, peers, port = free_ports(3)
    authority = Authority(folder / "authority", "kubernetes-test")
    certificate, key = authority.issue("server")
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    etcd: list[str | Path] = [
        programs["etcd"],
        "--data-dir",
        folder / "etcd",
        "--log-level",
        "error",
        "--unsafe-no-fsync",
    ]
    for name, number in (("client", store), ("peer", peers)):
        etcd += [f"--listen-{name}-urls", f"http://127.0.0.1:{number}"]
    etcd += ["--advertise-client-urls", f"http://127.0.0.1:{store}"]
    server: list[str | Path] = [programs["kube-apiserver"], f"--etcd-servers=http://127.0.0.1:{store}"]
    # It announces an address that is not loopback, whether or not anybody is there.
    server += ["--bind-address=127.0.0.1", f"--secure-port={port}", "--advertise-address=192.0.2.1"]
    server += [f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--cert-dir={folder}"]
    server += [f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"]
    server += ["--service-account-issuer=https://kubernetes.test", "--service-cluster-ip-range=10.0.0.0/24"]
    server += ["--authorization-mode=RBAC", f"--token-auth-file={folder / 'tokens.csv'}"]
    config = folder / "kubeconfig"
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority.ca)}
    words = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    config.write_text(json.dumps(words))
    made = Cluster(programs["kubectl"], config)
    with _process(etcd, folder / "etcd.log"), _process(server, folder / "kube-apiserver.log") as process:
        deadline = time.monotonic() + START_S
        while made.kubectl("get", "--raw", "/readyz").code:
            if process.poll() is not None or time.monotonic() > deadline:
                logs = (folder / name for name in ("etcd.log", "kube-apiserver.log"))
                raise AssertionError("not ready:\n" + "\n".join(one.read_text()[-2000:] for one in logs))
            time.sleep(0.2)
        yield made


@contextlib.contextmanager
def _process(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
