"""What an installation's streams ought to be, and how a stream that is there differs. No server needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.durations import DAY_MS
from core.errors import UsageError
from core.settings import Settings
from core.store.outbox import ALERTS, ENRICHED, REJECTED
from core.streams import NewRecord
from core.streams.embedded.stream import SqliteStream, retain
from core.streams.plans import Difference, StreamFacts, StreamPlan, copies_for, differences, planned_streams, raw_plan

PLAN = StreamPlan("news", 4, 30 * DAY_MS)


def as_planned(plan: StreamPlan, copies: int = 1, **changed: str) -> StreamFacts:
    return StreamFacts(plan.name, plan.partitions, copies, plan.configs(copies) | {"other": "x"} | changed)


def test_the_raw_stream_is_never_compacted_and_stamped_by_the_broker() -> None:
    configs = raw_plan(Settings(retention_days=2.5, retention_bytes=4 << 30)).configs(copies=1)
    assert configs == {
        "cleanup.policy": "delete",
        "compression.type": "zstd",
        "max.message.bytes": str(4 << 20),
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": "216000000",
        # By partition; segments are small enough for the limit to be felt.
        "retention.bytes": str(1 << 30),
        "segment.bytes": str(1 << 27),
        "unclean.leader.election.enable": "false",
    }


def test_what_is_relayed_under_a_key_is_compacted_only_when_readers_have_seen_it() -> None:
    plans = planned_streams(Settings())
    for name in (ENRICHED, ALERTS):
        configs = plans[name].configs(copies=1)
        assert configs["cleanup.policy"] == "compact,delete"
        assert int(configs["min.compaction.lag.ms"]) == 7 * DAY_MS
        assert int(configs["retention.ms"]) > 7 * DAY_MS
    assert plans[REJECTED].configs(copies=1)["cleanup.policy"] == "delete"


def test_three_copies_survive_a_broker() -> None:
    assert PLAN.configs(3)["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in PLAN.configs(2)
    # A replica that lacks acknowledged records never becomes the leader by itself.
    assert {PLAN.configs(copies)["unclean.leader.election.enable"] for copies in (1, 3)} == {"false"}


@pytest.mark.parametrize(
    "settings",
    [
        Settings(retention_days=0),
        Settings(retention_days=float("nan")),
        Settings(retention_bytes=-1),
        Settings(partitions=0),
        Settings(raw_stream=ALERTS),
    ],
)
def test_plans_that_cannot_be_are_usage_errors(settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        planned_streams(settings)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (as_planned(PLAN), []),
        (replace(as_planned(PLAN), partitions=6), []),
        (replace(as_planned(PLAN), partitions=3), [Difference("partitions", "3", "4")]),
        (as_planned(PLAN, **{"retention.ms": "5"}), [Difference("retention.ms", "5", str(30 * DAY_MS))]),
        (as_planned(PLAN, 3, **{"min.insync.replicas": "1"}), [Difference("min.insync.replicas", "1", "2")]),
        (StreamFacts("news", 4), []),
    ],
)
def test_differences_are_named(facts: StreamFacts, found: list[Difference]) -> None:
    assert differences(PLAN, facts) == found


def test_policies_are_the_same_in_any_order() -> None:
    plan = replace(PLAN, compacted=True)
    assert differences(plan, as_planned(plan, **{"cleanup.policy": "delete, compact"})) == []


def test_copies_differ_only_in_the_requested_places() -> None:
    assert differences(replace(PLAN, copies=3), as_planned(PLAN, 1)) == [Difference("copies", "1", "3")]


@pytest.mark.parametrize(("brokers", "copies"), [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_unasked_a_stream_has_as_many_copies_as_survive_a_broker(brokers: int, copies: int) -> None:
    assert copies_for(brokers) == copies


def test_fewer_copies_than_usual_differ_and_more_do_not() -> None:
    grown = replace(as_planned(PLAN, 1), usual_copies=3)
    assert differences(PLAN, grown) == [Difference("copies", "1", "3")]
    assert differences(replace(PLAN, copies=1), grown) == []
    assert differences(PLAN, replace(as_planned(PLAN, 4), usual_copies=3)) == []


def test_a_limit_by_bytes_goes_by_the_partitions_that_there_are() -> None:
    plan = replace(PLAN, retention_bytes=8 << 30)
    more = replace(plan, partitions=8)
    assert differences(plan, as_planned(more)) == []


# --- an embedded stream, which the pipeline holds to its plan


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[SqliteStream]:
    with SqliteStream.create(f"sqlite:///{tmp_path}/streams.db", "news", 2, clock=lambda: 0) as stream:
        # Partition 0: days 0 to 9; partition 1: days 0 and 5.
        for partition, days in ((0, range(10)), (1, (0, 5))):
            stream.append([NewRecord(b"k", b"v" * 100, partition, day * DAY_MS) for day in days])
        yield stream


def test_old_records_go_once_they_were_read(stream: SqliteStream) -> None:
    plan = replace(PLAN, retention_ms=3 * DAY_MS)
    assert retain(stream, plan, 10 * DAY_MS, stream.end_offsets([0, 1])) == 7 + 2
    assert stream.start_offsets([0, 1]) == {0: 7, 1: 2}


def test_unread_old_records_stay(stream: SqliteStream) -> None:
    plan = replace(PLAN, retention_ms=3 * DAY_MS)
    assert retain(stream, plan, 10 * DAY_MS, {0: 10, 1: 1}) == 5 + 1
    assert stream.start_offsets([0, 1]) == {0: 5, 1: 1}
    assert retain(stream, plan, 10 * DAY_MS, {0: 0, 1: 0}) == 0


def test_a_limit_by_bytes_takes_unread_records_too(stream: SqliteStream) -> None:
    plan = replace(PLAN, retention_ms=100 * DAY_MS, retention_bytes=10)
    assert retain(stream, plan, 10 * DAY_MS, {0: 0, 1: 0}) == 12
