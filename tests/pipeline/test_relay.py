"""The relay: every record at least once, those of one stream in order, whatever fails in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from core.errors import Fenced, RecordTooLarge, StreamError, StreamUnavailable, WriterFenced
from core.store import Store
from core.store import tables as t
from core.store.outbox import Outbox
from core.streams import NewRecord, Stream
from pipeline import relay as relay_module
from pipeline.relay import Relay
from tests.pipeline.ledger.drafts import opened


class Killed(BaseException):
    """The process ends here."""


class FakeStream:
    """Takes records of up to ``limit`` bytes; ``trouble`` are errors for the next appends (None: it works)."""

    def __init__(self, name: str, limit: int = 1_000) -> None:
        self.name, self.limit, self.url = name, limit, "fake:"
        self.keys: list[int] = []
        self.fences: list[str] = []
        self.trouble: list[BaseException | None] = []

    def fence(self, writer: str) -> None:
        self.fences.append(writer)

    def append(self, records: Sequence[NewRecord]) -> None:
        if self.trouble and (error := self.trouble.pop(0)):
            if isinstance(error, Killed):
                self.keys += [int(record.key) for record in records]
            raise error
        for record in records:
            if len(record.value) > self.limit:
                raise RecordTooLarge(self.url, len(record.value), self.limit)
        self.keys += [int(record.key) for record in records]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as made:
        yield made


@pytest.fixture
def streams() -> dict[str, FakeStream]:
    return {name: FakeStream(name) for name in ("articles", "alerts")}


def relay(store: Store, streams: dict[str, FakeStream], may: Callable[[str], bool] = lambda _run: True) -> Relay:
    return Relay(Outbox(store), cast("dict[str, Stream]", streams), may)


def fill(store: Store, destinations: str, sizes: dict[int, int] | None = None) -> None:
    """One row for each letter: a for articles, l for alerts, p for people. Keys count from what is there."""
    names = {"a": "articles", "l": "alerts", "p": "people"}
    with store.writing() as connection:
        start = connection.execute(sa.select(sa.func.coalesce(sa.func.max(t.outbox.c.id), 0))).scalar_one()
        for number, letter in enumerate(destinations, start):
            row = {"run": "live", "destination": names[letter], "key": str(number), "status": "waiting"}
            connection.execute(t.outbox.insert().values(**row, payload="x" * (sizes or {}).get(number, 1)))


def waiting(store: Store) -> list[int]:
    with store.reading() as connection:
        return [int(key) for key in connection.execute(sa.select(t.outbox.c.key).order_by(t.outbox.c.id)).scalars()]


def test_all_that_waits_goes_to_its_stream_in_order(
    store: Store, streams: dict[str, FakeStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH", 3)
    fill(store, "aalalaaala")
    assert relay(store, streams).pump() == 10
    assert (streams["articles"].keys, streams["alerts"].keys) == ([0, 1, 3, 5, 6, 7, 9], [2, 4, 8])
    assert (waiting(store), relay(store, streams).pump()) == ([], 0)


def test_what_is_for_others_is_left_to_them(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "papl")
    assert relay(store, streams).pump() == 2
    assert waiting(store) == [0, 2]


def test_while_a_stream_cannot_be_reached_its_records_wait(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "alal")
    streams["alerts"].trouble = [StreamUnavailable("fake:", "nobody answers")]
    pump = relay(store, streams)
    assert pump.pump() == 2
    # What was acknowledged is not sent again.
    assert (streams["articles"].keys, waiting(store)) == ([0, 2], [1, 3])
    fill(store, "al")
    assert pump.pump() == 4
    assert (streams["articles"].keys, streams["alerts"].keys, waiting(store)) == ([0, 2, 4], [1, 3, 5], [])


def test_a_record_over_the_limit_is_struck_off_and_the_others_go(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "aaaal", {1: 5_000, 4: 5_000})
    assert relay(store, streams).pump() == 5
    assert (streams["articles"].keys, streams["alerts"].keys, waiting(store)) == ([0, 2, 3], [], [])


def test_a_stream_that_goes_away_behind_a_record_over_the_limit(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "aaaa", {1: 5_000})
    streams["articles"].trouble = [None, None, None, StreamUnavailable("fake:", "gone")]
    pump = relay(store, streams)
    assert (pump.pump(), streams["articles"].keys, waiting(store)) == (2, [0], [2, 3])
    assert (pump.pump(), streams["articles"].keys) == (2, [0, 2, 3])


def test_an_error_that_waiting_cannot_fix_is_raised_and_loses_nothing(
    store: Store, streams: dict[str, FakeStream]
) -> None:
    fill(store, "al")
    streams["articles"].trouble = [StreamError("fake:", "not authorised")]
    pump = relay(store, streams)
    with pytest.raises(StreamError, match="not authorised"):
        pump.pump()
    assert waiting(store) == [0, 1]
    assert pump.pump() == 2


class Dying(Outbox):
    """An outbox whose process ends before it can strike off anything."""

    def done(self, rows: object) -> None:
        raise Killed


def test_killed_between_append_and_striking_off(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "aaa")
    with pytest.raises(Killed):
        Relay(Dying(store), cast("dict[str, Stream]", streams), lambda _run: True).pump()
    fill(store, "al")
    # What the dead one may not have sent goes first; nothing is waited for.
    assert relay(store, streams).pump() == 5
    assert (streams["articles"].keys, streams["alerts"].keys) == ([0, 1, 2, 0, 1, 2, 3], [4])
    assert waiting(store) == []


def test_the_name_is_taken_once_and_again_after_a_failure(store: Store, streams: dict[str, FakeStream]) -> None:
    pump = relay(store, streams)
    for trouble in (None, None, StreamUnavailable("fake:", "gone"), None, WriterFenced("fake:", "me"), None):
        fill(store, "a")
        streams["articles"].trouble = [trouble]
        pump.pump()
    assert streams["articles"].fences == ["wirewatch-relay-live"] * 3
    # A stream for which nothing waited is left alone: another process may be writing there under the name.
    assert streams["alerts"].fences == []
    assert (len(streams["articles"].keys), waiting(store)) == (6, [])


def test_a_process_that_may_not_relay_a_run_takes_no_name(store: Store, streams: dict[str, FakeStream]) -> None:
    fill(store, "al")

    def fenced(_run: str) -> bool:
        raise Fenced("taken over")

    assert relay(store, streams, lambda _run: False).pump() == 0
    with pytest.raises(Fenced):
        relay(store, streams, fenced).pump()
    assert (streams["articles"].fences, streams["articles"].keys, waiting(store)) == ([], [], [0, 1])


def test_a_run_that_is_lost_while_its_name_is_taken_is_not_relayed(
    store: Store, streams: dict[str, FakeStream]
) -> None:
    fill(store, "a")
    answers = [True, False, False, True, True]
    pump = relay(store, streams, lambda _run: answers.pop(0))
    assert (pump.pump(), pump.pump(), pump.pump()) == (0, 0, 1)
    assert streams["articles"].fences == ["wirewatch-relay-live"] * 2
