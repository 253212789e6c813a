"""Administration of a Kafka topic: creation, settings, offsets, committed positions, deletion."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kafka import TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.protocol.consumer import IsolationLevel, OffsetForLeaderEpochRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.structs import OffsetAndMetadata

from core.errors import StreamError
from core.streams.kafka.client import KafkaLocation, ours, transient
from core.streams.plans import StreamFacts, copies_for

T = TypeVar("T")

_UNKNOWN = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.UnknownTopicIdError)


class KafkaAdmin:
    """The administrator of one topic; its client is created on first use. Partitions passed to it must exist.

    If the broker can't be reached, a request is repeated with a new client until ``location.timeout_s`` is over; then,
    or if it can't succeed, it raises an error from ``ours``. Not for two threads at once.

    Brokers learn of new topics and partitions one after the other: for ``learning_s``, a topic that one broker has
    reported does not count as gone because another doesn't know it. ``backoff_s``: between two requests.
    """

    def __init__(
        self, location: KafkaLocation, name: str, label: str, *, backoff_s: float = 0.1, learning_s: float = 2.0
    ) -> None:
        self._backoff_s, self._learning_s = backoff_s, learning_s
        self._location = location
        self._name = name
        self._label = label
        self._client: Any = None
        self._config: Mapping[str, str] | None = None
        self._seen = False

    def describe(self) -> Mapping[str, Any]:
        """The topic with its id and partitions, as returned by ``describe_topics``."""
        topic: Mapping[str, Any] = self._ask(lambda client: _described(client, self._name))
        self._seen = True
        return topic

    def facts(self) -> StreamFacts | None:
        """The topic as it is now; None if there is none."""
        topic = self._ask(lambda client: _found(client, self._name))
        if topic is None:
            return None
        self.forget_settings()
        copies = min(len(partition["replica_nodes"]) for partition in topic["partitions"])
        return StreamFacts(self._name, len(topic["partitions"]), copies, self.settings(), self.usual_copies())

    def usual_copies(self) -> int:
        """The number of copies for a topic whose plan leaves it open: the URL's number, otherwise ``copies_for`` the brokers.

        From Kafka 4.0 on, a broker that is down counts too: it gets its copy when it is back.
        """
        if self._location.replication_factor:
            return self._location.replication_factor
        return copies_for(len(self._ask(lambda client: client.describe_cluster())["brokers"]))

    def create(self, partitions: int, configs: Mapping[str, str], copies: int) -> None:
        """Create the topic if it is missing, and wait until all responding brokers know it."""
        topic = {"num_partitions": partitions, "replication_factor": copies, "configs": configs}
        self._ask(lambda client: _creating(client, self._name, topic, self._timeout_ms()))
        self._await_all(_ready)

    def delete(self) -> None:
        """Delete the topic and wait until the cluster no longer knows it."""
        self._ask(lambda client: _deleting(client, self._name))
        if not self._await_all(lambda topic: topic["error_code"] != 0):
            raise StreamError(self._label, "the cluster still has the stream", hint="check the broker's log")

    def settings(self) -> Mapping[str, str]:
        """The topic's settings, requested once."""
        if self._config is None:
            resource = ConfigResource(ConfigResourceType.TOPIC, self._name)
            found = self._ask(lambda client: client.describe_configs([resource], config_filter="all"))
            self._config = {key: str(entry["value"]) for key, entry in found["topic"][self._name].items()}
        return self._config

    def forget_settings(self) -> None:
        """Request the settings again when they are next needed."""
        self._config = None

    def check_kind(self, wanted: str, *, compacted: bool = False) -> None:
        """Raise StreamError if the topic has another ``message.timestamp.type``, or is compacted but must not be."""
        settings = self.settings()
        if "compact" in settings["cleanup.policy"] and not compacted:
            raise StreamError(
                self._label,
                "the topic is compacted, so records with the same key would be removed",
                hint="set its cleanup.policy to delete with kafka-configs.sh, or choose another name",
            )
        stamped = settings["message.timestamp.type"]
        if stamped != wanted:
            raise StreamError(
                self._label,
                f"the topic exists with message.timestamp.type={stamped}, not {wanted}",
                hint=f"kafka-configs.sh sets it to {wanted} for later records; or choose another name",
            )

    def list_offsets(self, specs: Mapping[int, int], *, committed: bool) -> Mapping[int, int]:
        """The offset for each partition's OffsetSpec or time (ms since the epoch); -1: none.

        ``committed``: the partition ends at an open transaction.
        """
        wanted = {TopicPartition(self._name, partition): spec for partition, spec in specs.items()}
        if not wanted:
            return {}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        found = self._ask(lambda client: client.list_partition_offsets(wanted, isolation_level=level))
        return {tp.partition: int(found[tp].offset) for tp in wanted}

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:
        """As in ``Stream``; partitions for which the broker doesn't know it are left out."""
        return self._ask(lambda client: _epoch_ends(client, self._name, epochs)) if epochs else {}

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """Set the group's position in these partitions."""
        wanted = {
            TopicPartition(self._name, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        self._ask(lambda client: _committing(client, group, wanted))

    def committed(self, group: str) -> Mapping[int, int]:
        """The group's position in the topic's partitions, in order; partitions without one are left out."""
        found = self._ask(lambda client: client.list_group_offsets({group: None}))[group]
        return {
            tp.partition: meta.offset
            for tp, meta in sorted(found.items())
            if tp.topic == self._name and meta.offset >= 0
        }

    def delete_records(self, offsets: Mapping[int, int]) -> None:
        """Delete each partition's records below its offset."""
        due = {TopicPartition(self._name, partition): offset for partition, offset in offsets.items()}
        self._ask(lambda client: client.delete_records(due, timeout_ms=self._timeout_ms()))

    def close(self) -> None:
        """Close the client. The next request creates a new one."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(kafka_errors.KafkaError):
                client.close()

    def _await_all(self, holds: Callable[[Mapping[str, Any]], bool]) -> bool:
        """Wait until the condition is true for the topic on every responding broker; False if the time runs out first.

        Brokers learn of a change one after the other, and the next request of this or another process may go to any of them.
        """
        deadline = time.monotonic() + self._location.timeout_s
        while not all(holds(view) for view in self._ask(lambda client: _views(client, self._name))):
            if time.monotonic() > deadline:
                return False
            time.sleep(self._backoff_s)
        return True

    def _deleted(self, error: Exception) -> StreamError | None:
        if not (self._seen and isinstance(error, _UNKNOWN)):
            return None
        hint = "a service creates an empty one when it restarts; the records are gone"
        return StreamError(self._label, "the stream was deleted", hint=hint)

    def _timeout_ms(self) -> int:
        return int(self._location.timeout_s * 1000)

    def _ask(self, question: Callable[[Any], T]) -> T:
        """The result of ``question`` with the client; repeated with a new client while the broker can't be reached."""
        began = time.monotonic()
        deadline = began + self._location.timeout_s
        while True:
            try:
                if self._client is None:
                    left = deadline - time.monotonic()
                    self._client = self._location.connect(KafkaAdminClient, left)
                return question(self._client)
            except (kafka_errors.KafkaError, OSError) as error:
                self.close()
                now = time.monotonic()
                learning = self._seen and isinstance(error, _UNKNOWN) and now < began + self._learning_s
                if not (learning or transient(error)) or now + self._backoff_s >= deadline:
                    raise self._deleted(error) or ours(self._label, error) from error
                time.sleep(self._backoff_s)


def _described(client: Any, name: str) -> Any:
    topic = client.describe_topics([name])[0]
    if topic["error_code"]:
        raise kafka_errors.for_code(topic["error_code"])(name)
    return topic


def _found(client: Any, name: str) -> Any:
    try:
        return _described(client, name)
    except _UNKNOWN:
        return None


def _creating(client: Any, name: str, topic: Mapping[str, Any], timeout_ms: int) -> None:
    with contextlib.suppress(kafka_errors.TopicAlreadyExistsError):
        client.create_topics({name: topic}, timeout_ms=timeout_ms)


def _views(client: Any, name: str) -> list[Mapping[str, Any]]:
    """The topic's metadata from each broker, without brokers that don't respond."""
    wanted = [MetadataRequest.MetadataRequestTopic(name=name)]
    request = MetadataRequest(topics=wanted, allow_auto_topic_creation=False)

    async def ask(node: int) -> Any:
        return await client._manager.send(request, node_id=node)  # noqa: SLF001 (its own methods choose the broker)

    views = []
    for broker in client.describe_cluster()["brokers"]:
        # A fenced broker catches up before it takes part again.
        if not broker.get("is_fenced"):
            with contextlib.suppress(kafka_errors.KafkaError, OSError):
                views += client._manager.run(ask, broker["broker_id"]).to_dict()["topics"]  # noqa: SLF001
    return views


def _epoch_ends(client: Any, name: str, epochs: Mapping[int, int]) -> Mapping[int, int]:
    leaders = defaultdict[int, list[Any]](list)
    for partition in _described(client, name)["partitions"]:
        number = partition["partition_index"]
        if number in epochs:
            wanted = OffsetForLeaderEpochRequest.OffsetForLeaderTopic.OffsetForLeaderPartition
            leaders[partition["leader_id"]].append(
                wanted(partition=number, current_leader_epoch=-1, leader_epoch=epochs[number])
            )

    async def ask(node: int, partitions: list[Any]) -> Any:
        topics = [OffsetForLeaderEpochRequest.OffsetForLeaderTopic(topic=name, partitions=partitions)]
        request = OffsetForLeaderEpochRequest(replica_id=-1, topics=topics)
        return await client._manager.send(request, node_id=node)  # noqa: SLF001 (its own methods choose the broker)

    ends: dict[int, int] = {}
    for node, partitions in leaders.items():
        for topic in client._manager.run(ask, node, partitions).topics:  # noqa: SLF001
            for found in topic.partitions:
                if found.error_code:
                    raise kafka_errors.for_code(found.error_code)(name)
                if found.end_offset >= 0:
                    ends[int(found.partition)] = int(found.end_offset)
    return ends


def _ready(topic: Mapping[str, Any]) -> bool:
    return topic["error_code"] == 0 and all(partition["leader_id"] >= 0 for partition in topic["partitions"])


def _deleting(client: Any, name: str) -> None:
    with contextlib.suppress(kafka_errors.UnknownTopicOrPartitionError):
        client.delete_topics([name])


def _committing(client: Any, group: str, offsets: Mapping[Any, Any]) -> None:
    for result in client.alter_group_offsets(group, offsets).values():
        if result is not kafka_errors.NoError:
            raise result(group)
