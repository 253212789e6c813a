"""A stream that came back with less than was read from it, under its old identity.

A broker without a second copy loses power before its disk has all that it acknowledged; an embedded stream is put back from a
backup. Then the ledger has outcomes of records that are not there any more, and other records come at their offsets: they must
not be taken for done.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import OffsetOutOfRange
from core.records import OrderKey, raw_hash
from core.streams import Stream
from pipeline.ledger import RunLedger
from pipeline.order.merge import article_of


def cuts(stream: Stream, ledger: RunLedger) -> Mapping[int, int]:
    """Partition → the offset from which on the ledger's outcomes are of other records; without those where all is well.

    Looks at one record a partition where all is well: the newest that was handled. Raises StreamError, StoreError.
    """
    found: dict[int, int] = {}
    ends = stream.end_offsets(stream.partitions())
    for partition, end in ends.items():
        newest = ledger.newest_handled(stream.uuid, partition, 1 << 62)
        if newest is None:
            continue
        if newest[0] >= end:
            found[partition] = end
            newest = ledger.newest_handled(stream.uuid, partition, end - 1)
        if newest is not None and not _same(stream, partition, *newest):
            found[partition] = _first_other(stream, ledger, partition, newest[0])
    return found


def _first_other(stream: Stream, ledger: RunLedger, partition: int, other: int) -> int:
    """The lowest offset whose record isn't the one that was handled; all behind it are others too. ``other``: one of them."""
    low = min(stream.start_offsets([partition])[partition], other)
    while low < other:
        middle = (low + other) // 2
        known = ledger.newest_handled(stream.uuid, partition, middle)
        if known is None or known[0] < low or _same(stream, partition, *known):
            low = middle + 1
        else:
            other = known[0]
    return other


def _same(stream: Stream, partition: int, offset: int, key: OrderKey) -> bool:
    """Whether the record is the one that has this key; where it can't be read (deleted, a gap), nothing speaks against it."""
    try:
        record = next(iter(stream.read({partition: offset}, max_bytes=1)), None)
    except OffsetOutOfRange:
        return True
    if record is None or record.offset != offset:
        return True
    is_now = (record.timestamp_ms, article_of(record), raw_hash(record.value))
    return is_now == (key.time_ms, key.article, key.raw_hash)
