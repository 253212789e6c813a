"""A mirrored cluster takes over: Kafka's own MirrorMaker 2 between two brokers, the first of which is lost."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.errors import StreamError, UsageError
from core.records import OutcomeKind
from core.settings import Settings
from core.store import StoreReader, open_store
from core.store import tables as t
from core.streams import Stream, create_stream, open_stream
from core.streams.open import create_planned, find_stream
from core.streams.plans import group_of, planned_streams
from pipeline.drivers.live import run_in_slices
from pipeline.drivers.takeover import adopt
from pipeline.ledger import tables as own
from pipeline.ledger.slow_lane import count_waiting
from tests.pipeline.flink.articles import append_articles
from tests.servers.kafka import KafkaServer, ServerFailed
from tests.servers.mirror import mirror
from tests.waiting import until

FIRST, SECOND, THIRD = 120, 150, 180
CONFIGS = Path(__file__).parents[3] / "deploy/local"


def drain(settings: Settings) -> int:
    return run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)


def handled(settings: Settings, stream: str) -> Counter[str]:
    store = open_store(settings.store)
    try:
        return Counter(one.kind.value for one in StoreReader(store, "live").outcomes() if one.stream == stream)
    finally:
        store.close()


def stored_by_the_broker(server: KafkaServer, name: str) -> None:
    """As the manual says: from here on the broker stamps the records. Those that are there keep their times."""
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    wanted = {"message.timestamp.type": "LogAppendTime"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=wanted)])
    admin.close()


def total(stream: Stream) -> int:
    return sum(stream.end_offsets(stream.partitions()).values())


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[KafkaServer, KafkaServer]]:
    source, target = KafkaServer(tmp_path / "source"), KafkaServer(tmp_path / "target")
    try:
        source.start()
        target.start()
    except ServerFailed as error:
        pytest.fail(f"no Kafka brokers for the test: {error}", pytrace=False)
    yield source, target
    source.kill()
    target.kill()


@pytest.mark.kafka
@pytest.mark.slow
def test_the_run_continues_in_the_mirrored_stream(brokers: tuple[KafkaServer, KafkaServer], tmp_path: Path) -> None:
    source, target = brokers
    before = Settings(stream_url=source.url, data_dir=str(tmp_path / "data"), partitions=2, extraction_processes=0)
    after = Settings(stream_url=target.url, data_dir=str(tmp_path / "data"), partitions=2, extraction_processes=0)
    name = before.raw_stream
    with create_planned(source.url, planned_streams(before)[name]) as old, mirror(tmp_path / "mm", source, target):
        append_articles(old, 0, FIRST)
        assert drain(before) == FIRST
        until(lambda: find_stream(target.url, name) is not None, "mirrored stream", seconds=300)
        mirrored = open_stream(target.url, name)
        until(lambda: total(mirrored) == FIRST, "mirrored records", seconds=300)
        until(lambda: sum(mirrored.committed(group_of("live")).values()) > 0, "mirrored position", seconds=300)
        # More that is mirrored, of which some was handled and its position perhaps not mirrored.
        append_articles(old, FIRST, SECOND)
        assert drain(before) == SECOND - FIRST
        until(lambda: total(mirrored) == SECOND, "mirrored records", seconds=300)
        old_uuid, times = old.uuid, sorted(one.timestamp_ms for one in old.read({0: 0, 1: 0}))
    source.kill()

    # Records keep their times; the stream has another identity, and is not yet one that the pipeline takes.
    assert mirrored.uuid != old_uuid
    starts = dict.fromkeys(mirrored.partitions(), 0)
    assert sorted(one.timestamp_ms for one in mirrored.read(starts)) == times
    with pytest.raises(StreamError, match=r"message\.timestamp\.type=CreateTime"):
        drain(after)
    stored_by_the_broker(target, name)
    begins = adopt(after, wall_ms)
    again = sum(end - begin for begin, end in begins.values())
    assert again == 0, "the last record that was handled is found"
    with pytest.raises(UsageError, match="has begun in this stream"):
        adopt(after, wall_ms)

    append_articles(mirrored, SECOND, THIRD)
    assert drain(after) == again + THIRD - SECOND
    old_ends, new_ends = handled(after, old_uuid), handled(after, mirrored.uuid)
    assert old_ends.total() == SECOND
    assert new_ends.total() == again + THIRD - SECOND
    # As many articles and versions as if there had been one stream only.
    store = open_store(after.store)
    articles = [(one.id, one.version) for one in StoreReader(store, "live").articles()]
    store.close()
    assert len(articles) == len(set(articles))
    reference = Settings(
        stream_url=f"sqlite:///{tmp_path / 'r.db'}", data_dir=str(tmp_path / "r"), extraction_processes=0
    )
    with create_stream(reference.stream, name, 2) as stream:
        append_articles(stream, 0, THIRD)
    drain(reference)
    store = open_store(reference.store)
    expected = [(one.id, one.version) for one in StoreReader(store, "live").articles()]
    store.close()
    assert sorted(articles) == sorted(expected)
    mirrored.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), partitions=2, extraction_processes=0)


def test_without_adopting_all_is_done_again_and_nothing_is_new(settings: Settings, tmp_path: Path) -> None:
    """The same records in another stream, without a mirrored position."""
    for place in ("one", "two"):
        url = f"sqlite:///{tmp_path / place}.db"
        with create_stream(url, settings.raw_stream, 2) as stream:
            append_articles(stream, 0, 30)
            mirrored = Settings(stream_url=url, data_dir=str(tmp_path), partitions=2, extraction_processes=0)
            assert drain(mirrored) == 30
            ends = handled(mirrored, stream.uuid)
    changed = ends.total() - ends[OutcomeKind.UNCHANGED] - ends[OutcomeKind.REJECTED]
    assert changed <= ends[OutcomeKind.UPDATED] + ends[OutcomeKind.DUPLICATE], ends
    assert ends[OutcomeKind.PUBLISHED] == 0, "no article is new"


@pytest.mark.parametrize("waits", [False, True], ids=["undone", "in the slow lane"])
def test_a_record_that_was_left_undone_is_done_in_the_new_stream(
    settings: Settings, tmp_path: Path, *, waits: bool
) -> None:
    """Offset 4 has no outcome: what was handled behind it comes again, and it comes too."""
    with create_stream(settings.stream, settings.raw_stream, 1) as old:
        append_articles(old, 0, 9)
        assert drain(settings) == 9
        store = open_store(settings.store)
        with store.writing() as connection:
            undone = (t.outcomes.c.stream == old.uuid) & (t.outcomes.c.first_offset == 4)
            connection.execute(t.outcomes.delete().where(undone))
            if waits:
                row = {"run": "live", "stream": old.uuid, "partition": 0, "record_offset": 4, "seq": 1, "place": "0"}
                connection.execute(own.slow_lane.insert().values(**row, article="a", outlet="o", why="slow"))
            else:
                connection.execute(own.contiguous_offsets.update().values(next_offset=4))
        store.close()
    url = f"sqlite:///{tmp_path / 'mirrored.db'}"
    after = Settings(stream_url=url, data_dir=str(tmp_path), partitions=1, extraction_processes=0)
    with create_stream(url, settings.raw_stream, 1) as new:
        append_articles(new, 0, 12)
        new.commit(group_of("live"), {0: 2})
        assert adopt(after, wall_ms) == {0: (4, 12)}
        assert drain(after) == 8
        assert handled(after, new.uuid).total() == 8
        assert count_waiting(open_store(after.store), "live") == (0, None)


def test_streams_without_anything_to_adopt(settings: Settings) -> None:
    with create_stream(settings.stream, settings.raw_stream, 2) as stream:
        append_articles(stream, 0, 10)
        with pytest.raises(UsageError, match="group wirewatch-live has no position"):
            adopt(settings, wall_ms)
        stream.commit(group_of("live"), {0: 1 << 40, 1: 0})
        with pytest.raises(UsageError, match=r"after the end of partitions \[0\]"):
            adopt(settings, wall_ms)
        stream.commit(group_of("live"), {0: 0, 1: 0})
        with pytest.raises(UsageError, match="the store has no run 'live'"):
            adopt(settings, wall_ms)
        drain(settings)
        with pytest.raises(UsageError, match="has begun in this stream"):
            adopt(settings, wall_ms)


def test_the_launcher_says_how_to_use_it() -> None:
    done = subprocess.run([CONFIGS / "mirror.sh", "here"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: mirror.sh DIR SOURCE TARGET | mirror.sh --fetch\n")
