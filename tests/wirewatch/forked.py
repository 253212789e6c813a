"""Processes of the ``wirewatch`` command without its imports: a server with the libraries loaded forks one for each command.

Nearly all of a short command's CPU is imports (1.8 s of 1.9 for "runs list"). A forked command is a real process with its
own streams, folder and environment; only ``wirewatch`` itself is imported there, since it looks at the terminal and the
environment when imported. Run as a program, this file is the server: one for a whole test run.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import fcntl
import gc
import io
import json
import logging
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PRELOADED = ("connectors", "core", "desk", "pipeline")
# They act on what they find in the environment when they are imported, or are no modules.
_LEFT_OUT = ("pipeline.transforms.preloaded", "core.store.migrations")
_REQUEST_BYTES = 1 << 17


class ForkServer:
    """Starts commands. Safe for threads and processes; the server ends with the last process that uses it."""

    def __init__(self, directory: Path) -> None:
        """``directory``: of all processes of a test run, and nobody else may enter it."""
        directory.mkdir(exist_ok=True)
        held = directory / "held"
        # A socket's path must be short.
        folder = os.open(directory, os.O_RDONLY)
        address = Path(f"/proc/self/fd/{folder}/socket")
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not held.exists():
                os.mkfifo(held)
            try:
                self._holding = os.open(held, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nothing reads there: no server runs
                self._holding = _launch(held, address)
        self._there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._there.connect(str(address))
        os.close(folder)

    def start(
        self, arguments: Sequence[str], *, cwd: Path, environment: dict[str, str], stdout: int, stderr: int
    ) -> Forked:
        """``python -m wirewatch ARGUMENTS``, running. Its standard input is empty."""
        told, teller = socket.socketpair()
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environment": environment}).encode()
        with teller:
            fds = array.array("i", [teller.fileno(), stdout, stderr])
            self._there.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        return Forked(arguments, told)


class Forked:
    """A command's process: what of ``subprocess.Popen`` tests use."""

    def __init__(self, arguments: Sequence[str], told: socket.socket) -> None:
        self.args, self._told = ["wirewatch", *arguments], told
        self._lines = told.makefile("r")
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """The exit code once it has ended, negative for a signal. Raises TimeoutExpired if it runs longer (seconds)."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            code, spent_s = self._lines.readline().split()
            self.returncode = int(code)
            SPENT_S[0] += float(spent_s)
            self._lines.close()
            self._told.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


SPENT_S = [0.0]
"""Seconds of CPU of all commands of this process that have ended, with what they started and waited for."""
_server: list[ForkServer] = []
_starting = threading.Lock()
DIRECTORY: list[Path] = []
"""Where the server of this test run is reached."""


def server() -> ForkServer:
    """The server of this test run, started when it is first wanted."""
    with _starting:
        if not _server:
            _server.append(ForkServer(DIRECTORY[0]))
        return _server[0]


def _launch(held: Path, address: Path) -> int:
    """Start a server; what is returned must be kept open for as long as it is wanted."""
    reading = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    holding = os.open(held, os.O_WRONLY)
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(address))
        subprocess.Popen(
            [sys.executable, __file__, str(there.fileno()), str(reading)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[there.fileno(), reading],
        )
    os.close(reading)
    return holding


def _preload() -> None:
    logging.disable()  # Beam's remark about what else could be installed
    for package in PRELOADED:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.startswith(_LEFT_OUT):
                # What needs an extra that is not installed here is not wanted by the command either.
                with contextlib.suppress(ImportError):
                    import_module(module.name)
    for name in ("typer.main", "rich.progress", "rich.table", "alembic.command", "multiprocessing.forkserver"):
        import_module(name)
    # What the first page loads, too: word lists, profiles of languages, the encoder's weights.
    import_module("pipeline.transforms.warm").warm_up(import_module("pipeline.transforms.prepare").extract_raw)
    import_module("core.topics").builtin_topics()
    logging.getLogger().handlers.clear()
    logging.disable(logging.NOTSET)


def _serve(ours: socket.socket, held: int) -> None:
    """Fork a process for each request and return in that process, ready to run the command."""
    while True:
        # A pipe without writers is readable.
        if ours not in select.select([ours, held], [], [])[0]:
            os._exit(0)
        data, control, _flags, _address = ours.recvmsg(_REQUEST_BYTES, socket.CMSG_SPACE(3 * array.array("i").itemsize))
        fds = array.array("i", control[0][2])
        if not os.fork():
            ours.close()
            os.close(held)
            _watch(*fds, json.loads(data))
            return
        for fd in fds:
            os.close(fd)


def _watch(teller: int, stdout: int, stderr: int, request: dict[str, Any]) -> None:
    """Tell pid and end of the command's process, and return in that."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid:
        os.write(teller, f"{pid}\n".encode())
        for fd in (stdout, stderr):
            os.close(fd)
        _, status = os.waitpid(pid, 0)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(teller, f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime:.3f}\n".encode())
        os._exit(0)
    os.close(teller)
    for fd, wanted in ((stdout, 1), (stderr, 2)):
        os.dup2(fd, wanted)
        os.close(fd)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["cwd"])
    # As Python does at its start.
    sys.path[:1] = [request["cwd"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["wirewatch", *request["arguments"]]
    sys.stdout = sys.__stdout__ = _text(1, "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "backslashreplace")  # type: ignore[misc]


def _text(fd: int, errors: str) -> io.TextIOWrapper:
    """A stream as Python opens it at its start."""
    raw = os.fdopen(fd, "wb", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors, line_buffering=fd == 2 or os.isatty(fd))


def _main() -> int:
    """The exit code of the command, which runs here."""
    try:
        runpy.run_module("wirewatch", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(code: list[int]) -> None:
    """End without freeing all that the server loaded, which would copy its memory."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code[0])


if __name__ == "__main__":
    _code: list[int] = []
    # Registered first, so it is called last.
    atexit.register(_leave, _code)
    _preload()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
    _code.append(_main())
