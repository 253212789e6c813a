"""How we handle kafka-python's clients if brokers contradict each other. No server needed."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka import errors as kafka_errors
from kafka.record import util as record_util
from kafka.structs import OffsetAndMetadata

from core.errors import LogCut, OffsetOutOfRange, StreamError, StreamUnavailable
from core.streams.kafka.admin import KafkaAdmin
from core.streams.kafka.client import KafkaLocation, ours
from core.streams.kafka.producer import end_producer
from core.streams.kafka.reader import KafkaReader

TOPIC = {"error_code": 0, "topic_id": "id", "partitions": [{"partition_index": 0, "leader_id": 1}]}


class Cluster:
    """Answers of brokers, one after the other; an exception is raised. The last one is repeated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
        self._answers = list(answers)
        self.asked = 0
        monkeypatch.setattr(KafkaLocation, "connect", lambda *_, **__: self)

    def describe_topics(self, _names: list[str]) -> list[Any]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    def close(self) -> None:
        pass


@pytest.fixture
def admin() -> KafkaAdmin:
    location = KafkaLocation.parse("kafka://one:9092,two:9092?timeout_s=2")
    return KafkaAdmin(location, "news", "kafka://one (news)", backoff_s=0.001, learning_s=0.05)


def test_a_stream_that_one_broker_has_shown_is_not_gone_because_another_has_not_learnt_of_it(
    monkeypatch: pytest.MonkeyPatch, admin: KafkaAdmin
) -> None:
    cluster = Cluster(monkeypatch, TOPIC, kafka_errors.UnknownTopicOrPartitionError("news"), TOPIC)
    assert admin.describe() == admin.describe() == TOPIC
    assert cluster.asked == 3


def test_a_stream_that_stays_unknown_is_gone(monkeypatch: pytest.MonkeyPatch, admin: KafkaAdmin) -> None:
    cluster = Cluster(monkeypatch, TOPIC, kafka_errors.UnknownTopicOrPartitionError("news"))
    admin.describe()
    with pytest.raises(StreamError, match="was deleted"):
        admin.describe()
    assert cluster.asked > 2


def test_a_stream_that_was_never_seen_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, admin: KafkaAdmin) -> None:
    cluster = Cluster(monkeypatch, kafka_errors.UnknownTopicOrPartitionError("news"))
    with pytest.raises(StreamError, match="no such stream"):
        admin.describe()
    assert cluster.asked == 1


@pytest.mark.parametrize(
    "error",
    [
        kafka_errors.OutOfOrderSequenceNumberError(None),
        kafka_errors.UnknownProducerIdError(None),
        kafka_errors.NotEnoughReplicasError(None),
        kafka_errors.NotLeaderForPartitionError(None),
        kafka_errors.UnknownBrokerIdError(2),
    ],
)
def test_what_a_cluster_says_in_trouble_may_work_later(error: Exception) -> None:
    found = ours("news", error)
    assert isinstance(found, StreamUnavailable)
    assert found.hint


