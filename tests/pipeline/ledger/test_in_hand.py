"""A record that ends its process in the ordered stage: found, decided alone, set aside after some deaths, over restarts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import StoreError
from core.store import Store
from pipeline.elements import Rejection
from pipeline.ledger import in_hand
from pipeline.ledger.in_hand import Watch
from pipeline.ledger.writer import RunWriter
from tests.laws import examples
from tests.pipeline.ledger.drafts import day, opened, planted, results, taken, without, writer


class Died(BaseException):
    """In place of a process that ends."""


def dies(error: type[BaseException] = Died) -> Callable[[], None]:
    """What raises it."""

    def trap() -> None:
        raise error("planted")

    return trap


@contextmanager
def process(number: int) -> Iterator[None]:
    """What happens in here happens in another process than what happens in one of another number."""
    with patch.object(in_hand, "_TOKEN", str(number)):
        yield


def with_articles() -> list[int]:
    return [one.position.offset for one in day() if one.article is not None]


def starts(store: Store, sizes: list[int]) -> int:
    """Start again after each death until the whole day is done, in batches of these sizes, and return how many died."""
    return next(died for died in range(100) if lives(store, sizes, died))


def lives(store: Store, sizes: list[int], number: int) -> bool:
    with process(number):
        mine, left, cuts = writer(store, f"owner {number}"), day(), list(sizes)
        try:
            while left:
                size = cuts.pop() if cuts else len(left)
                mine.write(left[:size])
                left = left[size:]
        except Died:
            return False
    return True


@pytest.mark.parametrize("alerts", [False, True], ids=["decide", "alert"])
@pytest.mark.parametrize("sizes", [[], [1] * 24], ids=["one batch", "one by one"])
def test_after_the_last_death_a_record_is_set_aside_and_the_rest_is_as_without_it(
    tmp_path: Path, sizes: list[int], *, alerts: bool
) -> None:
    with opened(tmp_path) as store, planted({5}, dies(), alerts=alerts):
        assert starts(store, sizes) == in_hand.BLAMED_OUT
        assert results(store) == without(frozenset({5}))


@given(st.sets(st.sampled_from(with_articles()), max_size=3), st.lists(st.integers(1, 9), max_size=6))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_deadly_records_in_any_batches_are_set_aside_and_nothing_else(poison: set[int], sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store, planted(poison, dies()):
        assert starts(store, sizes) <= in_hand.BLAMED_OUT * len(poison)
        assert results(store) == without(frozenset(poison))


def test_deaths_outside_of_deciding_blame_nothing(tmp_path: Path) -> None:
    """Killed again and again at the commit, as a torture does: the batch is decided record by record, and stored."""
    with opened(tmp_path) as store:
        for number in range(6):
            with process(number), pytest.raises(StoreError):
                writer(store, f"owner {number}", plan=["fail"]).write(day())
        with process(7):
            writer(store, "last").write(day())
        assert results(store) == without(frozenset())


def test_a_process_that_survives_a_failure_suspects_no_record(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ledger = taken(store, plan=["fail"])
        mine = RunWriter(ledger, publish=True)
        with pytest.raises(StoreError):
            mine.write(day())
        mine.write(day())
        assert ledger.commits == 2


@pytest.mark.parametrize("alerts", [False, True], ids=["decide", "alert"])
def test_a_record_that_raises_is_rejected_with_its_stage_at_once(tmp_path: Path, *, alerts: bool) -> None:
    stage = "alert" if alerts else "decide"
    with opened(tmp_path) as store, planted({4, 9}, dies(ValueError), alerts=alerts):
        writer(store).write(day())
        assert results(store) == without(frozenset({4, 9}), Rejection(stage, f"{stage}_failed: ValueError: planted"))


def test_a_record_that_finds_no_memory_again_and_again_is_set_aside(tmp_path: Path) -> None:
    with opened(tmp_path) as store, planted({4}, dies(MemoryError)):
        writer(store).write(day())
        assert results(store) == without(frozenset({4}))


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The limits that faulthandler's timer is set to, in order; None when it is cancelled."""
    found: list[float | None] = []
    monkeypatch.setattr(in_hand.faulthandler, "dump_traceback_later", lambda limit, **_how: found.append(limit))
    monkeypatch.setattr(in_hand.faulthandler, "cancel_dump_traceback_later", lambda: found.append(None))
    return found


def test_a_writer_arms_the_clock_with_its_limit(tmp_path: Path, armed: list[float | None]) -> None:
    with opened(tmp_path) as store:
        RunWriter(taken(store), publish=True, limit_s=7.0).write(day())
    assert set(armed) == {7.0, None}


def test_the_timer_is_set_again_only_after_a_quarter(armed: list[float | None]) -> None:
    now_s = 0.0
    watch = Watch(8.0, lambda: now_s)
    for now_s in (0.0, 1.0, 2.0, 2.5, 4.0, 4.5, 5.0):  # noqa: B007
        watch.begin_record()
    watch.end()
    watch.end()
    assert armed == [8.0, 8.0, 8.0, None]
    Watch(0.0).begin_record()
    assert armed[-1] is None
