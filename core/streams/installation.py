"""The streams that an installation has, and why each is kept as it is.

``raw-articles`` is deleted by time, and by size where a limit is set, and never compacted: a replay needs every record. Its
times are the broker's, since event time is the append time. ``enriched-articles`` and ``alerts`` are relayed at least once,
under keys that tell a repeat: compaction leaves the newest version of an article, and one of each alert. That begins after
a week, so that whoever reads along sees every version, and old records go all the same, so that disks don't fill.
``rejected`` has a key a record, and nothing to compact. ``canaries`` are of no use tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import UsageError
from core.settings import CoreSettings
from core.store.outbox import ALERTS, CANARIES, ENRICHED, REJECTED
from core.streams.plans import DAY_MS, StreamPlan
from core.streams.rules import check_partitions


def planned_streams(settings: CoreSettings) -> Mapping[str, StreamPlan]:
    """What these settings ask for, by the stream's name; the raw stream is the first. Raises UsageError."""
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
