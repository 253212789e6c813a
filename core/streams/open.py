"""From a URL to a stream: the one place that knows which kinds there are."""

from __future__ import annotations

from collections.abc import Callable

from core.clock import wall_ms
from core.errors import UsageError
from core.streams.base import Stream
from core.streams.plans import StreamPlan
from core.streams.rules import check_name, check_partitions


def open_stream(url: str, name: str, *, clock: Callable[[], int] = wall_ms) -> Stream:
    """Open the existing stream ``name`` at ``url``.

    ``kafka://host:9092[,host:9092][?option=value]`` or ``sqlite:///relative/path`` (four slashes for an absolute one).
    ``clock`` gives milliseconds since the epoch; only the embedded stream asks it.

    Raises UsageError for a wrong URL or name, StreamError where there is no such stream, StreamUnavailable where the
    broker or file can't be reached.
    """
    check_name(name)
    match _scheme(url):
        case "sqlite":
            from core.streams.embedded.stream import SqliteStream

            return SqliteStream.open(url, name, clock=clock)
        case _:
            from core.streams.kafka.stream import KafkaStream

            return KafkaStream.open(url, name)


def create_stream(
    url: str, name: str, partitions: int = 4, *, archive: bool = False, clock: Callable[[], int] = wall_ms
) -> Stream:
    """Open the stream ``name``, making it first where it is missing; one that exists keeps its partitions.

    ``archive``: writers set the event times themselves. On Kafka that is a property of the topic (CreateTime, kept for
    ever), so a stream of the other kind is refused with StreamError. Else as ``open_stream``.
    """
    check_name(name)
    check_partitions(partitions)
    match _scheme(url):
        case "sqlite":
            from core.streams.embedded.stream import SqliteStream

            return SqliteStream.create(url, name, partitions, clock=clock)
        case _:
            from core.streams.kafka.stream import KafkaStream

            return KafkaStream.create(url, name, partitions, archive=archive)


def create_planned(url: str, plan: StreamPlan, *, clock: Callable[[], int] = wall_ms) -> Stream:
    """Open a stream, making it as planned where it is missing; one that exists keeps what it has.

    On Kafka one of another kind is refused with StreamError: record times that are not the broker's, or compaction where
    none is planned. Else as ``open_stream``.
    """
    check_name(plan.name)
    match _scheme(url):
        case "sqlite":
            from core.streams.embedded.stream import SqliteStream

            return SqliteStream.create(url, plan.name, plan.partitions, clock=clock)
        case _:
            from core.streams.kafka.stream import KafkaStream

            return KafkaStream.create_planned(url, plan)


def delete_stream(url: str, name: str) -> None:
    """Delete the stream ``name`` with all its records; one that doesn't exist is deleted already."""
    check_name(name)
    match _scheme(url):
        case "sqlite":
            from core.streams.embedded.stream import SqliteStream

            SqliteStream.delete(url, name)
        case _:
            from core.streams.kafka.stream import KafkaStream

            KafkaStream.delete(url, name)


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"kafka", "sqlite"}:
        # The URL may hold a password, so only its scheme is shown.
        raise UsageError(
            f"a stream's URL can't begin with {scheme + separator if separator else scheme[:12]!r}",
            hint="use kafka://host:9092 or sqlite:///path/to/file.db",
        )
    return scheme
