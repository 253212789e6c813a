"""The raw stream to daily files: each day once it is over, from where the archive stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec

from connectors.archives.folder import ArchiveNote, day_start_ms, read_note, write_day, write_note
from core.records import from_ms
from core.store import Store
from core.store.takedowns import Takedowns
from core.streams import Stream, StreamRecord
from pipeline.drivers.history import PROBE_MS, StreamHistory
from pipeline.drivers.slices import SliceLimits

# A day is over when no record of it can come any more.
SETTLED_MS = 120_000
_FEW = SliceLimits(records=200, bytes=16 << 20)


class ArchivedDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day that was archived. ``file`` None: nothing came. ``lost``: offsets that were deleted before they were read."""

    day: date
    file: str | None
    records: int
    bytes: int
    lost: int = 0


def archive_days(
    stream: Stream, store: Store, folder: Path, *, clock_ms: Callable[[], int], stop: Callable[[], bool], software: str
) -> Iterator[ArchivedDay]:
    """Archive the days that are over and not archived yet, oldest first; each is kept when it is yielded.

    Takedowns are left out by their reason. Raises StreamUnavailable, InputError, OSError: the same again goes on.
    """
    note = read_note(folder)
    done = note.through.get(stream.uuid)
    day = done + timedelta(days=1) if done else _first_day(stream)
    while day is not None and not stop() and day_start_ms(day + timedelta(days=1)) + SETTLED_MS <= clock_ms():
        history = StreamHistory(
            stream,
            "archive",
            from_ms=day_start_ms(day),
            to_ms=day_start_ms(day + timedelta(days=1)),
            late={},
            clock_ms=clock_ms,
        )
        gone = {one.article: one.reason for one in Takedowns(store).listing()}
        path, count = write_day(folder, day, stream.uuid, _records(history), gone=gone, software=software)
        note = ArchiveNote(note.through | {stream.uuid: day})
        write_note(folder, note)
        size = path.stat().st_size if count else 0
        yield ArchivedDay(day=day, file=path.name if count else None, records=count, bytes=size, lost=history.lost)
        day += timedelta(days=1)


def _records(history: StreamHistory) -> Iterator[tuple[StreamRecord, str]]:
    while not history.ended:
        for envelope in history.take(_FEW):
            place, key = envelope.position, envelope.key
            record = StreamRecord(place.partition, place.offset, key.time_ms, key.article.encode(), envelope.value)
            yield record, key.article


def _first_day(stream: Stream) -> date | None:
    starts = stream.start_offsets(list(stream.partitions()))
    times = []
    for partition, offset in starts.items():
        records = stream.read({partition: offset}, max_bytes=1, wait_ms=PROBE_MS)
        times += [record.timestamp_ms for record in records[:1]]
    return from_ms(min(times)).date() if times else None
