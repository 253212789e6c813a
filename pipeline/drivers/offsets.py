"""A run's offsets compared with its stream: the beginning of each partition, unread deletions, and losses of the stream.

A stream may come back with less than was read from it, with its old identity: if a broker without a second copy loses
power before everything acknowledged is on disk, or if an embedded stream is restored from a backup. The ledger then has
outcomes of records that no longer exist, and other records get their offsets, which must not count as done (``cuts``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import structlog

from core.errors import OffsetOutOfRange
from core.records import OrderKey, Outcome, OutcomeKind
from core.streams import Stream
from pipeline.ledger.contiguous_offsets import StreamOffsets
from pipeline.ledger.ledger import RunLedger
from pipeline.order.merge import ReadTo, article_of

log = structlog.get_logger()


class RunOffsets:
    """The stored offsets of a run over the stream of this UUID. Raises StoreError, or Fenced."""

    def __init__(self, ledger: RunLedger, stream: str) -> None:
        self._run, self._stream, self._stored = ledger.run, stream, ledger.offsets(stream)

    def first(self, starts: Mapping[int, int]) -> dict[int, int]:
        """The run's first offset of each partition. ``starts``: where the log begins now, of all partitions.

        A new run begins at ``starts``: earlier deletions don't concern it. A partition that is new since then belongs
        to the run from offset 0, so records that retention deleted are lost.
        """
        known = self._stored.first({})
        return self.appeared(starts.keys() - known.keys()) if known else self._stored.first(starts)

    def appeared(self, partitions: Collection[int]) -> dict[int, int]:
        """Store the partitions as part of the run from offset 0; returns the first offsets of all stored ones."""
        if partitions:
            log.warning(
                "the stream has new partitions; they are read from their beginning", partitions=sorted(partitions)
            )
        return self._stored.first(dict.fromkeys(partitions, 0))

    def read_to(self) -> dict[int, ReadTo]:
        """How far each partition was processed, with its newest leader epoch."""
        epochs = self._stored.epochs()
        highest = {partition: self._stored.highest_handled(partition) for partition in epochs}
        return {p: ReadTo(highest[p] + 1, epoch) for p, epoch in epochs.items() if highest[p] >= 0}

    def begin_epoch(self, partition: int, epoch: int) -> None:
        """Note that records of a new leader epoch are read from now on."""
        self._stored.begin_epoch(partition, epoch)

    def lost(self, partition: int, first: int, last: int) -> None:
        """Record, as an outcome and in the log, that retention deleted these offsets before they were read. Idempotent."""
        log.error("records were deleted before they were read", partition=partition, first=first, last=last)
        outcome = Outcome(
            run=self._run,
            stream=self._stream,
            partition=partition,
            first_offset=first,
            last_offset=last,
            kind=OutcomeKind.LOST,
            stage="read",
            reason="retention",
        )
        self._stored.record_lost([outcome])


def cuts(stream: Stream, ledger: RunLedger) -> Mapping[int, int]:
    """Partition → the offset from which on the ledger's outcomes belong to other records; only partitions that were cut.

    It uses the leader epoch, if known: the stream reports where its records end now. It also compares records: for a
    partition that was not cut, it reads one, the newest processed one. Raises StreamError, StoreError.
    """
    stored = ledger.offsets(stream.uuid)
    ends = stream.end_offsets(stream.partitions())
    epochs = {partition: epoch for partition, epoch in stored.epochs().items() if epoch >= 0 and partition in ends}
    found = {
        partition: end
        for partition, end in (stream.epoch_ends(epochs) if epochs else {}).items()
        if end <= stored.highest_handled(partition)
    }
    for partition, end in ends.items():
        if partition in found:
            continue
        newest = stored.newest_handled(partition, 1 << 62)
        if newest is None:
            continue
        if newest[0] >= end:
            found[partition] = end
            newest = stored.newest_handled(partition, end - 1)
        if newest is not None and not _same(stream, partition, *newest):
            found[partition] = _first_other(stream, stored, partition, newest[0])
    return found


def _first_other(stream: Stream, stored: StreamOffsets, partition: int, other: int) -> int:
    """The lowest offset whose record isn't the processed one; all after it differ too. ``other``: one of those."""
    low = min(stream.start_offsets([partition])[partition], other)
    while low < other:
        middle = (low + other) // 2
        known = stored.newest_handled(partition, middle)
        if known is None or known[0] < low or _same(stream, partition, *known):
            low = middle + 1
        else:
            other = known[0]
    return other


def _same(stream: Stream, partition: int, offset: int, key: OrderKey) -> bool:
    """Whether the record has this key; True if it can't be read (deleted, or a gap)."""
    try:
        record = next(iter(stream.read({partition: offset}, max_bytes=1)), None)
    except OffsetOutOfRange:
        return True
    if record is None or record.offset != offset:
        return True
    is_now = (record.timestamp_ms, article_of(record), record.digest)
    return is_now == (key.time_ms, key.article, key.raw_hash)
