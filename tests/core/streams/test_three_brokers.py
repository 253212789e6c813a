"""Three brokers, of which one or two are killed: what was acknowledged stays, what can't be kept is refused in time."""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from connectors.runner import append_all
from core.clock import wall_ms
from core.errors import StreamUnavailable
from core.records import RawArticle, from_ms
from core.settings import Settings
from core.store import StoreReader, open_store
from core.store.outbox import ENRICHED
from core.streams import Appended, NewRecord, open_stream
from core.streams.open import create_planned, find_stream
from core.streams.plans import Difference, differences, group_of, planned_streams, raw_plan
from pipeline.drivers.live import run_in_slices
from tests.core.streams.traffic import Writer, read_all, read_on
from tests.servers.kafka import ServerFailed
from tests.servers.kafka_three import NODES, ThreeBrokers
from tests.waiting import until
from tests.wirewatch.command import wirewatch

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("three")]
STUCK_S = 60
"""No call may take so long; all of them are bounded by a few seconds."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    brokers = ThreeBrokers(tmp_path_factory.mktemp("three"))
    try:
        brokers.start()
    except ServerFailed as error:
        pytest.fail(f"no three Kafka brokers for the tests: {error}", pytrace=False)
    yield brokers
    brokers.kill_all()


@pytest.fixture
def brokers(cluster: ThreeBrokers) -> ThreeBrokers:
    """All three run, whatever an earlier test did to them."""
    cluster.revive()
    return cluster


@pytest.fixture
def settings(brokers: ThreeBrokers, tmp_path: Path) -> Settings:
    name = f"raw-{uuid.uuid4()}"
    return Settings(
        stream_url=f"{brokers.url}?timeout_s=2",
        store_url=f"sqlite:///{tmp_path}/store.db",
        raw_stream=name,
        run=name,
        partitions=3,
        extraction_processes=0,
    )


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


# --- copies


def test_streams_are_made_with_three_copies_of_which_two_must_hold_a_record(
    brokers: ThreeBrokers, settings: Settings, tmp_path: Path
) -> None:
    made = created(settings, tmp_path)
    assert {name: (one["state"], one["copies"]) for name, one in made.items()} == dict.fromkeys(
        planned_streams(settings), ("made", 3)
    )
    for name, plan in planned_streams(settings).items():
        assert sorted(brokers.partition(name)["replica_nodes"]) == list(NODES)
        facts = find_stream(settings.stream, name)
        assert facts is not None
        assert facts.configs["min.insync.replicas"] == "2"
        assert differences(plan, facts) == []


def test_fewer_copies_are_possible_and_are_reported_unless_requested(brokers: ThreeBrokers, settings: Settings) -> None:
    plan = raw_plan(settings)
    create_planned(f"{settings.stream}&replication_factor=1", plan).close()
    assert len(brokers.partition(plan.name)["replica_nodes"]) == 1
    facts = find_stream(settings.stream, plan.name)
    assert facts is not None
    assert facts.configs["min.insync.replicas"] == "1"
    assert differences(plan, facts) == [Difference("copies", "1", "3")]
    asked_for = find_stream(f"{settings.stream}&replication_factor=1", plan.name)
    assert asked_for is not None
    assert differences(plan, asked_for) == []


def created(settings: Settings, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """What ``wirewatch streams create`` says of each stream."""
    done = wirewatch(
        *("streams", "create", "--json"),
        cwd=folder,
        WIREWATCH_STREAM_URL=settings.stream,
        WIREWATCH_RAW_STREAM=settings.raw_stream,
        WIREWATCH_PARTITIONS=str(settings.partitions),
    )
    assert done.returncode == 0, done.stderr
    return {one["stream"]: one for one in map(json.loads, done.stdout.splitlines())}


# --- the leader dies


def test_acknowledged_records_survive_the_leader_and_are_read_once_in_order(
    brokers: ThreeBrokers, settings: Settings, threads: ThreadPoolExecutor
) -> None:
    name = settings.raw_stream
    create_planned(settings.stream, raw_plan(settings)).close()
    # One waits longer than a new leader takes, the other less; each broker leads a partition.
    patient = Writer(f"{brokers.url}?timeout_s=30", name, "patient", 3)
    hasty = Writer(f"{brokers.url}?timeout_s=1", name, "hasty", 3)
    finished = threading.Event()
    reading = threads.submit(read_on, settings.stream, name, 3, finished)
    writing = [threads.submit(writer.run) for writer in (patient, hasty)]

    def more(what: str) -> None:
        had = [len(writer.stored) for writer in (patient, hasty)]
        until(
            lambda: all(len(w.stored) >= n + 30 for w, n in zip((patient, hasty), had, strict=True)) or failed(writing),
            f"records {what}",
        )

    try:
        more("before")
        leader = brokers.partition(name)["leader_id"]
        brokers.kill(leader)
        until(lambda: brokers.partition(name).get("leader_id", leader) not in (leader, -1), "new leader")
        more("with a new leader")
        brokers.revive(leader)
        until(lambda: in_sync(brokers, name, 3) == set(NODES), "return into the replicas in sync")
        more("with all back")
    finally:
        for writer in (patient, hasty):
            writer.stop.set()
        finished.set()
    for future in writing:
        future.result(timeout=STUCK_S)
    records = reading.result(timeout=STUCK_S)

    by_place = {(record.partition, record.offset): record.value for record in records}
    assert len(by_place) == len(records), "nothing is read twice"
    for partition in range(3):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == sorted(offsets)
    for writer in (patient, hasty):
        for place, value in writer.stored:
            assert by_place[place.partition, place.offset] == value
        assert len({place[:2] for place, _ in writer.stored}) == len(writer.stored)
    # Sent again by the producer itself, over a change of leaders: stored once, in the writer's order.
    assert patient.refused == 0
    for partition in range(3):
        expected = [value for place, value in patient.stored if place.partition == partition]
        values = [r.value for r in records if r.partition == partition and r.value.startswith(b"patient")]
        assert values == expected == sorted(expected)
    # Appended again by the caller: at least once, and nothing that it didn't write.
    assert hasty.refused > 0
    copies = Counter((r.partition, r.value) for r in records if r.value.startswith(b"hasty"))
    assert copies.keys() == {(place.partition, value) for place, value in hasty.stored}
    assert copies.total() - len(copies) <= hasty.refused * 6


def in_sync(brokers: ThreeBrokers, name: str, partitions: int) -> set[int]:
    """The brokers that are in sync in each partition."""
    return set.intersection(*(set(brokers.partition(name, p).get("isr_nodes", ())) for p in range(partitions)))


def failed(futures: list[Future[None]]) -> bool:
    return any(future.done() for future in futures)


# --- too few brokers


def test_below_the_least_number_in_sync_an_append_is_refused_in_time_and_works_again_later(
    brokers: ThreeBrokers, settings: Settings, threads: ThreadPoolExecutor
) -> None:
    before = producers()
    plan = raw_plan(settings)
    stream = create_planned(settings.stream, plan)

    def append(value: bytes) -> Appended:
        # A stuck producer fails the test, instead of holding it up.
        [place] = threads.submit(stream.append, [NewRecord(b"k", value, partition=0)]).result(timeout=STUCK_S)
        return place

    def append_at_last(value: bytes) -> Appended:
        while True:
            try:
                return append(value)
            except StreamUnavailable:
                continue

    with closing(stream):
        kept = [append_at_last(b"all")]
        _, first, second = brokers.partition(plan.name)["replica_nodes"]
        brokers.kill(first)
        until(lambda: first not in in_sync(brokers, plan.name, 1), "notice that a broker is gone")
        kept.append(append_at_last(b"two"))
        with closing(brokers.admin()) as admin:
            least(admin, plan.name, 3)
            # The two could hold it; the leader refuses, since three are asked for.
            with pytest.raises(StreamUnavailable, match=r"can't be reached") as caught:
                until(lambda: append(b"two of three") is None, "refusal")
            assert "min.insync.replicas" in str(caught.value.hint)
            least(admin, plan.name, 2)
        kept.append(append_at_last(b"two again"))
        # Made now, a stream has a copy on the broker that is away, too.
        late = create_planned(settings.stream, planned_streams(settings)["rejected"])
        late.close()
        assert sorted(brokers.partition("rejected")["replica_nodes"]) == list(NODES)

        brokers.kill(second)
        for _ in range(2):
            with pytest.raises(StreamUnavailable):
                append(b"one")
        assert len(producers() - before) <= 1
        # What was acknowledged can be read all the same.
        values = {(record.partition, record.offset): record.value for record in stream.read({0: 0})}
        assert [values[place.partition, place.offset] for place in kept] == [b"all", b"two", b"two again"]

        brokers.revive(second)
        kept.append(append_at_last(b"two once more"))
        values = {(record.partition, record.offset): record.value for record in stream.read({0: 0}, wait_ms=1000)}
        assert [values[place.partition, place.offset] for place in kept][-1] == b"two once more"
        assert set(values.values()) <= {b"all", b"two", b"two of three", b"two again", b"one", b"two once more"}
    assert producers() <= before


def least(admin: Any, name: str, copies: int) -> None:
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"min.insync.replicas": str(copies)})])


def producers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "wirewatch" in thread.name}


# --- the pipeline


def test_the_pipeline_survives_a_leaders_death_with_one_outcome_a_record(
    brokers: ThreeBrokers, settings: Settings, threads: ThreadPoolExecutor
) -> None:
    raw = create_planned(settings.stream, raw_plan(settings))
    stop = threading.Event()
    pause: Callable[[float], object] = stop.wait
    running = threads.submit(run_in_slices, settings, clock_ms=wall_ms, stop=stop.is_set, pause=pause)
    reader = StoreReader(open_store(settings.store), settings.run)
    numbers = itertools.count()

    def write(count: int) -> None:
        for number in itertools.islice(numbers, count):
            while True:
                try:
                    append_all(raw, [[article(number)]])
                except StreamUnavailable:
                    continue
                break

    def settled() -> bool:
        assert not running.done(), running.exception()
        ends = raw.end_offsets(range(settings.partitions))
        return sum(1 for _ in reader.outcomes()) >= sum(ends.values())

    try:
        write(6)
        until(settled, "outcomes before")
        leader = brokers.partition(raw.name)["leader_id"]
        brokers.kill(leader)
        write(12)
        until(settled, "outcomes while a broker is gone")
        brokers.revive(leader)
        write(6)
        until(settled, "outcomes with all back")
    finally:
        stop.set()
    running.result(timeout=STUCK_S)

    records = list(read_all(raw))
    outcomes = list(reader.outcomes())
    assert [(one.partition, one.first_offset, one.last_offset) for one in outcomes] == sorted(
        (record.partition, record.offset, record.offset) for record in records
    )
    urls = {article(number).url for number in range(24)}
    told = Counter(one.item for one in outcomes if one.kind != "unchanged")
    assert told == dict.fromkeys(urls, 1), "an article that was appended again is recognised"
    with open_stream(settings.stream, ENRICHED) as enriched:
        relayed = {record.key for record in read_all(enriched) if (record.key or b"").startswith(settings.run.encode())}
    assert relayed == {f"{settings.run}/{one.article}".encode() for one in outcomes}
    ends = raw.end_offsets(range(settings.partitions))
    raw.close()
    with open_stream(settings.stream, settings.raw_stream) as again:
        committed = again.committed(group_of(settings.run))
    assert all(0 <= offset <= ends[partition] for partition, offset in committed.items())


def article(number: int) -> RawArticle:
    words = f"Report {number}: the harbour council said that pier {number} stays closed until the storms are over. " * 3
    url = f"https://outlet.example/{number}"
    return RawArticle(url=url, source="outlet", fetched_at=from_ms(1_790_000_000_000), title="A title", text=words)
