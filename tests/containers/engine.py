"""A container engine of the tests' own: Debian's dockerd as root, its network in a namespace that only its containers see."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

NAMESPACE = "wirewatch-test"
DOCKER = "/usr/bin/docker"
"""Debian's, of the daemon's version; another client on the path may lack BuildKit."""
START_S, STOP_S = 120.0, 180.0
NEEDED = {
    "/usr/sbin/dockerd": "Docker's engine",
    DOCKER: "Docker's engine",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
}


class EngineFailed(Exception):
    """What the engine or one of its commands said."""


def missing() -> list[str]:
    """What is needed and not here, each a package of Debian's."""
    return sorted({package for program, package in NEEDED.items() if shutil.which(program) is None})


class Engine:
    """The daemon, with all it keeps below ``folder``. It is root's, and nothing of this machine's network is changed.

    ``outside``: in the machine's own network and without one for containers, to build with what a package index has. Else in
    the namespace, where containers reach each other and nothing more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "run/docker.sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For any client of this daemon."""
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "1"}

    def start(self, *, outside: bool = False) -> None:
        """Start the daemon and wait until it answers. Raises EngineFailed with the end of its log."""
        (self.folder / "run").mkdir(parents=True, exist_ok=True)
        (self.folder / "run/dockerd.pid").unlink(missing_ok=True)
        command = f"mount --make-rprivate / && exec /usr/sbin/dockerd --data-root {self.folder}/data"
        command += f" --exec-root {self.folder}/exec -p {self.folder}/run/dockerd.pid -H unix://{self.socket}"
        enter: list[str] = []
        if outside:
            command += " --bridge=none --iptables=false --ip-forward=false --ip-masq=false"
        else:
            _namespace()
            # Not "ip netns exec", which hides the mounts of the control groups.
            enter = ["nsenter", f"--net=/run/netns/{NAMESPACE}"]
        with (self.folder / "dockerd.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [*enter, "unshare", "-m", "sh", "-c", command], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while subprocess.run([DOCKER, "version"], env=self.environment, capture_output=True, check=False).returncode:
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "dockerd.log").read_text(errors="replace")[-3000:]
                raise EngineFailed(f"dockerd does not answer:\n{tail}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End the daemon and with it all containers; those with a restart policy come back with the next start."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(STOP_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def run(
        self, *command: str | Path, timeout_s: float = 600.0, given: str | None = None, cwd: Path | None = None
    ) -> str:
        """What a client prints. Raises EngineFailed with what it said if it fails."""
        done = subprocess.run(
            [str(one) for one in command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            input=given,
            cwd=cwd,
        )
        if done.returncode:
            said = (done.stderr + done.stdout)[-4000:]
            raise EngineFailed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{said}")
        return done.stdout

    def docker(self, *arguments: str | Path, timeout_s: float = 600.0, given: str | None = None) -> str:
        """The docker command, as ``run``."""
        return self.run(DOCKER, *arguments, timeout_s=timeout_s, given=given)

    def has(self, image: str) -> bool:
        """Whether an image of that name and tag is here."""
        return bool(self.docker("image", "ls", "-q", image).strip())


@contextlib.contextmanager
def running(engine: Engine, *, outside: bool = False) -> Iterator[Engine]:
    """The engine, started; stopped at the end."""
    engine.start(outside=outside)
    try:
        yield engine
    finally:
        engine.stop()


def remove_namespace() -> None:
    """Delete the network namespace, if it is there."""
    _run_quietly(["ip", "netns", "delete", NAMESPACE])


def _namespace() -> None:
    if not Path("/run/netns", NAMESPACE).exists():
        subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    subprocess.run(["ip", "-n", NAMESPACE, "link", "set", "lo", "up"], check=True)


def _run_quietly(command: Sequence[str]) -> None:
    subprocess.run(command, capture_output=True, check=False)