class Sender(threading.Thread):
    """A producer's thread; only force_close ends it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._forced = threading.Event()

    def run(self) -> None:
        self._forced.wait()

    def force_close(self) -> None:
        self._forced.set()


def test_a_producer_with_a_record_in_flight_is_still_closed() -> None:
    sender = Sender()
    sender.start()
    closed: list[float] = []

    def close(timeout: float) -> None:
        # As kafka-python 3.0.12 does: it wants to flush first, and leaves the thread where it can't.
        closed.append(timeout)
        raise kafka_errors.KafkaTimeoutError("Timeout waiting for future")

    end_producer(SimpleNamespace(close=close, _sender=sender))
    assert closed == [1]
    assert not sender.is_alive()


def test_checksums_are_worked_out_in_c() -> None:
    # In Python, which kafka-python falls back to without a word, they bound a reader to some tens of pages a second.
    assert record_util.crc32c_c is not None
    assert record_util.calc_crc32c(b"123456789") == 0xE3069283


def test_a_reader_says_in_which_rack_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def connect(_location: KafkaLocation, _make: object, _timeout_s: float, **config: Any) -> Any:
        given.update(config)
        return SimpleNamespace(close=lambda **_: None)

    monkeypatch.setattr(KafkaLocation, "connect", connect)
    for url, rack in (("kafka://one", ""), ("kafka://one?client_rack=zone-b", "zone-b")):
        KafkaReader(KafkaLocation.parse(url), "news", "label", 1_000, lambda _specs, _committed: {}).close()
        assert given["client_rack"] == rack


class Consumer:
    """Polls return these answers in turn, then nothing; an exception is raised."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.assigned: list[int] = []
        self.positions: dict[int, int] = {}

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = [tp.partition for tp in partitions]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        assert tp.partition in self.assigned
        self.positions[tp.partition] = offset

    def position(self, tp: TopicPartition, **_: Any) -> int:
        return self.positions[tp.partition]

    def poll(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        for tp, records in answer.items():
            self.positions[tp.partition] = records[-1].offset + 1
        return dict(answer)


def fetched(partition: int, *offsets: int) -> dict[TopicPartition, list[Any]]:
    records = [
        SimpleNamespace(offset=at, timestamp=at, key=None, value=b"page", leader_epoch=1, headers=[]) for at in offsets
    ]
    return {TopicPartition("news", partition): records}


def out_of_range(partition: int, offset: int) -> Exception:
    return kafka_errors.OffsetOutOfRangeError({TopicPartition("news", partition): offset})


def truncated(partition: int, at: int | None) -> Exception:
    differs = None if at is None else OffsetAndMetadata(at, "", 1)
    return kafka_errors.LogTruncationError({TopicPartition("news", partition): differs})


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> tuple[KafkaReader, Consumer]:
    """A reader that has returned offset 4 of partition 0, and has offset 5 of it fetched ahead."""
    consumer = Consumer()
    monkeypatch.setattr(KafkaLocation, "connect", lambda *_, **__: consumer)

    def ends(partitions: Any, _committed: bool) -> dict[int, int]:
        return dict.fromkeys(partitions, 6)

    reader = KafkaReader(KafkaLocation.parse("kafka://one"), "news", "label", 1_000, ends)
    consumer.answers = [fetched(0, 4, 5)]
    assert offsets_of(reader, {0: 4}) == [(0, 4)]
    return reader, consumer


def offsets_of(reader: KafkaReader, offsets: dict[int, int]) -> list[tuple[int, int]]:
    return [(one.partition, one.offset) for one in reader.read(offsets, max_bytes=1, wait_ms=0)]


@pytest.mark.parametrize("error", [out_of_range(0, 6), truncated(0, 2), truncated(0, None)])
def test_an_error_of_a_partition_that_was_not_asked_for_leaves_the_others_readable(
    reading: tuple[KafkaReader, Consumer], error: Exception
) -> None:
    reader, consumer = reading
    consumer.answers = [fetched(1, 3)]
    assert offsets_of(reader, {0: 5, 1: 3}) == [(0, 5)]
    consumer.answers = [error, fetched(1, 4)]
    assert offsets_of(reader, {1: 4}) == [(1, 4)]
    assert consumer.assigned == [1]


def test_an_offset_out_of_range_is_reported_when_it_is_asked_for(reading: tuple[KafkaReader, Consumer]) -> None:
    reader, consumer = reading
    consumer.answers = [out_of_range(0, 6), fetched(1, 3)]
    assert offsets_of(reader, {1: 3}) == [(1, 3)]
    consumer.answers = [out_of_range(0, 5)]
    with pytest.raises(OffsetOutOfRange) as caught:
        offsets_of(reader, {0: 5})
    assert (caught.value.partition, caught.value.offset, consumer.positions[0]) == (0, 5, 5)


@pytest.mark.parametrize(("differs", "reported"), [(2, 2), (4, 4), (None, 5)])
def test_a_truncation_is_reported_when_its_partition_is_asked_for(
    reading: tuple[KafkaReader, Consumer], differs: int | None, reported: int
) -> None:
    # The broker reports it once, so the next poll would return the records that came in place of the lost ones.
    reader, consumer = reading
    consumer.answers = [truncated(0, differs), fetched(1, 3), fetched(0, 5)]
    assert offsets_of(reader, {1: 3}) == [(1, 3)]
    with pytest.raises(LogCut) as caught:
        offsets_of(reader, {0: 5})
    assert (caught.value.partition, caught.value.offset) == (0, reported)


def test_records_before_a_truncation_are_read_without_an_error(reading: tuple[KafkaReader, Consumer]) -> None:
    reader, consumer = reading
    consumer.answers = [truncated(0, 5), fetched(1, 3)]
    assert offsets_of(reader, {1: 3}) == [(1, 3)]
    consumer.answers = [fetched(0, 5)]
    # Offset 5 was fetched ahead, but is another record now.
    assert offsets_of(reader, {0: 5}) == [(0, 5)]
    assert not consumer.answers
