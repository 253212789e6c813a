"""Kafka as people run it: streams made as planned, a producer that can't lose or double, limits, lag in Kafka's own tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from connectors.runner import Polled, run
from connectors.testing import MemoryRepository, Scripted
from core.clock import wall_ms
from core.records import RawArticle, from_ms
from core.settings import Settings
from core.store import StoreReader, open_store
from core.streams import NewRecord, Stream, open_stream
from core.streams.kafka.stream import KafkaStream
from core.streams.open import create_planned, find_stream
from core.streams.plans import differences, group_of, planned_streams, raw_plan
from pipeline.drivers.live import run_in_slices
from tests.connectors.support import NOON
from tests.servers.kafka import kafka_jars
from tests.wirewatch.command import wirewatch

pytestmark = pytest.mark.kafka
WORDS = "The harbour council said on Monday that the old bridge stays closed until the winter storms are over. " * 3


@pytest.fixture
def bootstrap(kafka_server: str) -> str:
    return kafka_server.removeprefix("kafka://")


@pytest.fixture
def admin(bootstrap: str) -> Iterator[Any]:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        yield admin


@pytest.fixture
def settings(kafka_server: str, tmp_path: Path) -> Settings:
    """Settings with a raw stream of their own; the output streams have fixed names, and are those of all tests."""
    name = f"raw-{uuid.uuid4()}"
    return Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path}/store.db",
        raw_stream=name,
        run=name,
        partitions=3,
        extraction_processes=0,
    )


def streams(settings: Settings, folder: Path, *arguments: str, **more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and records of ``wirewatch streams …``, by the stream's name."""
    environment = {
        "WIREWATCH_STREAM_URL": settings.stream,
        "WIREWATCH_RAW_STREAM": settings.raw_stream,
        "WIREWATCH_RUN": settings.run,
        "WIREWATCH_PARTITIONS": "3",
    }
    done = wirewatch("streams", *arguments, "--json", cwd=folder, **environment | more)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {one["stream"]: one for one in records}


# --- streams as planned


def test_create_makes_what_is_missing_and_says_how_the_rest_differs(
    settings: Settings, admin: Any, tmp_path: Path
) -> None:
    name = settings.raw_stream
    assert streams(settings, tmp_path, "list")[1][name]["state"] == "missing"
    status, made = streams(settings, tmp_path, "create")
    assert (status, list(made)) == (0, list(planned_streams(settings)))
    assert (made[name]["state"], made[name]["partitions"], made[name]["copies"]) == ("made", 3, 1)
    for plan in planned_streams(settings).values():
        facts = find_stream(settings.stream, plan.name)
        assert facts is not None
        if plan.name == name:
            assert differences(plan, facts) == []
    assert streams(settings, tmp_path, "create")[1][name]["state"] == "as planned"

    changes = {"retention.ms": "60000", "cleanup.policy": "compact"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, changes)])
    status, found = streams(settings, tmp_path, "create", "--partitions", "5")
    assert (status, found[name]["state"]) == (0, "differs")
    assert {one["what"]: (one["found"], one["wanted"]) for one in found[name]["differences"]} == {
        "partitions": ("3", "5"),
        "cleanup.policy": ("compact", "delete"),
        "retention.ms": ("60000", "2592000000"),
    }
    # Only said, not changed.
    assert len(streams(settings, tmp_path, "create", "--partitions", "5")[1][name]["differences"]) == 3
    assert streams(settings, tmp_path, "list")[1][name]["state"] == "differs"


def test_what_the_services_make_is_as_planned_too(settings: Settings) -> None:
    create_planned(settings.stream, raw_plan(settings)).close()
    facts = find_stream(settings.stream, settings.raw_stream)
    assert facts is not None
    assert differences(raw_plan(settings), facts) == []


def test_copies_that_the_cluster_cannot_have_are_one_line(settings: Settings, tmp_path: Path) -> None:
    done = wirewatch(
        *("streams", "create", "--copies", "3"),
        cwd=tmp_path,
        WIREWATCH_STREAM_URL=settings.stream,
        WIREWATCH_RAW_STREAM=settings.raw_stream,
    )
    [said] = [line for line in done.stderr.splitlines() if line.startswith("wirewatch: ")]
    assert done.returncode == 1
    assert "eplication" in said


def test_streams_are_listed_with_what_they_hold(settings: Settings, tmp_path: Path) -> None:
    with create_planned(settings.stream, raw_plan(settings)) as stream:
        stream.append([NewRecord(b"k", b"v", partition=1)] * 5)
    status, found = streams(settings, tmp_path, "list")
    record = found[settings.raw_stream]
    assert (status, record["state"], record["partitions"], record["positions"]) == (0, "as planned", 3, 5)


def test_an_embedded_installation_has_the_same_commands(tmp_path: Path) -> None:
    def records(*arguments: str) -> tuple[int, list[Any]]:
        done = wirewatch("streams", *arguments, "--json", cwd=tmp_path)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    assert {one["state"] for one in records("list")[1]} == {"missing"}
    assert {(one["state"], one["partitions"]) for one in records("create", "--partitions", "2")[1]} == {("made", 2)}
    assert {one["state"] for one in records("create", "--partitions", "2")[1]} == {"as planned"}
    status, left = records("create")
    assert (status, {one["state"] for one in left}) == (0, {"differs"})
    assert left[0]["differences"] == [{"what": "partitions", "found": "2", "wanted": "4"}]


