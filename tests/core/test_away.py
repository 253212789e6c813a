"""What is away is said once a minute, in a sentence with fields, and waited for; what is wrong is not."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from core.away import EVERY_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Away, wait_for
from core.errors import StoreError, StoreUnavailable, StreamUnavailable, UsageError, WirewatchError


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_line_at_once_then_one_a_minute_and_one_when_it_is_back() -> None:
    clock = Clock()
    away = Away("the raw stream", monotonic=clock)
    with capture_logs() as lines:
        away.back()
        for second in range(0, 150, 5):
            clock.now_s = 100.0 + second
            away.failed("refused", feed="a")
        away.back()
        away.back()
        away.failed("refused again")
    assert [(line["event"], line.get("for_s")) for line in lines] == [
        ("the raw stream can't be reached; waiting until it can", None),
        ("the raw stream still can't be reached", EVERY_S),
        ("the raw stream still can't be reached", 2 * EVERY_S),
        ("the raw stream is back", 145),
        ("the raw stream can't be reached; waiting until it can", None),
    ]
    assert {line["log_level"] for line in lines} == {"warning"}
    assert lines[0]["problem"] == "refused"
    assert lines[0]["feed"] == "a"


class Elsewhere(WirewatchError):
    pass


def failing(*errors: Exception) -> Any:
    left = list(errors)

    def open_it() -> str:
        if left:
            raise left.pop(0)
        return "open"

    return open_it


def test_it_is_tried_again_with_growing_pauses() -> None:
    pauses: list[float] = []
    trouble = [StoreUnavailable("away"), StreamUnavailable("u", "away"), Elsewhere("away")] * 3
    found = wait_for("it", failing(*trouble), wait=pauses.append, stop=lambda: False, also=(Elsewhere,))
    assert found == "open"
    assert pauses == [min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(9)]


@pytest.mark.parametrize("error", [StoreError("wrong password"), UsageError("no such thing"), Elsewhere("refused")])
def test_a_permanent_error_is_raised_at_once(error: WirewatchError) -> None:
    with pytest.raises(type(error)):
        wait_for("it", failing(error), wait=lambda _s: pytest.fail("waits"), stop=lambda: False)


def test_a_stop_ends_the_wait() -> None:
    pauses: list[float] = []
    found = wait_for("it", failing(*[StoreUnavailable("away")] * 9), wait=pauses.append, stop=lambda: len(pauses) == 3)
    assert (found, len(pauses)) == (None, 3)
