"""The supervisor: how long it waits before it starts a service again, and what it does not start again."""

from __future__ import annotations

import signal
import sys

import pytest

from core.errors import TakenOver
from tests.waiting import until
from wirewatch import supervisor
from wirewatch.supervisor import LONGEST_PAUSE_S, RECOVERED_AFTER_S, Supervisor


class Clock:
    """Time as the test sets it."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Watched:
    """A supervisor whose one service runs ``code`` of Python in place of wirewatch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        real = supervisor.subprocess.Popen

        def start(_command: list[str], **options: object) -> object:
            return real([sys.executable, "-c", code], **options)  # type: ignore[call-overload]

        monkeypatch.setattr(supervisor.subprocess, "Popen", start)
        self.clock, self.said = Clock(), list[str]()
        self.supervisor = Supervisor({}, monotonic=self.clock, say=self.said.append)
        self.supervisor.add("service")

    def ended(self) -> str:
        """Wait until it has ended and that was noticed; what was said of it."""
        before = len(self.said)

        def noticed() -> bool:
            self.supervisor.restart_ended()
            return len(self.said) > before

        until(noticed, "the end of the service")
        return self.said[-1]

    def kill(self, number: signal.Signals) -> str:
        import os

        (pid,) = self.supervisor.pids().values()
        os.kill(pid, number)
        return self.ended()

    def start_again(self, after_s: float) -> bool:
        """Whether it runs again that much later, and not before."""
        self.clock.now_s += after_s - 0.01
        self.supervisor.restart_ended()
        early = bool(self.supervisor.pids())
        self.clock.now_s += 0.01
        self.supervisor.restart_ended()
        return bool(self.supervisor.pids()) and not early


def test_the_pause_grows_for_a_service_that_fails_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, "raise SystemExit(1)")
    for pause_s in (0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S):
        assert watched.ended() == f"service ended with exit code 1; restarting it in {pause_s:g} s"
        assert watched.start_again(pause_s)
    watched.clock.now_s += RECOVERED_AFTER_S + 1
    assert watched.ended().endswith("in 0.5 s")
    watched.supervisor.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_from_outside_does_not_make_it_grow(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    # A process that is begun below nohup ignores it, and so do its children.
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        watched = Watched(monkeypatch, "import time; time.sleep(600)")
        for _ in range(4):
            assert watched.kill(number) == f"service was ended by {number.name}; restarting it in 0.5 s"
            assert watched.start_again(0.5)
        watched.supervisor.stop()
    finally:
        signal.signal(signal.SIGHUP, hangup)


def test_a_crash_is_the_service_s_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, "import os; os.abort()")
    for pause_s in (0.5, 1, 2):
        assert watched.ended() == f"service was ended by SIGABRT; restarting it in {pause_s:g} s"
        assert watched.start_again(pause_s)
    watched.supervisor.stop()


def test_a_service_that_another_process_has_taken_over_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, f"raise SystemExit({TakenOver.exit_code})")
    assert watched.ended() == "service: another process runs it now, so it is not started again here"
    assert not watched.start_again(10 * LONGEST_PAUSE_S)
    watched.supervisor.stop()