# --- the producer


def test_the_producer_is_idempotent_and_waits_for_all_copies(settings: Settings, admin: Any) -> None:
    with KafkaStream.create_planned(settings.stream, raw_plan(settings)) as stream:
        stream.append([NewRecord(b"k", b"v", partition=0)] * 4)
        found = admin.describe_producers([TopicPartition(settings.raw_stream, 0)])
        acks = stream._producer.client.config["acks"]
    [(_, state)] = found.items()
    [producer] = state.active_producers
    # The broker numbers its batches, so that one sent again is not stored again; that goes with acks=all only.
    assert producer.producer_id >= 0
    assert producer.last_sequence == 3
    assert acks == -1


# --- a page over the broker's limit


def test_a_page_over_a_limit_that_was_lowered_is_a_stub_and_a_rejection_and_nothing_sticks(
    settings: Settings, admin: Any
) -> None:
    with create_planned(settings.stream, raw_plan(settings)) as raw:
        assert raw.max_value_bytes > 3_000_000, "what the client believes"
        small = ConfigResource(ConfigResourceType.TOPIC, settings.raw_stream, {"max.message.bytes": "50000"})
        admin.alter_configs([small])
        # Noise, since what compresses well would pass.
        page = f"<p>{os.urandom(300_000).hex()}</p>"
        events = _connect(raw, [_raw(1, text=WORDS), _raw(2, html=page), _raw(3, text=f"More {WORDS}")])
        assert sum(one.stubs for one in events) == 1
        assert sum(one.appended for one in events) == 3
        # The producer is as good as new.
        assert [one.stubs for one in _connect(raw, [_raw(4, text=f"And so on. {WORDS}")])] == [0]
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    outcomes = list(StoreReader(open_store(settings.store), settings.run).outcomes())
    [rejected] = [one for one in outcomes if one.kind == "rejected"]
    assert rejected.reason == "too_large"
    assert rejected.item == "https://outlet.example/2"
    # What was appended before the broker refused came again, and was recognised.
    assert {one.item for one in outcomes} == {f"https://outlet.example/{number}" for number in (1, 2, 3, 4)}
    assert {one.kind for one in outcomes if one is not rejected} <= {"published", "unchanged"}


def _connect(raw: Stream, articles: list[RawArticle]) -> list[Polled]:
    book = MemoryRepository(["outlet"])
    events: list[Any] = []
    run(
        book,
        lambda _name: Scripted(articles),
        raw,
        clock=lambda: NOON,
        wait=lambda _seconds: None,
        stop=lambda: bool(events),
        on_event=events.append,
    )
    assert all(isinstance(event, Polled) for event in events), events
    return events


def _raw(number: int, **content: str) -> RawArticle:
    url = f"https://outlet.example/{number}"
    return RawArticle(url=url, source="outlet", fetched_at=from_ms(1_790_000_000_000), title="A title", **content)


# --- lag, for Kafka's own tools


def test_kafkas_own_tool_shows_the_lag(settings: Settings, bootstrap: str) -> None:
    with create_planned(settings.stream, raw_plan(settings)) as raw:
        raw.append([NewRecord(b"k", b"no article", partition=number % 3) for number in range(9)])
        run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
        raw.append([NewRecord(b"k", b"comes later", partition=2)] * 4)
    lags = _consumer_groups(bootstrap, "--describe", "--group", group_of(settings.run))
    assert lags == {
        (settings.raw_stream, 0): (3, 3, 0),
        (settings.raw_stream, 1): (3, 3, 0),
        (settings.raw_stream, 2): (3, 7, 4),
    }


def _consumer_groups(bootstrap: str, *arguments: str) -> dict[tuple[str, int], tuple[int, int, int]]:
    """kafka-consumer-groups.sh, without the script: (topic, partition) → committed, end, lag."""
    java = shutil.which("java")
    assert java
    tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    options = ["-XX:TieredStopAtLevel=1", "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    done = subprocess.run(
        [java, *options, "-cp", f"{kafka_jars()}/*", tool, "--bootstrap-server", bootstrap, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    start = next(number for number, row in enumerate(rows) if "LAG" in row)
    head = rows[start]
    found = {}
    for row in rows[start + 1 :]:
        one = dict(zip(head, row, strict=False))
        place = (one["TOPIC"], int(one["PARTITION"]))
        found[place] = (int(one["CURRENT-OFFSET"]), int(one["LOG-END-OFFSET"]), int(one["LAG"]))
    return found


def test_streams_of_the_wrong_kind_name_the_tool_that_mends_them(settings: Settings, admin: Any) -> None:
    configs = {"message.timestamp.type": "CreateTime"}
    wrong = {"num_partitions": 1, "replication_factor": 1, "configs": configs}
    admin.create_topics({settings.raw_stream: wrong}, wait_for_metadata=True)
    with pytest.raises(Exception, match=r"kafka-configs\.sh sets it to LogAppendTime"):
        create_planned(settings.stream, raw_plan(settings))
    with pytest.raises(Exception, match="wirewatch streams create"):
        open_stream(settings.stream, "nothing-of-this-name")
