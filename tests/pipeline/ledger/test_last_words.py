"""Real processes that end while they decide: by themselves because of a record (twice is enough), or killed from outside."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from core.store import Store, open_store
from pipeline.ledger import in_hand, last_words
from pipeline.ledger.last_words import Death, how_it_ended, judged
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.writer import RunWriter
from tests.pipeline.ledger.drafts import day, opened, planted, results, taken, without

BAD = 5
LIMIT_S, CPU_S = 60.0, 0.6
FAULT = "Fatal Python error: Aborted\n\n{}\n"
HERE, ELSEWHERE = (
    "Current thread 0x00007f12 (most recent call first):",
    "Current thread 0x00007f99 (most recent call first):",
)


@pytest.mark.parametrize(
    ("slot", "stacks", "expected"),
    [
        ("7f12 live/s/0/5", FAULT.format(HERE), ("live/s/0/5", True, False)),
        ("7f12 live/s/0/5", FAULT.format(ELSEWHERE), ("live/s/0/5", False, False)),
        ("7f12 live/s/0/5", FAULT.format("Thread 0x00007f12 (most recent call first):"), ("live/s/0/5", False, False)),
        ("7f12 live/s/0/5", "Thread 0x00007f99 (most recent call first):\n", ("live/s/0/5", True, False)),
        ("7f12 live/s/0/5", "Timeout (0:01:00)!\nThread 0x00007f12", ("live/s/0/5", False, False)),
        ("7f12 live/s/0/5", "", ("live/s/0/5", False, False)),
        ("", FAULT.format(HERE), ("", False, True)),
        ("", "", ("", False, False)),
    ],
)
def test_what_the_files_say(slot: str, stacks: str, expected: tuple[str, bool, bool]) -> None:
    death = judged(slot, stacks)
    assert (death.record, death.proven, death.unexplained) == expected


def aborts() -> None:
    os.abort()


def spins() -> None:
    while True:
        pass


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stands_still() -> None:
    """Uses no CPU, like a process that is paused; the clock ends it. Only this record has so little time of the clock."""
    in_hand.Watch(0.2).begin_record()
    time.sleep(60)


def start(
    store: Store,
    folder: Path,
    trap: Callable[[], None] = lambda: None,
    *,
    commit: bool = False,
    bad: int = BAD,
) -> int:
    """What a process that writes the day ended with. ``trap`` is called for the bad record, or at the commit."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        faulthandler.disable()
        last_words._reports.clear()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        _decide_all(store.url, folder, trap, commit=commit, bad=bad)
    finally:
        os._exit(9)


def _decide_all(url: str, folder: Path, trap: Callable[[], None], *, commit: bool, bad: int) -> None:
    store_all = RunLedger.commit

    def trapped_commit(self: RunLedger, *args: Any, **options: Any) -> Any:
        if commit:
            trap()
        return store_all(self, *args, **options)

    with (
        patch.object(in_hand, "_TOKEN", f"forked-{os.getpid()}"),
        patch.object(in_hand, "CPU_SHARE", CPU_S / LIMIT_S),
        planted(set() if commit else {bad}, trap),
        patch.object(RunLedger, "commit", trapped_commit),
    ):
        ledger = taken(open_store(url), f"owner {os.getpid()}")
        RunWriter(ledger, publish=True, limit_s=LIMIT_S, last_words=str(folder)).write(day())
    os._exit(0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("trap", "code"), [(aborts, -signal.SIGABRT), pytest.param(spins, -signal.SIGVTALRM, marks=pytest.mark.slow)]
)
def test_a_record_that_ended_its_process_twice_is_set_aside(
    store: Store, tmp_path: Path, trap: Callable[[], None], code: int
) -> None:
    codes = [start(store, tmp_path / "words", trap) for _ in range(3)]
    assert codes == [code, code, 0]
    assert results(store) == without(frozenset({BAD}))


@pytest.mark.parametrize(
    ("trap", "code"), [(is_killed, -signal.SIGKILL), pytest.param(stands_still, 1, marks=pytest.mark.slow)]
)
def test_kills_from_outside_do_not_count_as_much(
    store: Store, tmp_path: Path, trap: Callable[[], None], code: int
) -> None:
    codes = [start(store, tmp_path / "words", trap) for _ in range(3)]
    assert codes == [code] * 3
    assert start(store, tmp_path / "words") == 0
    assert results(store) == without()


@pytest.mark.slow
def test_kills_between_records_and_at_commits_blame_nothing(store: Store, tmp_path: Path) -> None:
    assert [start(store, tmp_path / "words", is_killed, commit=True) for _ in range(6)] == [-signal.SIGKILL] * 6
    # If they had blamed a record, it would now be set aside after one more death.
    assert start(store, tmp_path / "words", aborts) == -signal.SIGABRT
    assert start(store, tmp_path / "words") == 0
    assert results(store) == without()


@pytest.mark.slow
def test_without_the_files_a_death_is_unexplained(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    for number in range(in_hand.BLAMED_OUT):
        assert start(store, folder, aborts) == -signal.SIGABRT, number
        for path in folder.iterdir():
            path.unlink()
    assert start(store, folder, aborts) == 0
    assert results(store) == without(frozenset({BAD}))


def test_files_of_another_start_of_the_machine_say_nothing(tmp_path: Path) -> None:
    words = last_words.LastWords(tmp_path, "live", "1-a")
    words.end_record()
    assert how_it_ended(str(tmp_path), "live", "1-a") == Death("", False, "")
    with patch.object(last_words, "boot_id", lambda: "another"):
        assert how_it_ended(str(tmp_path), "live", "1-a") is None
    assert how_it_ended(str(tmp_path), "other", "1-a") is None
    assert how_it_ended("", "live", "1-a") is None


def test_old_files_go(tmp_path: Path) -> None:
    for number in range(last_words.KEPT_FILES + 20):
        (tmp_path / f"{number}-a.hand").touch()
        os.utime(tmp_path / f"{number}-a.hand", (number, number))
    last_words.LastWords(tmp_path, "live", "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == last_words.KEPT_FILES + 2
    assert "19-a.hand" not in left
    assert "20-a.hand" in left


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert last_words.open_last_words(str(tmp_path / "file"), "live", "1-a") is None


@pytest.mark.slow
def test_the_count_of_a_record_is_remembered_over_a_death_by_another(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    # The second comes before the first record that is blamed, so that one is not in hand then.
    codes = [start(store, folder, aborts, bad=bad) for bad in (BAD, BAD - 2, BAD, BAD)]
    assert codes == [-signal.SIGABRT, -signal.SIGABRT, -signal.SIGABRT, 0]
    assert results(store) == without(frozenset({BAD}))
