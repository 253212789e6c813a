"""The streams of an installation: how each is created, and how an existing one differs. Pure.

``raw-articles`` is deleted by time, and by size if a limit is set, and never compacted: a replay needs every record. Its
times are the broker's, since event time is the append time. ``enriched-articles`` and ``alerts`` are relayed at least once,
under keys that identify a repeat: compaction leaves the newest version of an article, and one of each alert. That begins after
a week, so that readers that keep up see every version; old records are deleted all the same, so that disks don't fill.
``rejected`` has one key a record, so there is nothing to compact. ``canaries`` are useless after a day.

A plan applies when a stream is created. An existing stream is compared with it, and changed with Kafka's own tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from core.durations import DAY_MS
from core.errors import UsageError
from core.settings import CoreSettings
from core.store.outbox import ALERTS, CANARIES, ENRICHED, REJECTED
from core.streams.base import check_partitions

MESSAGE_BYTES = 4 << 20
"""A page is 0.3 MB at the median and compresses to a sixth, but the limit is of the record before that."""

COPIES = 3
"""With three, and two of them to hold a record before it counts, any one broker may be lost, and writing goes on."""

_LEAST_SEGMENT_BYTES, _MOST_SEGMENT_BYTES = 16 << 20, 1 << 30


@dataclass(frozen=True)
class StreamPlan:
    """One stream as planned. ``retention_bytes`` is for all partitions together, 0: no limit.

    ``copies``: the replication factor of a new stream; 0: that of the stream's URL, else ``copies_for`` the brokers.
    """

    name: str
    partitions: int
    retention_ms: int
    retention_bytes: int = 0
    compacted: bool = False
    max_message_bytes: int = MESSAGE_BYTES
    copies: int = 0

    def configs(self, copies: int) -> dict[str, str]:
        """The topic's settings under Kafka's names, if it has ``copies`` replicas."""
        configs = {
            "cleanup.policy": "compact,delete" if self.compacted else "delete",
            "compression.type": "zstd",
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(self.retention_ms),
        }
        if self.compacted:
            configs["min.compaction.lag.ms"] = str(7 * DAY_MS)
        else:
            # Kafka counts by partition, and deletes whole segments only.
            share = self.retention_bytes // self.partitions
            configs["retention.bytes"] = str(share or -1)
            if share:
                configs["segment.bytes"] = str(min(_MOST_SEGMENT_BYTES, max(_LEAST_SEGMENT_BYTES, share // 8)))
        return configs | guarded(copies)


def copies_for(brokers: int) -> int:
    """The default number of copies on so many brokers; Kafka's own default is one."""
    return max(1, min(COPIES, brokers))


def guarded(copies: int) -> dict[str, str]:
    """Settings that keep what was acknowledged: no leader that lacks it; with three copies, two that have it."""
    return {"unclean.leader.election.enable": "false"} | ({"min.insync.replicas": "2"} if copies >= COPIES else {})


@dataclass(frozen=True)
class StreamFacts:
    """One stream as it is. ``copies`` 0 and no ``configs``: this kind of stream has none.

    ``usual_copies``: how many it would get if it were created now by a plan that leaves it open; 0: not known.
    """

    name: str
    partitions: int
    copies: int = 0
    configs: Mapping[str, str] = field(default_factory=dict)
    usual_copies: int = 0


class Difference(NamedTuple):
    """One difference from the plan. ``what`` is Kafka's name of a setting, ``partitions`` or ``copies``."""

    what: str
    found: str
    wanted: str


def differences(plan: StreamPlan, facts: StreamFacts) -> Sequence[Difference]:
    """How a stream differs from its plan. More partitions than planned are no difference: they may be needed.

    Neither are more copies than usual, if the plan leaves their number open.
    """
    found = []
    if facts.partitions < plan.partitions:
        found.append(Difference("partitions", str(facts.partitions), str(plan.partitions)))
    copies = plan.copies or max(facts.copies, facts.usual_copies)
    if facts.copies and facts.copies != copies:
        found.append(Difference("copies", str(facts.copies), str(copies)))
    if facts.configs:
        wanted = plan.configs(facts.copies)
        if plan.retention_bytes:
            # A partition's share depends on the actual number of partitions.
            wanted = replace(plan, partitions=max(facts.partitions, plan.partitions)).configs(facts.copies)
        for name, value in wanted.items():
            is_now = facts.configs.get(name, "")
            if _normal(is_now) != _normal(value):
                found.append(Difference(name, is_now, value))
    return found


def _normal(value: str) -> tuple[str, ...]:
    # Kafka keeps lists as they were written: "delete,compact" says the same as "compact,delete".
    return tuple(sorted(part.strip() for part in value.split(",")))


def planned_streams(settings: CoreSettings) -> Mapping[str, StreamPlan]:
    """The plans by the stream's name, the raw stream first. Raises UsageError for settings that can't be applied."""
    count = check_partitions(settings.partitions)
    if not 0 < settings.retention_days < 100_000 or settings.retention_bytes < 0:
        raise UsageError(
            f"retention_days={settings.retention_days:g}, retention_bytes={settings.retention_bytes} can't be kept",
            hint="give days over 0, and bytes over 0, or 0 for no limit",
        )
    plans = (
        StreamPlan(
            settings.raw_stream,
            count,
            int(settings.retention_days * DAY_MS),
            retention_bytes=settings.retention_bytes,
        ),
        StreamPlan(ENRICHED, count, 30 * DAY_MS, compacted=True),
        StreamPlan(ALERTS, count, 90 * DAY_MS, compacted=True, max_message_bytes=1 << 20),
        StreamPlan(REJECTED, count, 30 * DAY_MS),
        StreamPlan(CANARIES, count, DAY_MS),
    )
    if settings.raw_stream in {plan.name for plan in plans[1:]}:
        raise UsageError(f"raw_stream can't be {settings.raw_stream!r}", hint="that is the name of an output stream")
    return {plan.name: plan for plan in plans}


def group_of(run: str) -> str:
    """The consumer group that mirrors a run's position in the raw stream, for lag tools."""
    return f"wirewatch-{run}"


def raw_plan(settings: CoreSettings) -> StreamPlan:
    """The plan of the raw stream."""
    return planned_streams(settings)[settings.raw_stream]
