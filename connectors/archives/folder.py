"""Our own archive: a folder with one WARC.gz per day (UTC, by event time) and stream, and a note of its progress.

Files are written under a temporary name and renamed, and the note is written after them. So after a crash all files are
complete, and the unfinished day is done again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from connectors.archives.items import ArchiveItem, Kept
from connectors.archives.kept import KeptWriter
from connectors.archives.warc import read_frames, read_warc
from core.errors import InputError
from core.private import make_private_folder
from core.records import article_id, from_ms, to_ms
from core.streams import StreamRecord

NOTE = "archive.json"
_NAME = re.compile(r"raw-(\d{4}-\d\d-\d\d)-[0-9A-Za-z_-]{1,16}\.warc\.gz")


class ArchiveNote(msgspec.Struct, frozen=True):
    """The last completed day of each stream (by UUID), even if it has no records.

    ``texts``: file → the stamp of the last removal of its texts (``TextLimits.stamp``).
    """

    through: dict[str, date]
    schema: int = 1
    texts: dict[str, str] = {}


class DayFile(NamedTuple):
    """A file of the archive."""

    day: date
    path: Path

    def items(self) -> Iterator[ArchiveItem]:
        """Its items, in the file's order. Damaged ones have a problem (``read_warc``)."""
        # Each record of ours has its own time.
        return read_warc(self.path, self.path.name, from_ms(0))


def day_start_ms(day: date) -> int:
    """The first millisecond of a day, UTC."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))


def day_files(folder: Path) -> list[DayFile]:
    """The files of the archive, oldest first."""
    named = ((_NAME.fullmatch(path.name), path) for path in folder.glob("raw-*.warc.gz"))
    return sorted(DayFile(date.fromisoformat(name[1]), path) for name, path in named if name)


def files_between(folder: Path, from_ms: int, to_ms: int) -> list[DayFile]:
    """Files with records of these event times, and the day before: the place of a late record is after its own time."""
    day = timedelta(days=1)
    return [
        file
        for file in day_files(folder)
        if day_start_ms(file.day + 2 * day) > from_ms and day_start_ms(file.day) < to_ms
    ]


def read_note(folder: Path) -> ArchiveNote:
    """Read the archive's progress. Raises InputError for a note that can't be read: guessing could omit days."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=ArchiveNote)
    except FileNotFoundError:
        return ArchiveNote({})
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            str(folder / NOTE), f"can't be read: {error}", hint="restore it, or start a new folder"
        ) from error


def write_note(folder: Path, note: ArchiveNote) -> None:
    """Save the archive's progress."""
    _whole(folder / NOTE, lambda file: file.write(msgspec.json.encode(note)))


def write_day(
    folder: Path,
    day: date,
    stream: str,
    records: Iterable[tuple[StreamRecord, str]],
    *,
    gone: Mapping[str, str],
    software: str,
) -> tuple[Path, int]:
    """Write the records of a day, each with its article id; returns the file and their number. No records: no file.

    Repeating a day replaces its file. ``gone``: article id → reason, for takedowns.
    """
    path = folder / f"raw-{day}-{re.sub('[^0-9A-Za-z_-]', '', stream)[:12]}.warc.gz"
    count = 0

    def write(file: BinaryIO) -> None:
        nonlocal count
        writer = KeptWriter(file, stream, gone=gone)
        writer.begin(software)
        for record, article in records:
            writer.write(record, article)
            count += 1

    _whole(path, write, keep=lambda: count > 0)
    return path, count


def take_out(file: DayFile, article: str, reason: str) -> int:
    """Rewrite a day's file without the records of an article; returns their number. 0: the file is not changed.

    Each is replaced by a note that it was taken down, so a replay still knows that there was a record.
    """
    return _take_out(file, lambda item: reason if _is_of(item, article) else None)


def take_out_texts(file: DayFile, why: Callable[[str, int], str | None]) -> int:
    """Like ``take_out``, for all records for whose source and event time (ms) ``why`` returns a reason."""
    return _take_out(file, lambda item: why(item.raw.source, item.kept.event_ms) if item.raw and item.kept else None)


def _take_out(file: DayFile, why: Callable[[ArchiveItem], str | None]) -> int:
    going: dict[int, tuple[Kept, str]] = {}
    for item in file.items():
        if item.kept is not None and item.kept.gone is None and (reason := why(item)) is not None:
            # What is left of a record has its address.
            kept = replace(item.kept, url=item.kept.url or (item.raw.url if item.raw else None))
            going[int(item.name.rpartition("@")[2])] = (kept, reason)
    if not going:
        return 0
    offsets = [frame.offset for frame in read_frames(file.path)]
    with file.path.open("rb") as old:
        end = old.seek(0, 2)

        def write(new: BinaryIO) -> None:
            writer = KeptWriter(new, "", gone={})
            for number, offset in enumerate(offsets):
                behind = offsets[number + 1] if number + 1 < len(offsets) else end
                if offset in going:
                    writer.copy(*going[offset])
                elif behind in going and going[behind][0].paged:
                    continue
                else:
                    old.seek(offset)
                    new.write(old.read(behind - offset))

        _whole(file.path, write)
    return len(going)


def _is_of(item: ArchiveItem, article: str) -> bool:
    kept = item.kept
    return kept is not None and (
        kept.article == article or (item.raw is not None and article_id(item.raw.url) == article)
    )


def _whole(path: Path, write: Callable[[BinaryIO], object], *, keep: Callable[[], bool] = lambda: True) -> None:
    """Write a file atomically, also in case of a power cut."""
    make_private_folder(path.parent)
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if keep():
            beside.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        beside.unlink(missing_ok=True)
