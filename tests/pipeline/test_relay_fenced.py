"""A relay that stands still while another takes its run: what it appends when it wakes must not stand behind newer versions."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError

from core.clock import wall_ms
from core.errors import Fenced
from core.settings import Settings
from core.store import tables as t
from core.store.outbox import ENRICHED
from core.streams import open_stream
from core.streams.kafka.producer import Producer
from pipeline.drivers.live import LiveRun


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return settings_at("" if request.param == "sqlite" else request.getfixturevalue("kafka_server"), tmp_path)


@pytest.fixture
def on_kafka(kafka_server: str, tmp_path: Path) -> Settings:
    return settings_at(kafka_server, tmp_path)


def settings_at(url: str, folder: Path) -> Settings:
    # One broker serves all tests, and the output streams have one name: a run of its own has its own keys.
    run = f"fenced-{uuid.uuid4().hex[:8]}"
    return Settings(data_dir=str(folder), stream_url=url, run=run, extraction_processes=0, partitions=1)


def put(live: LiveRun, version: int) -> None:
    with live.store.writing() as connection:
        row = {"run": live.settings.run, "destination": ENRICHED, "key": f"{live.settings.run}/X", "status": "waiting"}
        connection.execute(t.outbox.insert(), [row | {"payload": str(version)}])


def versions(settings: Settings) -> Iterator[int]:
    """What a reader finds of the article, in order."""
    with open_stream(settings.stream, ENRICHED) as stream:
        at = dict(stream.start_offsets(stream.partitions()))
        while found := stream.read(at):
            for record in found:
                at[record.partition] = record.offset + 1
                if record.key == f"{settings.run}/X".encode():
                    yield int(record.value)


def test_a_relay_that_wakes_behind_its_successor_appends_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = LiveRun(settings, wall_ms)
    put(old, 1)
    stream: Any = old._outputs[ENRICHED]
    append = stream.append

    def asleep(records: Any) -> Any:
        monkeypatch.setattr(stream, "append", append)
        new = LiveRun(settings, wall_ms)
        put(new, 2)
        assert new.relay() == 2
        new.close()
        return append(records)

    monkeypatch.setattr(stream, "append", asleep)
    assert old.relay() == 0
    assert list(versions(settings)) == [1, 2]
    put(old, 3)
    with pytest.raises(Fenced):
        old.relay()
    assert list(versions(settings)) == [1, 2]
    old.close()


@pytest.mark.kafka
def test_a_relay_that_wakes_inside_its_commit_has_appended_nothing_that_counts(
    on_kafka: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = LiveRun(on_kafka, wall_ms)
    put(old, 1)
    commit = Producer._commit

    def asleep(self: Producer) -> None:
        # Its records are on the broker, in an open transaction.
        monkeypatch.setattr(Producer, "_commit", commit)
        new = LiveRun(on_kafka, wall_ms)
        put(new, 2)
        assert new.relay() == 2
        new.close()
        commit(self)

    monkeypatch.setattr(Producer, "_commit", asleep)
    assert old.relay() == 0
    assert list(versions(on_kafka)) == [1, 2]
    put(old, 3)
    with pytest.raises(Fenced):
        old.relay()
    old.close()
    # Who doesn't ask for committed records alone sees the aborted one too, but never behind a newer version.
    assert uncommitted(on_kafka) == [1, 1, 2]


@pytest.mark.kafka
def test_a_commit_whose_answer_is_lost_is_repeated_in_order(
    on_kafka: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveRun(on_kafka, wall_ms)
    commit = Producer._commit
    for version, before in ((1, False), (2, True)):
        put(live, version)

        def lost(self: Producer, before: bool = before) -> None:
            monkeypatch.setattr(Producer, "_commit", commit)
            if not before:
                commit(self)
            raise KafkaTimeoutError("no answer")

        monkeypatch.setattr(Producer, "_commit", lost)
        assert live.relay() == 0
        assert live.relay() == 1
    live.close()
    # The first commit had counted, so its repeat is a repeat for all; the second had not.
    assert list(versions(on_kafka)) == [1, 1, 2]
    assert uncommitted(on_kafka) == [1, 1, 2, 2]


def uncommitted(settings: Settings) -> list[int]:
    """What a consumer of Kafka's default isolation finds of the article, in order."""
    server = settings.stream_url.removeprefix("kafka://")
    consumer = KafkaConsumer(
        ENRICHED, bootstrap_servers=server, auto_offset_reset="earliest", consumer_timeout_ms=3_000
    )
    with contextlib.closing(consumer):
        return [int(one.value) for one in consumer if one.key == f"{settings.run}/X".encode()]
