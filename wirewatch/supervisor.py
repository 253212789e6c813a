"""Services as separate processes: the supervisor restarts them with growing pauses, and they end when it does."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import TakenOver

SUPERVISED = "SUPERVISED_BY_WIREWATCH"
"""Set in the environment of supervised services: their standard input is a pipe from the supervisor."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A service that ran for this long has recovered: its next pause is short again.
RECOVERED_AFTER_S = 60.0
STOP_TIMEOUT_S = 20.0
# Signals of a process's own faults; any other signal comes from outside.
_OWN_FAULTS = frozenset(
    number
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP", "SIGXCPU", "SIGXFSZ")
    if (number := getattr(signal, name, None)) is not None
)


@dataclass
class _Service:
    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due_s: float = 0.0


class Supervisor:
    """Runs ``wirewatch`` sub-commands. ``monotonic`` returns seconds; ``say`` is called with a line when a service ends.

    A service that fails is restarted after a pause that doubles with each failure. One that was ended from outside (by
    a signal or a requested stop) is restarted after half a second, however often. One whose work another process has
    taken over (``TakenOver``) is not restarted. Services end with this process, even if it is killed: their standard
    input is a pipe from it.
    """

    def __init__(
        self, environment: Mapping[str, str], *, monotonic: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        self._environment = {**os.environ, **environment, SUPERVISED: "1"}
        self._monotonic, self._say = monotonic, say
        self._services: list[_Service] = []

    def add(self, name: str, *arguments: str) -> None:
        """Start a service."""
        service = _Service(name, arguments)
        self._services.append(service)
        self._start(service)

    def restart_ended(self) -> None:
        """Restart the services that have ended and whose pause is over."""
        now_s = self._monotonic()
        for service in list(self._services):
            if service.process is not None and (code := service.process.poll()) is not None:
                service.process = None
                if code == TakenOver.exit_code:
                    self._services.remove(service)
                    self._say(f"{service.name}: another process runs it now, so it is not started again here")
                    continue
                self._pause(service, code, now_s)
            if service.process is None and now_s >= service.due_s:
                self._start(service)

    def _pause(self, service: _Service, code: int, now_s: float) -> None:
        if now_s - service.started_s > RECOVERED_AFTER_S:
            service.pause_s = FIRST_PAUSE_S
        by_itself = code > 0 or -code in _OWN_FAULTS
        pause_s = service.pause_s if by_itself else FIRST_PAUSE_S
        service.due_s = now_s + pause_s
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        self._say(f"{service.name} {how}; restarting it in {pause_s:g} s")
        if by_itself:
            service.pause_s = min(2 * service.pause_s, LONGEST_PAUSE_S)

    def pids(self) -> dict[str, int]:
        """Process ids of the running services, by name."""
        return {service.name: service.process.pid for service in self._services if service.process is not None}

    def stop(self) -> None:
        """Signal all services to end, and kill those that have not ended within 20 s."""
        running = [(service.name, service.process) for service in self._services if service.process is not None]
        for _, process in running:
            process.terminate()
        for name, process in running:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._say(f"{name} did not end and was killed; nothing is lost")
                process.kill()
                process.wait()

    def _start(self, service: _Service) -> None:
        command = [sys.executable, "-m", "wirewatch", *service.arguments]
        service.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, env=self._environment
        )
        service.started_s = self._monotonic()


def stop_on_signals() -> threading.Event:
    """An event that is set by SIGTERM, SIGINT and the end of the supervisor: services finish their current work and end."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    _stops.append(stop)
    if _orphaned.is_set():
        stop.set()
    return stop


_stops: list[threading.Event] = []
_orphaned = threading.Event()


def end_with_supervisor() -> None:
    """Make this process end with its supervisor, if it has one: by the stop event, and 20 s later by force.

    Call it first in the process: the supervisor may be killed at any time.
    """
    if os.environ.get(SUPERVISED):
        threading.Thread(target=_watch_supervisor, name="supervisor-watch", daemon=True).start()


def _watch_supervisor() -> None:
    # The supervisor holds the other end of the pipe, which closes when that process ends, in whatever way.
    # os.read and not sys.stdin: a daemon thread that holds the latter's lock breaks the interpreter's exit.
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    # In a C thread, which no Python thread can block. Nothing is lost: a service may be killed at any point.
    faulthandler.dump_traceback_later(STOP_TIMEOUT_S, exit=True, file=Path(os.devnull).open("w"))  # noqa: SIM115
    _orphaned.set()
    for stop in _stops:
        stop.set()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
