"""A live run and a replay of its raw stream give the same records, stories and alerts.

See docs/architecture.md, "Replay equals live".
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from core.records import encode
from core.store import StoreReader
from core.store import tables as t
from core.store.outbox import ALERTS, ENRICHED, PEOPLE, Outbox, OutboxRow
from desk.shifts import shift_notes
from pipeline.drivers.slices import SliceLimits
from pipeline.ledger.decisions import WantedDecision, decide_stories
from pipeline.ledger.stories import read_stories
from pipeline.ledger.takedown import take_down
from pipeline.replay.diff import differences, span_of
from pipeline.replay.runs import FINISHED, STOPPED, drop_run, run_names
from tests.pipeline.replay.world import EDIT_MS, END_MS, START_MS, World, late_records, raw_record
from tests.servers.postgres import fresh_database
from wirewatch.replay.as_of import AsOf
from wirewatch.schema import metadata

KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("kafka", marks=pytest.mark.kafka),
]


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for the tests that only read it."""
    yield from _lived(request, tmp_path_factory.mktemp("world"))


# Lived for each test: on PostgreSQL in the second tier.
@pytest.fixture(params=[KINDS[0], pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow]), *KINDS[2:]])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One for a test that changes it."""
    yield from _lived(request, tmp_path)


def _lived(request: pytest.FixtureRequest, folder: Path) -> Iterator[World]:
    """A live run that handled the day, with queries edited in its middle, and then records that came late."""
    with contextlib.ExitStack() as stack:
        stream_url = str(request.getfixturevalue("kafka_server")) if request.param == "kafka" else ""
        store_url = ""
        if request.param == "postgres":
            store_url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
        made = World.at(folder, stream_url, store_url)
        stack.callback(made.close)
        made.edit_queries()
        made.append_day()
        made.live()
        made.append(late_records())
        made.live()
        yield made


def test_the_day_has_what_makes_a_replay_hard(world: World) -> None:
    found = world.results("live")
    assert sum(bool(one["key"]["late"]) for one in found["outcomes"]) == 2
    versions = {alert["subscription_version"] for alert in found["alerts"] if alert["subscription"] == "outlet"}
    assert versions == {1, 2}
    assert any(alert["subscription"] == "new" for alert in found["alerts"])
    labelled = {(one["source"], *one["labels"]) for one in found["articles"]}
    assert labelled >= {("lanterns", "agency"), ("harbour",), ("harbour", "state")}
    alerted = {(one["source"], *one["labels"]) for one in found["alerts"] if one["subscription"] == "labelled"}
    assert alerted == {("lanterns", "agency"), ("harbour", "state")}
    assert {one["kind"] for one in found["outcomes"]} == {"published", "updated", "duplicate", "unchanged", "rejected"}


def test_a_replay_of_the_stream_is_the_live_run_again(world: World) -> None:
    name, row = world.replay(limits=SliceLimits(records=7, bytes=1 << 20))
    assert row.state == FINISHED
    assert world.results(name) == world.results("live")
    assert list(differences(world.store, "live", name, span_of(world.store, "live", name))) == []


def test_a_replay_of_a_replay_is_the_same_too(world: World) -> None:
    first, _ = world.replay()
    second, _ = world.replay(of=first)
    assert world.results(second) == world.results("live")


def test_a_replay_that_is_stopped_repeatedly_continues_where_it_was(world: World) -> None:
    name, row = world.replay(slices=2)
    assert row.state == STOPPED
    starts = 1
    while row.state != FINISHED:
        starts += 1
        assert starts < 20
        _, row = world.replay(name=name, slices=2)
    assert starts > 2
    assert world.results(name) == world.results("live")


@pytest.mark.parametrize(
    "since", [2_000, 6_000, *(pytest.param(since, marks=pytest.mark.slow) for since in (1_000, 5_000, 9_000))]
)
def test_a_replay_of_a_part_knows_what_the_live_run_knew_then(world: World, since: int) -> None:
    begin = START_MS + since
    name, _ = world.replay(from_ms=begin, base="live", slices=1)
    _, row = world.replay(name=name)
    assert row.state == FINISHED
    span = {"from_ms": begin, "to_ms": END_MS}
    assert world.results(name, **span) == world.results("live", **span)
    assert list(differences(world.store, "live", name, span_of(world.store, "live", name))) == []


def test_with_an_empty_memory_a_part_differs(world: World) -> None:
    name, _ = world.replay(from_ms=EDIT_MS)
    found = list(differences(world.store, "live", name, span_of(world.store, "live", name)))
    assert {change.what for change in found} >= {"article", "story"}


def test_a_takedown_holds_in_both(own: World) -> None:
    before = own.results("live")
    gone = next(one for one in before["outcomes"] if one["item"].startswith("https://late.test/late-port"))
    removed = take_down(own.store, gone["item"], "court order 7", by="ann", now_ms=END_MS)
    assert (removed.articles, removed.outcomes) == (1, 1)
    name, _ = own.replay()
    after = own.results("live")
    assert own.results(name) == after
    assert gone["item"] not in {article["url"] for article in after["articles"]}
    [ended] = [one for one in after["outcomes"] if one["item"] == gone["item"]]
    assert (ended["kind"], ended["stage"], ended["reason"]) == ("rejected", "takedown", "court order 7")
    assert ended["key"] == gone["key"]


def test_a_takedown_also_takes_what_waits_in_the_outbox(own: World) -> None:
    """Output streams or receivers may be away just then: nothing of it may go out when they are back."""
    alerts, articles = own.results("live")["alerts"], own.results("live")["articles"]
    cause = next(one for one in alerts if sum(other["story"] == one["story"] for other in alerts) > 1)
    gone = next(one for one in articles if one["id"] == cause["article"])
    reader = StoreReader(own.store, "live")
    rows = [OutboxRow("live", ENRICHED, f"live/{one.id}", encode(one).decode()) for one in reader.articles()]
    for one in reader.alerts():
        rows += [OutboxRow("live", where, f"live/{one.id}", encode(one).decode()) for where in (ALERTS, PEOPLE)]
    with own.store.writing() as connection:
        connection.execute(t.outbox.delete())
        connection.execute(t.outbox.insert(), [msgspec.structs.asdict(row) for row in rows])
    removed = take_down(own.store, gone["url"], "court order 9", by="ann", now_ms=END_MS)
    assert removed.alerts >= 1
    left = Outbox(own.store, "me").take(10_000, now_ms=END_MS)
    assert len(left) == len(rows) - 1 - 2 * removed.alerts
    assert [row.key for row in left if gone["url"] in row.payload] == []


def test_an_editors_decisions_are_found_at_their_places(own: World) -> None:
    def decide(*wanted: str) -> str:
        kind, one, other = (*wanted, "")[:3]
        fields = {"join": {"story": one, "into": other}, "split": {"article": one}}[kind]
        made = decide_stories(own.store, "live", WantedDecision(kind, **fields), by="ann", now_ms=END_MS)  # type: ignore[arg-type]
        return made.decision.into

    def stories() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in StoreReader(own.store, "live").articles():
            found.setdefault(one.story_id or "", []).append(one.id)
        return found

    several = max(stories().values(), key=len)
    assert len(several) > 2
    decide("split", several[-1])
    first, second = sorted(stories())[:2]
    decide("join", first, second)
    text = "Something else was said later on, and nothing was known of it before. " * 3
    later = [(n, *raw_record(f"https://later.test/{n}", f"{n} {text}", END_MS + n)) for n in range(3)]
    own.append([(*one, END_MS + 20_000 + one[0]) for one in later])
    own.live()
    decide("join", max(stories()), second)
    whole = own.results("live")
    name, _ = own.replay()
    assert own.results(name) == whole
    with own.store.reading() as connection:
        mine, theirs = (read_stories(connection, run, stories()) for run in ("live", name))
    assert mine == theirs
    since = END_MS - 3_000
    name, _ = own.replay(from_ms=since, base="live")
    assert own.results(name) == own.results("live", from_ms=since)


def test_a_dropped_run_leaves_nothing(own: World) -> None:
    before = own.results("live")
    name, _ = own.replay()
    # Tables of other packages have rows of a run too.
    with own.store.writing() as connection:
        note = {"run": name, "story": "s", "at_ms": 1, "person": "", "name": "ann", "kind": "note", "text": "mine"}
        connection.execute(shift_notes.insert(), note)
    assert sum(drop_run(own.store, name, metadata)) > 0
    with own.store.reading() as connection:
        for table in metadata.sorted_tables:
            for column in {"run", "scope"}.intersection(table.c.keys()):
                assert connection.execute(sa.select(table).where(table.c[column] == name)).all() == [], table.name
    assert own.results(name) == {"articles": [], "alerts": [], "outcomes": []}
    assert own.results("live") == before
    assert name not in run_names(own.store)


def test_what_was_known_at_a_moment(own: World) -> None:
    url = "https://late.test/late-port"
    far = AsOf(own.store, "live", datetime(2200, 1, 1, tzinfo=UTC))
    assert [one.id for one in far.articles()] == [one["id"] for one in reversed(own.results("live")["articles"])]
    current = {story.id: story for story in far.stories()}
    with own.store.reading() as connection:
        assert current == read_stories(connection, "live", current)
    commits = sorted({one.seen_at for one in far.articles()})
    assert [len(list(AsOf(own.store, "live", moment).articles())) for moment in commits[:-1]] == sorted(
        len(list(AsOf(own.store, "live", moment).articles())) for moment in commits[:-1]
    )
    last = {one.id: one.version for one in far.articles()}
    every = [one for moment in commits for one in AsOf(own.store, "live", moment).articles()]
    replaced = [one for one in every if one.version < last[one.id]]
    assert replaced
    assert all(one.topics is not None and one.fetched_at is not None for one in replaced)
    early = AsOf(own.store, "live", commits[0] - timedelta(milliseconds=1))
    assert (list(early.articles()), list(early.stories()), list(early.alerts())) == ([], [], [])
    [late] = [one for one in far.articles() if one.url == url]
    before = AsOf(own.store, "live", late.seen_at - timedelta(milliseconds=1))
    assert url not in {one.url for one in before.articles()}
    assert len(list(before.alerts())) < len(list(far.alerts()))


def test_a_running_pipeline_observes_a_takedown(own: World) -> None:
    [record] = [one for one in late_records() if b"late-port" in one[2]]
    take_down(own.store, "https://late.test/late-port", "wrong", by="", now_ms=END_MS)
    own.append([dataclasses.astuple(_Again(*record))])
    assert own.live() == 1
    kinds = [one for one in own.results("live")["outcomes"] if one["item"] == "https://late.test/late-port"]
    assert {(one["kind"], one["reason"]) for one in kinds} == {("rejected", "wrong")}
    assert len(kinds) == 2


@dataclasses.dataclass
class _Again:
    partition: int
    key: bytes
    value: bytes
    time_ms: int

    def __post_init__(self) -> None:
        self.time_ms = END_MS
