"""The continuous run's housekeeping: what it costs while nothing comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.torture.contracts import broken
from core.clock import wall_ms
from core.records import Outcome, OutcomeKind, RawArticle, Subscription, article_id, encode, from_ms
from core.records.canary import canary_page
from core.records.raw import HttpFacts
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.store import tables as t
from core.store.canary import CanaryRepository
from core.store.outbox import CANARIES, PEOPLE
from core.store.tables import canaries
from core.streams import NewRecord, StreamRecord, create_stream, open_stream
from core.streams.open import create_planned
from core.streams.plans import group_of, planned_streams
from pipeline.drivers.live import COMMIT_EVERY_MS, LiveRun, run_in_slices
from pipeline.ledger.contiguous_offsets import StreamOffsets
from pipeline.replay.runs import FINISHED, RUNNING, STOPPED, Replay, ReplayRepository
from tests.pipeline.flink.articles import raw_articles


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


def test_an_idle_run_reads_the_ledger_every_five_seconds(
    live: LiveRun, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to ask at every turn of the driver, since only a commit counted as having looked."""
    asked: list[int] = []
    contiguous = StreamOffsets.contiguous

    def ask(self: StreamOffsets, begin: Mapping[int, int]) -> dict[int, tuple[int, list[int]]]:
        asked.append(clock())
        return contiguous(self, begin)

    live.mirror_ledger()
    monkeypatch.setattr(StreamOffsets, "contiguous", ask)
    for _ in range(60):
        clock.now_ms += 500
        live.mirror_ledger()
    assert asked == [Clock.now_ms + COMMIT_EVERY_MS * turn for turn in range(1, 7)]
    # A clock that was set back must not silence it for as long.
    clock.now_ms -= 3_600_000
    live.mirror_ledger()
    assert asked[-1] == clock()


def test_the_position_is_mirrored_at_most_every_five_seconds_and_only_if_it_moved(live: LiveRun, clock: Clock) -> None:
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
    live.mirror({0: 3}, at_end=True)
    assert live.raw.committed(group) == {0: 3}


def test_a_run_that_ends_leaves_its_last_position(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), extraction_processes=0, partitions=2)
    with create_stream(settings.stream, settings.raw_stream, settings.partitions) as raw:
        for begin, end in ((0, 3), (3, 9)):
            raw.append([NewRecord(key.encode(), encode(article)) for key, article in raw_articles(begin, end)])
            assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == end - begin
            assert raw.committed(group_of("live")) == raw.end_offsets([0, 1])


def test_a_run_without_notifications_still_stores(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), extraction_processes=0)
    with create_stream(settings.stream, settings.raw_stream, settings.partitions) as raw:
        raw.append([NewRecord(key.encode(), encode(article)) for key, article in raw_articles(0, 3)])
    store = open_store(settings.store)
    everything = Subscription(id="all", query="NOT zyzzyva", delivery=("hook",))
    SubscriptionStore(store).save_subscriptions([everything], now_ms=0, from_the_beginning=True)

    def waiting() -> list[str]:
        with store.reading() as connection:
            return list(connection.execute(sa.select(t.outbox.c.destination).distinct()).scalars())

    def drain(run: str, *, publish: bool) -> int:
        run_in_slices(
            dataclasses.replace(settings, run=run),
            clock_ms=wall_ms,
            stop=lambda: False,
            until_empty=True,
            publish=publish,
        )
        return len(list(StoreReader(store, run).alerts()))

    assert drain("quiet", publish=False) == 3
    assert waiting() == []
    assert drain("live", publish=True) == 3
    assert waiting() == [PEOPLE]
    store.close()


