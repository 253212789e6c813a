"""Streams held to their plans, of either kind: what is there, what is made, what is mended, what is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from core.streams.base import Stream
from core.streams.plans import Difference, StreamFacts, StreamPlan
from core.streams.rules import check_name

if TYPE_CHECKING:
    from core.streams.kafka.admin import KafkaAdmin


def find_stream(url: str, name: str) -> StreamFacts | None:
    """The stream as it is now; None where there is none. Raises UsageError, StreamError, StreamUnavailable."""
    check_name(name)
    if url.startswith("sqlite://"):
        from core.streams.embedded import file as sqlite_file

        location = sqlite_file.Location.parse(url)
        if not location.path.exists():
            return None
        with closing(sqlite_file.connect(location, make=False)) as connection, sqlite_file.translated(location.url):
            row = connection.execute("SELECT partitions FROM streams WHERE name = ?", (name,)).fetchone()
        return None if row is None else StreamFacts(name, int(row[0]))
    with closing(_admin(url, name)) as admin:
        return admin.facts()


def mend_stream(url: str, plan: StreamPlan, found: Sequence[Difference]) -> Sequence[Difference]:
    """Change what differs, and return what can't be changed so: copies, and partitions of an embedded stream.

    Records that are there stay as they are: what compaction took is gone, and times that writers gave are kept.
    """
    if url.startswith("sqlite://"):
        return found
    fixed = {difference.what for difference in found} & {"partitions"}
    configs = {one.what: one.wanted for one in found if one.what not in {"partitions", "copies"}}
    with closing(_admin(url, plan.name)) as admin:
        if configs:
            admin.alter(configs)
        if fixed:
            admin.add_partitions(plan.partitions)
    return [one for one in found if one.what == "copies"]


def retain(stream: Stream, plan: StreamPlan, now_ms: int, unread: Mapping[int, int]) -> int:
    """Delete what an embedded stream need not keep any longer; return how many records went. Kafka does it by itself.

    By time, only records below ``unread`` (partition → offset) go; by bytes, the oldest go whether they were read or not, as
    Kafka's retention does: a full disk would stop everything, and what was lost unread is recorded as lost.
    """
    from core.streams.embedded.stream import SqliteStream

    if not isinstance(stream, SqliteStream):
        return 0
    starts = stream.start_offsets(list(unread))
    before_ms = now_ms - plan.retention_ms
    for partition, offset in unread.items():
        first = stream.read({partition: max(offset, starts[partition])}, max_bytes=1)
        before_ms = min([before_ms, *(record.timestamp_ms for record in first)])
    deleted = stream.delete_before(before_ms)
    return deleted + (stream.delete_beyond(plan.retention_bytes) if plan.retention_bytes else 0)


def _admin(url: str, name: str) -> KafkaAdmin:
    from core.streams.kafka.admin import KafkaAdmin
    from core.streams.kafka.client import KafkaLocation

    location = KafkaLocation.parse(url)
    return KafkaAdmin(location, name, f"{location.url} ({name})")
