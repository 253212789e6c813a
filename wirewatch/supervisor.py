"""Keeping services running: each a process of its own, started anew when it ends, with growing pauses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wirewatch.commands.services import SUPERVISED

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A service that ran for so long has recovered: its next pause is short again.
WELL_AFTER_S = 60.0
PATIENCE_S = 20.0


@dataclass
class _Service:
    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due_s: float = 0.0


class Supervisor:
    """Runs ``wirewatch`` sub-commands. ``monotonic`` gives seconds; ``say`` is told of services that ended.

    Services end with this process, even if it is killed: each holds a pipe from it as its standard input.
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

    def look(self) -> None:
        """Start anew what has ended and whose pause is over."""
        now_s = self._monotonic()
        for service in self._services:
            if service.process is not None and (code := service.process.poll()) is not None:
                service.process = None
                if now_s - service.started_s > WELL_AFTER_S:
                    service.pause_s = FIRST_PAUSE_S
                service.due_s = now_s + service.pause_s
                self._say(f"{service.name} ended with {code}; starting it again in {service.pause_s:g} s")
                service.pause_s = min(2 * service.pause_s, LONGEST_PAUSE_S)
            if service.process is None and now_s >= service.due_s:
                self._start(service)

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now."""
        return {service.name: service.process.pid for service in self._services if service.process is not None}

    def stop(self) -> None:
        """Ask all to end, wait for them, and kill what does not end within 20 s."""
        running = [(service.name, service.process) for service in self._services if service.process is not None]
        for _, process in running:
            process.terminate()
        for name, process in running:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._say(f"{name} did not end and is killed; nothing is lost by that")
                process.kill()
                process.wait()

    def _start(self, service: _Service) -> None:
        command = [sys.executable, "-m", "wirewatch", *service.arguments]
        service.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, env=self._environment
        )
        service.started_s = self._monotonic()
