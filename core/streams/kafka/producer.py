"""The producer of a Kafka stream: idempotent; with a writer's name, it uses a transaction for each call.

See ``Stream.fence``.

A writer's name is a transactional id. ``init_transactions`` gives it to this producer: Kafka raises the id's epoch,
aborts the open transaction of its previous owner, and from then on refuses the earlier epoch, even in a commit. A
transaction that is left open by a suspended or dead process ends when the id is taken again, or after
``transaction_timeout_s``; until then, readers of committed records wait at its beginning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from core.streams.base import NewRecord
from core.streams.kafka.client import KafkaLocation

_BATCH_BYTES = 256 << 10
_FENCED: Final = (
    kafka_errors.ProducerFencedError,
    kafka_errors.InvalidProducerEpochError,
    # Errors about a transaction that the broker has already ended.
    kafka_errors.InvalidTxnStateError,
    kafka_errors.TransactionAbortedError,
)


class _Client(KafkaProducer):  # type: ignore[misc]
    def __del__(self) -> None:
        # A client that could not connect has no thread yet; kafka-python 3.0.12 would print a traceback for that.
        with contextlib.suppress(Exception):
            super().__del__()


class Producer:
    """A producer for one topic; ``writer`` is its transactional id; empty: none. Raises what kafka-python raises.

    ``max_request_bytes``: the largest record including its key. After an exception it must be closed, since a writer's
    state is unknown.
    """

    def __init__(self, location: KafkaLocation, topic: str, max_request_bytes: int, writer: str = "") -> None:
        self._timeout_ms = int(location.timeout_s * 1000)
        self._topic, self.writer = topic, writer
        transactions = (
            {"transactional_id": writer, "transaction_timeout_ms": int(transaction_timeout_s(location) * 1000)}
            if writer
            else {}
        )
        self.client: Any = location.connect(
            _Client,
            location.timeout_s,
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            batch_size=_BATCH_BYTES,
            # Records wait for the flush at the end of the call and so share batches.
            linger_ms=100,
            delivery_timeout_ms=self._timeout_ms + 100,
            max_block_ms=self._timeout_ms,
            max_request_size=max_request_bytes,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            **transactions,
        )
        if writer:
            _retry_timed_out(self.client._transaction_manager)  # noqa: SLF001
            try:
                self.client.init_transactions()
            except BaseException:
                self.end()
                raise

    def send(self, records: Sequence[NewRecord]) -> list[Any]:
        """Send the records and wait until all are acknowledged, and committed if this is a writer.

        Returns kafka-python's metadata of each record.
        """
        if self.writer:
            self.client.begin_transaction()
        sent = [
            self.client.send(
                self._topic,
                key=record.key,
                value=record.value,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
            )
            for record in records
        ]
        stored = self._acknowledged(sent)
        if self.writer:
            self._commit()
        return stored

    def _acknowledged(self, sent: Sequence[Any]) -> list[Any]:
        """Send batches that are still waiting, and return the brokers' answer for each record; raises the first failure.

        kafka-python's ``flush`` waits up to its whole time limit for each batch in turn: a broker that vanished with
        two of them cost twice the limit.
        """
        accumulator = self.client._accumulator  # noqa: SLF001
        deadline = time.monotonic() + self._timeout_ms / 1000 + 1
        accumulator.begin_flush()
        self.client._sender.wakeup()  # noqa: SLF001
        try:
            return [future.get(timeout=max(0.0, deadline - time.monotonic())) for future in sent]
        finally:
            accumulator._flushes_in_progress.decrement()  # noqa: SLF001

    def _commit(self) -> None:
        # Its own ``commit_transaction`` waits without a limit.
        result = self.client._transaction_manager.begin_commit()  # noqa: SLF001
        self.client._sender.wakeup()  # noqa: SLF001
        if not result.wait(timeout_ms=self._timeout_ms):
            raise kafka_errors.KafkaTimeoutError("the commit was not acknowledged in time")

    def cause(self, error: Exception) -> Exception:
        """The error behind a failure: with transactions, kafka-python wraps the cause in a general error."""
        last = self.client._transaction_manager.last_error if self.writer else None  # noqa: SLF001
        found = _inner(error)
        vague = type(found) in (kafka_errors.KafkaError, kafka_errors.TransactionAbortedError)
        return _inner(last) if vague and last is not None else found

    def end(self, *, failed: bool = False) -> None:
        """Close it within about two seconds; records that it hasn't sent by then are never sent. ``failed``: at once."""
        end_producer(self.client, failed=failed)


def _retry_timed_out(transactions: Any) -> None:
    """Make a client repeat transactional requests that were not answered in time, within the limits of its calls.

    kafka-python 3.0.12 repeats them after a lost connection only: it treats a timeout, after which it closes the connection
    as well, as a failure for unknown reasons that ends the transactional id. Every request of a transaction may be repeated.
    """
    enqueue = transactions._enqueue_request  # noqa: SLF001

    def enqueue_repeatable(handler: Any) -> None:
        if not hasattr(handler, "answered"):
            handler.answered = handler.on_complete
            handler.on_complete = lambda number, answer: handler.answered(number, _as_lost_connection(answer))
        enqueue(handler)

    transactions._enqueue_request = enqueue_repeatable  # noqa: SLF001


def _as_lost_connection(answer: Any) -> Any:
    return kafka_errors.KafkaConnectionError(str(answer)) if isinstance(answer, kafka_errors.RetriableError) else answer


def _inner(error: Exception) -> Exception:
    while type(error) is kafka_errors.KafkaError and error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    return error


def fenced(error: Exception) -> bool:
    """Whether an error means that another instance has taken the writer's name, or that the broker ended the transaction."""
    return isinstance(error, _FENCED)


def transaction_timeout_s(location: KafkaLocation) -> float:
    """The time after which the broker ends an open transaction: longer than a call with its commit can take."""
    return 2 * location.timeout_s + 10


def end_producer(producer: Any, *, failed: bool = False) -> None:
    """Close a client of kafka-python within about two seconds; records that it hasn't sent by then are never sent.

    ``failed``: its records were reported as failed, so it sends nothing more.
    """
    if failed:
        producer._sender.force_close()  # noqa: SLF001
    try:
        producer.close(timeout=1)
    except kafka_errors.KafkaError:
        # If a record is still being sent, kafka-python 3.0.12 gives up before the thread has ended. The thread would
        # continue to send records that were reported as failed, perhaps after the caller has appended them again.
        producer._sender.force_close()  # noqa: SLF001
        producer._sender.join(1)  # noqa: SLF001