def test_every_record_on_every_stream_keeps_its_contract(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), extraction_processes=0)
    store = open_store(settings.store)
    everything = Subscription(id="all", query="NOT zyzzyva")
    SubscriptionStore(store).save_subscriptions([everything], now_ms=0, from_the_beginning=True)
    page = "<html lang=en><head><title>Ferry runs</title></head><body><p>The ferry to the island runs again.</p></body></html>"
    paged = RawArticle(
        url="https://pages.example/a",
        source="pages.example",
        fetched_at=from_ms(wall_ms()),
        html=page,
        http=HttpFacts(status=200, content_type="text/html"),
        authors=("Ann Author",),
        published="2026-03-05",
    )
    for plan in planned_streams(settings).values():
        create_planned(settings.stream, plan).close()
    with open_stream(settings.stream, settings.raw_stream) as raw:
        canary = canary_page("token", from_ms(wall_ms()))
        records = [*raw_articles(0, 51), (article_id(paged.url), paged), (article_id(canary.url), canary)]
        raw.append([NewRecord(key.encode(), encode(article)) for key, article in records])
    book = CanaryRepository(store, "live")
    assert book.claim("token", now_ms=wall_ms(), interval_s=300) is not None
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    store.close()
    seen, wrong = broken(settings)
    assert wrong == []
    assert seen["raw-articles"] == 53
    assert seen["enriched-articles"] > 30
    assert seen["alerts"] > 20
    assert seen["rejected"] > 0
    assert seen["canaries"] == 1


def test_the_outbox_of_an_ended_replay_is_relayed_and_a_running_ones_is_not(live: LiveRun, clock: Clock) -> None:
    for run, state in (("live", None), ("finished", FINISHED), ("stopped", STOPPED), ("running", RUNNING)):
        if state is not None:
            replay = Replay(
                name=run, spec="{}", base=None, from_ms=0, to_ms=1, no_claim=None, state=state, started_ms=0
            )
            ReplayRepository(live.store).put(replay)
        book = CanaryRepository(live.store, run)
        made = book.claim(f"token-{run}", now_ms=clock(), interval_s=300)
        assert made is not None
        with live.store.writing() as connection:
            row = {"run": run, "destination": CANARIES, "key": f"{run}/{made.id}", "payload": "{}", "status": "waiting"}
            connection.execute(t.outbox.insert(), row)
    assert live.relay() == 3
    with live.store.reading() as connection:
        marked = connection.execute(sa.select(canaries.c.run, canaries.c.relayed_ms)).all()
    # Each for the run whose it is.
    assert {row.run for row in marked if row.relayed_ms == clock()} == {"live", "finished", "stopped"}
    assert {row.run for row in marked if row.relayed_ms is None} == {"running"}
    ReplayRepository(live.store).note("running", state=STOPPED)
    assert live.relay() == 1


def test_marks_of_others_transactions_do_not_hold_the_mirror_back(
    live: LiveRun, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.raw.append([NewRecord(b"k", b"v", partition=0)] * 6)
    live.ledger.offsets(live.raw.uuid).first({0: 0})
    # 0, 1 and 4, 5 are done; at 2 and 3 no record will ever be.
    for first in (0, 4):
        live.ledger.offsets(live.raw.uuid).record_lost([outcome_at(live, first, first + 1)])
    read = live.raw.read

    def hollow(offsets: Mapping[int, int], **options: int) -> list[StreamRecord]:
        found = read({p: 4 if offset in (2, 3) else offset for p, offset in offsets.items()}, **options)
        return [record for record in found if record.offset not in (2, 3)]

    monkeypatch.setattr(live.raw, "read", hollow)
    group = group_of("live")
    for _ in range(3):
        clock.now_ms += COMMIT_EVERY_MS
        live.mirror_ledger()
    assert live.raw.committed(group)[0] == 6
    # A record that is only not handled yet is waited for.
    live.raw.append([NewRecord(b"k", b"v", partition=0)] * 3)
    live.ledger.offsets(live.raw.uuid).record_lost([outcome_at(live, 7, 8)])
    for _ in range(3):
        clock.now_ms += COMMIT_EVERY_MS
        live.mirror_ledger()
    assert live.raw.committed(group)[0] == 6


def outcome_at(live: LiveRun, first: int, last: int) -> Outcome:
    return Outcome(
        run="live",
        stream=live.raw.uuid,
        partition=0,
        first_offset=first,
        last_offset=last,
        kind=OutcomeKind.LOST,
        stage="read",
        reason="retention",
    )
