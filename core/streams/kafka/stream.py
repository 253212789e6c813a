"""Streams on Kafka, using kafka-python: without Java in the reader and without membership in a consumer group.

It has three clients, each created when first needed: a producer (idempotent, ``acks=all``, zstd), a reader (partitions
assigned manually, nothing committed) and an administrator (partitions, identity, offsets, the stored position of a
group). After a failure a client is dropped and recreated, so that the next call starts without stale state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from core.errors import OffsetOutOfRange, RecordTooLarge, StreamError, StreamUnavailable, WriterFenced
from core.streams.base import FREE_KEY_BYTES, Appended, NewRecord, StreamRecord, check_sizes
from core.streams.kafka.admin import KafkaAdmin
from core.streams.kafka.client import KafkaLocation, ours, translated
from core.streams.kafka.producer import Producer, fenced
from core.streams.kafka.reader import KafkaReader
from core.streams.plans import StreamFacts, StreamPlan, guarded

_ENVELOPE_BYTES = 2048
"""Reserve below ``max.message.bytes`` for a batch's header, the uncounted part of the key, and zstd's overhead."""


class KafkaStream:
    """A Kafka topic; see ``Stream`` for the contract of its methods.

    ``uuid`` is the topic id of KIP-516 (from Metadata, by ``describe_topics``), so brokers must be 2.8 or newer. If the
    topic stamps append times (``LogAppendTime``), a record with its own time is refused, not restamped.
    """

    def __init__(self, location: KafkaLocation, name: str) -> None:
        self._location = location
        self._name = name
        self._label = f"{location.url} ({name})"
        self._admin = KafkaAdmin(location, name, self._label)
        self._producer: Producer | None = None
        self._writer = ""
        self._reader: KafkaReader | None = None
        self._uuid = ""
        self._failures = 0
        self._partitions: Sequence[int] = ()

    @classmethod
    def open(cls, url: str, name: str, *, role: str = "") -> KafkaStream:
        """Open an existing topic. Raises what ``open_stream`` raises."""
        stream = cls(KafkaLocation.parse(url, role), name)
        with stream._closed_on_error():
            stream.partitions()
        return stream

    @classmethod
    def create(cls, url: str, name: str, partitions: int, *, archive: bool, role: str = "") -> KafkaStream:
        """Open a topic, creating it if it is missing. Raises what ``create_stream`` raises."""
        stream = cls(KafkaLocation.parse(url, role), name)
        # Records of an archive are already old: the default retention would delete them at once.
        kind = (
            {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
            if archive
            else {"message.timestamp.type": "LogAppendTime"}
        )
        with stream._closed_on_error():
            copies = stream._admin.usual_copies()
            stream._admin.create(partitions, {"cleanup.policy": "delete", **kind, **guarded(copies)}, copies)
            stream.partitions()
            stream._admin.check_kind(kind["message.timestamp.type"])
        return stream

    @classmethod
    def create_planned(cls, url: str, plan: StreamPlan, *, role: str = "") -> KafkaStream:
        """Open a topic, creating it as planned if it is missing. Raises what ``create_planned`` raises."""
        location = KafkaLocation.parse(url, role)
        stream = cls(location, plan.name)
        with stream._closed_on_error():
            if stream._admin.facts() is None:
                copies = plan.copies or stream._admin.usual_copies()
                stream._admin.create(plan.partitions, plan.configs(copies), copies)
            stream.partitions()
            stream._admin.check_kind("LogAppendTime", compacted=plan.compacted)
        return stream

    @classmethod
    def facts(cls, url: str, name: str) -> StreamFacts | None:
        """The current facts of the topic; None if there is none. Changes nothing."""
        with cls(KafkaLocation.parse(url), name) as stream:
            return stream._admin.facts()

    @classmethod
    def delete(cls, url: str, name: str) -> None:
        """Delete a topic and wait until the cluster no longer knows it."""
        with cls(KafkaLocation.parse(url), name) as stream:
            stream._admin.delete()

    @property
    def url(self) -> str:
        """``kafka://host:port[,host:port]``, without credentials and options."""
        return self._location.url

    @property
    def name(self) -> str:
        """The topic's name."""
        return self._name

    @property
    def uuid(self) -> str:
        """The topic id that the cluster gave it."""
        return self._uuid

    @property
    def max_value_bytes(self) -> int:
        """What the topic's ``max.message.bytes`` leaves for an incompressible value, or less if the URL's option says so."""
        room = int(self._admin.settings()["max.message.bytes"]) - _ENVELOPE_BYTES
        return min(room, self._location.max_value_bytes or room)

    def partitions(self) -> Sequence[int]:
        """As in ``Stream``, from the cluster. Raises StreamError if the topic was deleted or recreated."""
        topic = self._admin.describe()
        found = str(topic["topic_id"])
        if self._uuid and found != self._uuid:
            raise StreamError(
                self._label,
                f"the stream was deleted and recreated (it was {self._uuid}, now {found})",
                hint="open it again",
            )
        self._uuid = found
        partitions = sorted(int(partition["partition_index"]) for partition in topic["partitions"])
        if partitions != self._partitions:
            # A producer only knows the partitions that existed when it was created.
            self._drop_producer()
            self._partitions = partitions
        return partitions

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """As in ``Stream``; records of one partition become few, compressed batches."""
        check_sizes(self._label, records, self.max_value_bytes)
        self._check_times(records)
        for record in records:
            if record.partition is not None:
                self._check_partition(record.partition)
        if not records:
            return ()
        try:
            producer = self._producer_for_append()
            stored = producer.send(records)
        except (kafka_errors.KafkaError, OSError) as error:
            cause = error if self._producer is None else self._producer.cause(error)
            self._drop_producer(failed=True)
            if isinstance(cause, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError):
                # The limit has been lowered since it was read.
                self._admin.forget_settings()
                raise RecordTooLarge(
                    self._label, max(len(record.value) for record in records), self.max_value_bytes
                ) from error
            if self._writer and fenced(cause):
                raise WriterFenced(self._label, self._writer) from error
            found = ours(self._label, cause)
            if isinstance(found, StreamUnavailable):
                self._look_after_failure()
            raise found from error
        except ValueError as error:
            self._drop_producer(failed=True)
            raise StreamUnavailable(
                self._label, f"the broker doesn't know the partition yet ({error})", hint="try again"
            ) from error
        self._failures = 0
        return [Appended(int(meta.partition), int(meta.offset), int(meta.timestamp)) for meta in stored]

    def _look_after_failure(self) -> None:
        """Raise StreamError if the topic was deleted, which kafka-python treats as a broker that does not respond.

        Called only from the second failure on: the request may go to a broker that is gone.
        """
        self._failures += 1
        if self._failures > 1:
            with contextlib.suppress(StreamUnavailable):
                self.partitions()

    def fence(self, writer: str) -> None:
        """As in ``Stream``: the writer is a transactional id, and each append a transaction.

        Readers that are not ``read_committed`` also see aborted records: a call whose answer was lost, and its repeat.
        """
        self._drop_producer()
        self._writer = writer
        with translated(self._label):
            self._producer = self._make_producer()

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        """As in ``Stream``. Records of transactions that were aborted are gaps."""
        for partition in offsets:
            self._check_partition(partition)
        if not offsets:
            return ()
        try:
            if self._reader is None:
                largest = int(self._admin.settings()["max.message.bytes"])
                self._reader = KafkaReader(self._location, self._name, self._label, largest, self._list_offsets)
            return self._reader.read(offsets, max_bytes=max_bytes, wait_ms=wait_ms)
        except BaseException as error:
            self._drop_reader()
            if isinstance(error, OffsetOutOfRange):
                # The offsets may belong to an earlier stream with this name: then that is the error to raise.
                self.partitions()
            raise

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As in ``Stream``."""
        return self._list_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As in ``Stream``: the high watermark, so records that replicas still lack don't count."""
        return self._list_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:
        """As in ``Stream``."""
        return self._admin.epoch_ends({self._check_partition(p): epoch for p, epoch in epochs.items()})

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """As in ``Stream``; Kafka's tools show the group, without members."""
        if not offsets:
            return
        self._admin.commit(group, {self._check_partition(p): offset for p, offset in offsets.items()})

    def committed(self, group: str) -> Mapping[int, int]:
        """As in ``Stream``."""
        return self._admin.committed(group)

    def delete_before(self, timestamp_ms: int) -> int:
        """Delete each partition's records up to the first one with ``timestamp_ms`` or later; returns how many offsets
        were deleted, including gaps. Kafka's retention does this by itself; this is for doing it at once.
        """
        partitions = self.partitions()
        starts, ends = self.start_offsets(partitions), self.end_offsets(partitions)
        firsts = self._list_offsets(dict.fromkeys(partitions, timestamp_ms))
        # No record that late (-1): all current records are deleted.
        upto = {partition: ends[partition] if first < 0 else first for partition, first in firsts.items()}
        due = {partition: offset for partition, offset in upto.items() if offset > starts[partition]}
        if due:
            self._admin.delete_records(due)
        return sum(offset - starts[partition] for partition, offset in due.items())

    def close(self) -> None:
        """As in ``Stream``."""
        self._drop_producer()
        self._drop_reader()
        self._admin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _closed_on_error(self) -> Any:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _check_times(self, records: Sequence[NewRecord]) -> None:
        if any(record.timestamp_ms is not None for record in records):
            stamped = self._admin.settings()["message.timestamp.type"]
            if stamped != "CreateTime":
                raise StreamError(
                    self._label,
                    "this stream stamps append times itself, so a record can't have its own",
                    hint="create a stream for archives: create_stream(..., archive=True)",
                )

    def _check_partition(self, partition: int) -> int:
        if partition not in self._partitions and partition not in self.partitions():
            raise StreamError(
                self._label, f"there is no partition {partition}", hint=f"there are {list(self._partitions)}"
            )
        return partition

    def _list_offsets(self, specs: Mapping[int, int], committed: bool = False) -> Mapping[int, int]:
        wanted = {self._check_partition(partition): spec for partition, spec in specs.items()}
        return self._admin.list_offsets(wanted, committed=committed)

    def _producer_for_append(self) -> Producer:
        if self._producer is None:
            if self._writer:
                # Taking the name again automatically would fence another process that rightly has it.
                raise WriterFenced(self._label, self._writer)
            self._producer = self._make_producer()
        return self._producer

    def _make_producer(self) -> Producer:
        largest = self.max_value_bytes + FREE_KEY_BYTES + _ENVELOPE_BYTES
        # Each stream has its own producer, and a transactional id belongs to one producer.
        return Producer(self._location, self._name, largest, f"{self._writer}-{self._name}" if self._writer else "")

    def _drop_producer(self, *, failed: bool = False) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.end(failed=failed)

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
