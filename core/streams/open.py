"""Opens streams by URL: the only module that knows the kinds of streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.clock import wall_ms
from core.errors import UsageError
from core.streams.base import Stream, check_name, check_partitions
from core.streams.embedded.stream import SqliteStream
from core.streams.plans import StreamFacts, StreamPlan

if TYPE_CHECKING:
    from core.streams.kafka.stream import KafkaStream


def open_stream(url: str, name: str, *, role: str = "") -> Stream:
    """Open the existing stream ``name`` at ``url``.

    ``kafka://host:9092[,host:9092][?option=value]`` or ``sqlite:///relative/path`` (four slashes for an absolute one).
    ``role``: the purpose of this program, in a word; Kafka's brokers get it in ``client_id``, so that their quotas,
    metrics and logs distinguish our services.

    Raises UsageError for a wrong URL or name, StreamError if there is no such stream, StreamUnavailable if the broker or
    file can't be reached.
    """
    check_name(name)
    return SqliteStream.open(url, name, clock=wall_ms) if _embedded(url) else _kafka().open(url, name, role=role)


def create_stream(
    url: str,
    name: str,
    partitions: int = 4,
    *,
    archive: bool = False,
    role: str = "",
    clock: Callable[[], int] = wall_ms,
) -> Stream:
    """Open the stream ``name``, creating it if it is missing; an existing one keeps its partitions.

    ``archive``: writers set the event times themselves. On Kafka this is a property of the topic (CreateTime, no
    retention), so a stream of the other kind raises StreamError. ``clock`` returns milliseconds since the epoch; only
    the embedded stream uses it. Otherwise like ``open_stream``.
    """
    check_name(name)
    check_partitions(partitions)
    if _embedded(url):
        return SqliteStream.create(url, name, partitions, clock=clock)
    return _kafka().create(url, name, partitions, archive=archive, role=role)


def create_planned(url: str, plan: StreamPlan, *, role: str = "", clock: Callable[[], int] = wall_ms) -> Stream:
    """Open a stream, creating it as planned if it is missing; an existing one is not changed.

    On Kafka, one of another kind raises StreamError: with record times that are not the broker's, or compaction that is
    not planned. Otherwise like ``open_stream``.
    """
    check_name(plan.name)
    if _embedded(url):
        return SqliteStream.create(url, plan.name, plan.partitions, clock=clock)
    return _kafka().create_planned(url, plan, role=role)


def find_stream(url: str, name: str) -> StreamFacts | None:
    """The current facts of the stream; None if there is none. Raises UsageError, StreamError, StreamUnavailable."""
    check_name(name)
    return SqliteStream.facts(url, name) if _embedded(url) else _kafka().facts(url, name)


def delete_stream(url: str, name: str) -> None:
    """Delete the stream ``name`` with all its records; it is not an error if it doesn't exist."""
    check_name(name)
    if _embedded(url):
        SqliteStream.delete(url, name)
    else:
        _kafka().delete(url, name)


def _kafka() -> type[KafkaStream]:
    # The client takes a while to load, and an embedded installation never needs it.
    from core.streams.kafka.stream import KafkaStream

    return KafkaStream


def _embedded(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"kafka", "sqlite"}:
        # The URL may contain a password, so only its scheme is shown.
        raise UsageError(
            f"a stream's URL can't begin with {scheme + separator if separator else scheme[:12]!r}",
            hint="use kafka://host:9092 or sqlite:///path/to/file.db",
        )
    return scheme == "sqlite"
