"""A real Flink (mini-cluster in Beam's job server) and a pool of external Python workers, for tests."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.drivers.worker_pool import with_version
from tests.servers.kafka import ServerFailed, free_ports, listens, require_java

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "deploy/local/flink.sh"
START_S = 120.0


class _Process:
    """A child process in a group of its own, with a log, that is ready once its port takes connections."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name
        self.log = directory / f"{name}.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} isn't running"
        return self._process.pid

    def _launch(self, command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
                cwd=self.directory,
            )
        deadline = time.monotonic() + START_S
        while not listens(f"127.0.0.1:{self.port}"):
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.name} ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"{self.name} isn't ready after {START_S:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it and all its children at once (SIGKILL)."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # it had ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log_tail(self, lines: int = 60) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class FlinkServer(_Process):
    """Beam's job server with a Flink mini-cluster for each job."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "flink")

    def start(self) -> None:
        """Raises ServerFailed, with the end of the log."""
        require_java()
        fetched = subprocess.run([LAUNCHER, "--fetch"], capture_output=True, text=True, timeout=900, check=False)
        if fetched.returncode:
            raise ServerFailed(f"Maven can't fetch Flink's jars: {(fetched.stderr or fetched.stdout).strip()[-2000:]}")
        for last in (False, False, True):
            self.port = consecutive_ports(3)
            try:
                self._launch([LAUNCHER, str(self.directory), str(self.port)])
            except ServerFailed as error:
                # Until it has started, anybody's outgoing connection may take one of them.
                if last or "Address already in use" not in str(error):
                    raise
                self.kill()
            else:
                return

    @property
    def options(self) -> list[str]:
        """Beam options that submit to it."""
        return ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{self.port}"]


class WorkerPool(_Process):
    """Python workers outside Flink, one process each, as ``wirewatch workers`` starts them."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "workers")

    def start(self) -> None:
        """Raises ServerFailed, with the end of the log."""
        [self.port] = free_ports(1)
        command = [sys.executable, "-m", "pipeline.drivers.workers", str(self.port)]
        # Workers import the tests' own steps too.
        self._launch(command, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})

    @property
    def options(self) -> list[str]:
        """Beam options that use it."""
        return with_version(["--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{self.port}"])


def consecutive_ports(count: int) -> int:
    """The first of so many neighbouring free ports, below those that the system gives to outgoing connections."""
    for first in random.sample(range(20_000, 32_000, count), 100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                # All addresses, as Beam's workers listen on them.
                stack.enter_context(socket.socket()).bind(("", port))
            return first
    raise ServerFailed(f"no {count} free ports side by side")
