"""Appends requested retries of rejected records (``core.store.retries``) to the raw stream, each once.

Like the relay, it appends under a writer's name: the stream refuses the previous owner of the name, even if that
process was only suspended. So once this process has the name, everything that an earlier one appended is in the stream,
and a retry that a crash left ``begun`` is either found in the stream by its header or was never appended. The order of
steps matters: take the name, read what is due, note the ends, append, note the places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from core.away import Away
from core.clock import Every
from core.errors import OffsetOutOfRange, RecordTooLarge, StoreError, StreamUnavailable, WriterFenced
from core.records import Position, to_ms
from core.store.engine import Store
from core.store.retries import BEGUN, Retries, Retry
from core.streams import NewRecord, Stream, StreamRecord
from core.streams.base import partition_of
from core.streams.headers import RETRY_OF

log = structlog.get_logger()
LOOK_MS = 2_000
BATCH, BATCH_BYTES = 100, 16 << 20
"""How many records are read and appended together, with their pages in memory."""
GONE = "the stream no longer holds it"
ELSEWHERE = "it is on another stream than today's"


def writer_of(run: str) -> str:
    """The name under which a run's retries are appended."""
    return f"wirewatch-retry-{run}"


class RetriedRecords:
    """Appends due retries. ``open_stream`` opens the raw stream, only for this; ``clock`` returns UTC. For one thread.

    It does nothing while the store can't be reached, which polls report.
    """

    def __init__(
        self, store: Store, run: str, open_stream: Callable[[], Stream], clock: Callable[[], datetime]
    ) -> None:
        self._retries, self._run, self._open, self._clock = Retries(store, run), run, open_stream, clock
        self._away = Away("the raw stream, to which rejected records are to be appended again,")
        self._look = Every(LOOK_MS)

    def tend(self) -> int:
        """Append due retries, if it is time for a check; returns their number."""
        now_ms = to_ms(self._clock())
        if not self._look.due(now_ms):
            return 0
        with suppress(StoreError):
            if self._retries.due(1):
                return self._append_due()
        return 0

    def _append_due(self) -> int:
        total = 0
        try:
            with self._open() as stream:
                stream.fence(writer_of(self._run))
                while due := self._retries.due(BATCH):
                    total += self._append(stream, due)
        except WriterFenced:
            log.info("another process appends the rejected records again")
        except StreamUnavailable as error:
            self._away.failed(error.message)
        else:
            self._away.back()
        if total:
            log.info("rejected records were appended again", records=total)
        return total

    def _append(self, stream: Stream, due: Sequence[Retry]) -> int:
        """Complete these retries; returns how many records were appended now or, as found, earlier."""
        there = found_again(stream, [one for one in due if one.state == BEGUN])
        self._retries.appended(there)
        done = len(there)
        for old in _batches(self._read(stream, [one.position for one in due if one.position not in there])):
            done += self._append_batch(stream, old)
        return done

    def _read(self, stream: Stream, positions: Iterable[Position]) -> Iterator[tuple[Position, StreamRecord]]:
        """The old records; those that are gone are noted."""
        for one in positions:
            if one.stream != stream.uuid:
                self._retries.gone({one: ELSEWHERE})
                continue
            found: Sequence[StreamRecord] = ()
            with suppress(OffsetOutOfRange):
                found = stream.read({one.partition: one.offset}, max_bytes=1)
            if found and found[0].offset == one.offset:
                yield one, found[0]
            else:
                self._retries.gone({one: GONE})

    def _append_batch(self, stream: Stream, old: Sequence[tuple[Position, StreamRecord]]) -> int:
        partitions = stream.partitions()
        records = [_new_record(one, record, partitions) for one, record in old]
        ends = stream.end_offsets(sorted({record.partition or 0 for record in records}))
        self._retries.begin(
            {
                one: (record.partition or 0, ends[record.partition or 0])
                for (one, _), record in zip(old, records, strict=True)
            }
        )
        try:
            placed = stream.append(records)
        except RecordTooLarge as error:
            if len(old) == 1:
                self._retries.gone({old[0][0]: error.message})
                return 0
            return sum(self._append_batch(stream, [one]) for one in old)
        self._retries.appended(
            {one: (place.partition, place.offset) for (one, _), place in zip(old, placed, strict=True)}
        )
        return len(old)


def found_again(stream: Stream, begun: Sequence[Retry]) -> Mapping[Position, tuple[int, int]]:
    """Which of these are on the stream, by their header, with partition and offset."""
    since: dict[int, int] = {}
    for one in begun:
        if one.position.stream == stream.uuid and one.partition is not None and one.since is not None:
            since[one.partition] = min(one.since, since.get(one.partition, one.since))
    wanted = {str(one.position).encode(): one.position for one in begun}
    found: dict[Position, tuple[int, int]] = {}
    ends = stream.end_offsets(sorted(since))
    for partition, first in since.items():
        at = max(first, stream.start_offsets([partition])[partition])
        while at < ends[partition] and (records := stream.read({partition: at})):
            for record in records:
                for name, value in record.headers:
                    if name == RETRY_OF and value in wanted:
                        found.setdefault(wanted[value], (partition, record.offset))
            at = records[-1].offset + 1
    return found


def _new_record(one: Position, old: StreamRecord, partitions: Sequence[int]) -> NewRecord:
    key = old.key or b""
    headers = tuple((name, value) for name, value in old.headers if name != RETRY_OF)
    return NewRecord(
        key,
        old.value,
        partition=partition_of(key, partitions) if key else one.partition,
        headers=(*headers, (RETRY_OF, str(one).encode())),
        digest=old.digest,
    )


def _batches(old: Iterable[tuple[Position, StreamRecord]]) -> Iterator[list[tuple[Position, StreamRecord]]]:
    batch: list[tuple[Position, StreamRecord]] = []
    size = 0
    for one, record in old:
        if batch and size + len(record.value) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((one, record))
        size += len(record.value)
    if batch:
        yield batch
