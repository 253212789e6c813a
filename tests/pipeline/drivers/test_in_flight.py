"""Back-pressure between reader and ledger, with a driven clock."""

from __future__ import annotations

import structlog

from pipeline.drivers.source import InFlight


class Desk:
    """A ledger and a clock that the test moves."""

    def __init__(self) -> None:
        self.handled, self.now_s, self.asked = -1, 100.0, 0
        self.watch = InFlight(self.ask, limit_bytes=100, alarm_s=60, monotonic=lambda: self.now_s)

    def ask(self) -> int:
        self.asked += 1
        return self.handled


def test_reading_stops_at_the_limit_and_continues_when_the_ledger_does() -> None:
    desk = Desk()
    for number in range(4):
        assert not desk.watch.full()
        desk.watch.add(number, 30, f"r{number}")
    assert desk.watch.full()
    desk.handled = 0
    assert not desk.watch.full()
    assert desk.watch.bytes == 90


def test_one_record_over_the_limit_is_read_alone() -> None:
    desk = Desk()
    assert not desk.watch.full()
    desk.watch.add(0, 1000, "large")
    assert desk.watch.full()
    desk.handled = 0
    assert not desk.watch.full()


def test_the_store_is_asked_once_a_second_while_there_is_room() -> None:
    desk = Desk()
    desk.watch.add(0, 10, "r0")
    for _ in range(50):
        assert not desk.watch.full()
    assert desk.asked == 0
    desk.now_s += 1
    assert not desk.watch.full()
    assert desk.asked == 1


def test_a_record_that_never_comes_is_named_once() -> None:
    desk = Desk()
    desk.watch.add(0, 10, "first")
    desk.watch.add(1, 10, "second")
    with structlog.testing.capture_logs() as logs:
        desk.handled = 0
        for _ in range(200):
            desk.now_s += 1
            desk.watch.full()
    [alarm] = logs
    assert (alarm["record"], alarm["number"], alarm["log_level"]) == ("second", 1, "error")


def test_a_runner_that_went_back_is_counted_again() -> None:
    desk = Desk()
    for number in range(3):
        desk.watch.add(number, 30, f"r{number}")
    desk.watch.add(1, 30, "r1")
    assert desk.watch.bytes == 30
