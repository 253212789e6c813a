"""The processes that are killed: Wirewatch's own services and the servers that they need. All on loopback."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.flink import LAUNCHER as JOB_SERVER
from tests.servers.flink import consecutive_ports
from tests.servers.kafka import ServerFailed, free_ports
from tests.servers.postgres import answers, connect, programs

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "deploy/local/flink-cluster.sh"
INJECTION = Path(__file__).parent / "injection"
START_S = 120.0
# So that the test run's own processes can be told from others' in a list, and end with it.
_GROUP: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}


class Part:
    """A process in a group of its own, with a log that goes on from start to start."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> None:
        self.name, self._command, self.log, self._environment = name, command, log, environment
        self._process: subprocess.Popen[bytes] | None = None
        self.starts, self.started_s = 0, 0.0

    @property
    def pid(self) -> int:
        """Its process id while it runs, else 0."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Start it unless it runs."""
        if not self.pid:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, stdout=log, stderr=log, env={**os.environ, **self._environment}, **_GROUP
                )
            self.starts, self.started_s = self.starts + 1, time.monotonic()

    def kill(self, *, family: bool = False) -> None:
        """SIGKILL for the process alone, or for all of its group too."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            if family:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def leave(self) -> subprocess.Popen[bytes] | None:
        """Give its process away: the next start makes another beside it."""
        process, self._process = self._process, None
        return process

    def stop(self) -> None:
        """Ask it to end (SIGTERM); one that doesn't within two minutes is killed."""
        if self.pid and self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(120)
        self.kill(family=True)

    def children(self) -> list[int]:
        """Processes of its group, without itself."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    if self._process and int(fields[2]) == self._process.pid != int(folder.name) and fields[0] != "Z":
                        found.append(int(folder.name))
        return found

    def log_tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def service(name: str, *arguments: str, folder: Path, settings: Mapping[str, str], trap: Path) -> Part:
    """A ``wirewatch`` sub-command as a process, whose sink can be trapped."""
    command = [sys.executable, "-m", "wirewatch", *arguments]
    return Part(name, command, folder / f"{name}.log", {**settings, **trapped(trap)})


def trapped(trap: Path) -> dict[str, str]:
    """The environment of a process whose sink dies when the file is there."""
    return {"PYTHONPATH": f"{INJECTION}{os.pathsep}{ROOT}", "TORTURE_TRAP": str(trap), "PYTHONUNBUFFERED": "1"}


class Postgres:
    """A PostgreSQL in ``folder`` that can be killed and started again; its socket is in a short folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self.socket = Path(tempfile.mkdtemp(prefix="wirewatch-pg-"))
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        self.log = self.socket / "log"
        self.socket.chmod(0o755)
        if user:
            for one in (folder, self.socket):
                os.chown(one, user.pw_uid, user.pw_gid)
        self._bin = self._usable()
        self._process: subprocess.Popen[bytes] | None = None
        made = subprocess.run(
            [self._bin / "initdb", "--auth=trust", "-EUTF8", "--no-sync", "-Uwirewatch", f"-D{self._data}"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **self._who,
        )
        if made.returncode:
            raise ServerFailed(f"initdb failed:\n{made.stderr[-2000:]}")

    def _usable(self) -> Path:
        """The folder of programs, copied where their user can't reach them."""
        found = programs()
        try:
            subprocess.run([found / "postgres", "--version"], cwd="/", capture_output=True, check=True, **self._who)
        except (OSError, subprocess.CalledProcessError):
            install = found.parent
            copy = self.socket / "programs" / install.parent.name / install.name
            shutil.copytree(install, copy)
            libraries = install.parent.with_name(f"{install.parent.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy.parents[1] / libraries.name)
            return copy / found.name
        return found

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"postgresql://wirewatch@/postgres?host={self.socket}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers. Raises ServerFailed."""
        if self._process is not None and self._process.poll() is None and answers(self.socket):
            return
        self.kill()
        # fsync off: what is tried is killed processes, which the system's cache outlives; a small log for small disks.
        settings = ("fsync=off", "max_wal_size=64MB", "min_wal_size=32MB", "listen_addresses=", "max_connections=100")
        options = [part for one in (*settings, f"unix_socket_directories={self.socket}") for part in ("-c", one)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options],
                cwd="/",
                stdout=log,
                stderr=log,
                **_GROUP,
                **self._who,
            )
        _until(lambda: answers(self.socket), self._process, "PostgreSQL", self.log)

    def kill(self) -> None:
        """End it and its backends at once, as a crash does: it recovers from its log at the next start."""
        process, self._process = self._process, None
        if process is not None:
            # SIGQUIT is PostgreSQL's own "now": a killed postmaster leaves backends that hold its shared memory.
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def end_backends(self) -> int:
        """Cut all connections of others, in whatever they are; how many there were."""
        others = "pid <> pg_backend_pid() AND usename IS NOT NULL"
        query = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"  # noqa: S608
        with connect(self.socket) as connection:
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0

    def close(self) -> None:
        """End it and remove its socket's folder."""
        self.kill()
        shutil.rmtree(self.socket, ignore_errors=True)


class Flink:
    """A job manager, a task manager, Beam's job server and a pool of Python workers, each a process to be killed."""

    def __init__(self, folder: Path, trap: Path) -> None:
        self.rest_port, rpc = free_ports(2)
        self.job_port, [self.worker_port] = consecutive_ports(3), free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
        ports: dict[str, str] = {"FLINK_REST_PORT": str(self.rest_port), "FLINK_RPC_PORT": str(rpc)}
        # A task manager that a new job manager doesn't get to know ends itself, after five minutes by default.
        ports["FLINK_CONFIG"] = "taskmanager.registration.timeout: 20 s"
        workers: list[str | Path] = [sys.executable, "-m", "pipeline.drivers.workers", str(self.worker_port)]
        job_server: list[str | Path] = [JOB_SERVER, folder, str(self.job_port)]
        commands: tuple[tuple[str, list[str | Path], dict[str, str]], ...] = (
            ("jobmanager", [CLUSTER, folder, "jobmanager"], ports),
            ("taskmanager", [CLUSTER, folder, "taskmanager"], ports),
            ("jobserver", job_server, {"FLINK_MASTER": f"127.0.0.1:{self.rest_port}"}),
            ("workers", workers, trapped(trap)),
        )
        self.parts = {
            name: Part(name, command, folder / f"{name}.log", environment) for name, command, environment in commands
        }

    @property
    def rest(self) -> str:
        """The REST address."""
        return f"http://127.0.0.1:{self.rest_port}"

    def options(self) -> list[str]:
        """The pipeline service's arguments that submit to it."""
        options = (
            f"--job_endpoint=127.0.0.1:{self.job_port}",
            "--environment_type=EXTERNAL",
            f"--environment_config=127.0.0.1:{self.worker_port}",
            "--parallelism=2",
            "--checkpointing_interval=1000",
        )
        return ["--runner=PortableRunner", *(f"--beam-option={one}" for one in options)]

    def start(self) -> None:
        """Start what doesn't run, and wait for the cluster. Raises ServerFailed."""
        for part in self.parts.values():
            part.start()
        for name, ready in (("jobmanager", self._answers), ("jobserver", self._takes_jobs)):
            part = self.parts[name]
            deadline = time.monotonic() + START_S
            while not ready():
                if not part.pid or time.monotonic() > deadline:
                    raise ServerFailed(f"{name} isn't ready:\n{part.log_tail()}")
                time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.rest}/overview", timeout=5).close()  # noqa: S310 - our own
        except OSError:
            return False
        return True

    def _takes_jobs(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.job_port), timeout=1).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End everything."""
        for part in self.parts.values():
            part.kill(family=True)


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
