"""The streams of an installation: how each is created, and how an existing one differs from its plan. Pure.

``raw-articles`` is deleted by time, and by size if a limit is set, but never compacted: a replay needs every record.
Its times are the broker's, since event time is the append time. ``enriched-articles`` and ``alerts`` are relayed at
least once, with keys that identify a repeat: compaction keeps the newest version of an article, and one copy of each
alert. It begins after a week, so readers that keep up see every version; old records are deleted as well, so that disks
don't fill. ``rejected`` has a key per record, so there is nothing to compact. ``canaries`` are useless after a day.

A plan applies when a stream is created. An existing stream is compared with it, and can be changed with Kafka's own tools.
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
"""The median page has 0.3 MB and compresses to a sixth, but the limit is for the uncompressed record."""

COPIES = 3
"""With three, of which two must have a record before it counts, writing continues if any one broker is lost."""

_LEAST_SEGMENT_BYTES, _MOST_SEGMENT_BYTES = 16 << 20, 1 << 30


@dataclass(frozen=True)
class StreamPlan:
    """The plan of a stream. ``retention_bytes`` is for all partitions together; 0: no limit.

    ``copies``: the replication factor of a new stream; 0: that in the stream's URL, otherwise ``copies_for`` the brokers.
    """

    name: str
    partitions: int
    retention_ms: int
    retention_bytes: int = 0
    compacted: bool = False
    max_message_bytes: int = MESSAGE_BYTES
    copies: int = 0

    def configs(self, copies: int) -> dict[str, str]:
        """The topic's settings, by Kafka's names, with ``copies`` replicas."""
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
            # Kafka counts by partition, and deletes only whole segments.
            share = self.retention_bytes // self.partitions
            configs["retention.bytes"] = str(share or -1)
            if share:
                configs["segment.bytes"] = str(min(_MOST_SEGMENT_BYTES, max(_LEAST_SEGMENT_BYTES, share // 8)))
        return configs | guarded(copies)


def copies_for(brokers: int) -> int:
    """The default number of copies for this many brokers; Kafka's own default is one."""
    return max(1, min(COPIES, brokers))


def guarded(copies: int) -> dict[str, str]:
    """Settings that protect acknowledged records: a leader must have them, and with three copies, two must."""
    return {"unclean.leader.election.enable": "false"} | ({"min.insync.replicas": "2"} if copies >= COPIES else {})


@dataclass(frozen=True)
class StreamFacts:
    """The current facts of a stream. ``copies`` 0 and no ``configs``: this kind of stream has none.

    ``usual_copies``: how many copies it would get now from a plan that leaves them open; 0: unknown.
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
    """How a stream differs from its plan. More partitions than planned don't count: they may be needed.

    Nor do more copies than usual if the plan leaves their number open.
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
    # Kafka keeps lists as written: "delete,compact" is the same as "compact,delete".
    return tuple(sorted(part.strip() for part in value.split(",")))


def planned_streams(settings: CoreSettings) -> Mapping[str, StreamPlan]:
    """The plans by stream name, first the raw stream. Raises UsageError for settings that can't be applied."""
    count = check_partitions(settings.partitions)
    if not 0 < settings.retention_days < 100_000 or settings.retention_bytes < 0:
        raise UsageError(
            f"retention_days={settings.retention_days:g}, retention_bytes={settings.retention_bytes} is not a valid retention",
            hint="days must be over 0; bytes must be over 0, or 0 for no limit",
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
        raise UsageError(f"raw_stream can't be {settings.raw_stream!r}", hint="it is the name of an output stream")
    return {plan.name: plan for plan in plans}


def group_of(run: str) -> str:
    """The consumer group that mirrors a run's position in the raw stream, for lag tools."""
    return f"wirewatch-{run}"


def raw_plan(settings: CoreSettings) -> StreamPlan:
    """The plan of the raw stream."""
    return planned_streams(settings)[settings.raw_stream]
