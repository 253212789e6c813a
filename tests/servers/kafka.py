"""A real Kafka broker for tests, started by deploy/local/kafka.sh; see ``kafka_server`` in conftest.py."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

LAUNCHER = Path(__file__).parents[2] / "deploy/local/kafka.sh"
START_S = 240.0
"""Long, for a machine that fetches nothing but is busy; the usual start takes three seconds."""

_TRIES = 3


class ServerFailed(Exception):
    """A server that can't be started; the message is for the reader of the test report."""


class KafkaServer:
    """One broker on loopback with ports of its own; ``directory`` keeps its data and its log from start to start.

    ``bootstrap`` (host:port) and ``url`` stay the same when it is stopped, killed and started again. ``further`` gives
    more settings for the broker, from its port and its controller's; ``jvm`` other options for its JVM than the launcher's.
    """

    def __init__(self, directory: Path, further: Callable[[int, int], str] | None = None, *, jvm: str = "") -> None:
        self.directory = directory
        self._further = further
        self._jvm = jvm
        self.log = directory / "kafka.log"
        self.port = self._controller_port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker isn't running"
        return self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it takes requests. Raises ServerFailed, with the end of the log."""
        self.directory.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run([LAUNCHER, "--fetch"], capture_output=True, text=True, timeout=900, check=False)
        if fetched.returncode:
            # What is missing on this machine, or Maven's own words.
            raise ServerFailed((fetched.stderr or fetched.stdout).strip()[-2000:])
        chosen = self.port != 0
        for attempt in range(_TRIES):
            if not chosen:
                # Somebody may take the ports between this choice and the start: then others are tried.
                self.port, self._controller_port = free_ports(2)
            try:
                self._launch()
            except ServerFailed:
                if chosen or attempt == _TRIES - 1 or "Address already in use" not in self.log_tail():
                    raise
            else:
                return

    def _launch(self) -> None:
        self._spawn()
        self._wait(lambda: answers(self.bootstrap))

    def _spawn(self) -> None:
        environment = dict(os.environ)
        if self._jvm:
            environment["KAFKA_JVM_OPTS"] = self._jvm
        if self._further:
            extra = self.directory / "extra.properties"
            extra.write_text(self._further(self.port, self._controller_port))
            environment["KAFKA_EXTRA"] = str(extra)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [LAUNCHER, str(self.directory), str(self.port), str(self._controller_port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )

    def _wait(self, ready: Callable[[], bool]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while not ready():
            if self._process.poll() is not None:
                raise ServerFailed(f"Kafka ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"Kafka isn't ready after {START_S:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in good order; a broker that doesn't end in 30 s is killed."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self, *, kill: bool = False) -> None:
        """End it and start it again on the same ports and data."""
        if kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def kafka_jars() -> Path:
    """The folder of the broker's jars and tools, fetched if it is missing. Raises ServerFailed."""
    script = f'. "{LAUNCHER.parent}/jars.sh"; fetch_jars kafka; echo "$jars"'
    done = subprocess.run(["bash", "-c", script, LAUNCHER], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise ServerFailed((done.stderr or done.stdout).strip()[-2000:])
    return Path(done.stdout.strip())


def require_java() -> None:
    """Raise ServerFailed, saying what to install, where servers from Maven's jars can't run."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        raise ServerFailed(f"{' and '.join(missing)} not found: install a JDK (17 or newer) and Maven")


def answers(bootstrap: str) -> bool:
    """Whether a broker takes requests at ``bootstrap``, and counts itself as part of its cluster."""
    if not listens(bootstrap):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=2000, request_timeout_ms=2000)
    except KafkaError:
        return False
    with contextlib.closing(admin):
        try:
            return any(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"])
        except KafkaError:
            return False


def listens(bootstrap: str) -> bool:
    """Whether anything takes connections there: kafka-python's clients wait on a dead port for longer than tests need."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Unused ports of loopback."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def alive(pid: int) -> bool:
    """Whether a process of this id runs; one that ended and wasn't waited for by its parent doesn't."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        # The state comes after the name, which stands in brackets and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
