"""The continuous run's housekeeping: what it costs while nothing comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.drivers.live import COMMIT_EVERY_MS, LiveRun
from pipeline.settings import Settings
from pipeline.streams import NewRecord
from pipeline.streams.installation import group_of


class Clock:
    now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(tmp_path: Path, clock: Clock) -> Iterator[LiveRun]:
    made = LiveRun(Settings(data_dir=str(tmp_path), extraction_processes=0), clock)
    yield made
    made.close()


def test_a_run_that_stands_still_asks_the_ledger_every_five_seconds(
    live: LiveRun, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to ask at every turn of the driver, since only a commit counted as having looked."""
    asked: list[int] = []
    frontier = live.ledger.frontier

    def ask(stream: str, begin: Mapping[int, int]) -> dict[int, tuple[int, list[int]]]:
        asked.append(clock())
        return frontier(stream, begin)

    live.mirror_ledger()
    monkeypatch.setattr(live.ledger, "frontier", ask)
    for _ in range(60):
        clock.now_ms += 500
        live.mirror_ledger()
    assert asked == [Clock.now_ms + COMMIT_EVERY_MS * turn for turn in range(1, 7)]
    # A clock that was set back must not silence it for as long.
    clock.now_ms -= 3_600_000
    live.mirror_ledger()
    assert asked[-1] == clock()


def test_the_position_is_mirrored_at_most_every_five_seconds_and_only_where_it_moved(
    live: LiveRun, clock: Clock
) -> None:
    live.raw.append([NewRecord(b"k", b"v", partition=0)])
    group = group_of("live")
    live.mirror({0: 1})
    assert live.raw.committed(group) == {0: 1}
    clock.now_ms += COMMIT_EVERY_MS - 1
    live.mirror({0: 2})
    assert live.raw.committed(group) == {0: 1}
    clock.now_ms += 1
    live.mirror({0: 2})
    assert live.raw.committed(group) == {0: 2}
