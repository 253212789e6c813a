"""Our own archive: a folder with one WARC.gz a day (UTC, by event time) and stream, and a note of how far it is.

Files are written beside and renamed, the note after them: a crash leaves whole files, and the day that was under way is done
again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
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
from core.records import article_id, to_ms
from core.streams import StreamRecord

NOTE = "archive.json"
_NAME = re.compile(r"raw-(\d{4}-\d\d-\d\d)-[0-9A-Za-z_-]{1,16}\.warc\.gz")


class ArchiveNote(msgspec.Struct, frozen=True):
    """How far each stream (by UUID) is archived: the last day that is done, even if nothing came that day.

    ``texts``: file → the mark of what its texts were removed by last (``TextLimits.stamp``).
    """

    through: dict[str, date]
    schema: int = 1
    texts: dict[str, str] = {}


class DayFile(NamedTuple):
    """One file of the archive."""

    day: date
    path: Path


def day_start_ms(day: date) -> int:
    """The first millisecond of a day, UTC."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))


def day_files(folder: Path) -> list[DayFile]:
    """The files of the archive, oldest first."""
    named = ((_NAME.fullmatch(path.name), path) for path in folder.glob("raw-*.warc.gz"))
    return sorted(DayFile(date.fromisoformat(name[1]), path) for name, path in named if name)


def files_between(folder: Path, from_ms: int, to_ms: int) -> list[DayFile]:
    """Files with records of these event times, and the day before: a late record's place is behind its own time."""
    day = timedelta(days=1)
    return [
        file
        for file in day_files(folder)
        if day_start_ms(file.day + 2 * day) > from_ms and day_start_ms(file.day) < to_ms
    ]


def read_note(folder: Path) -> ArchiveNote:
    """How far the archive is. Raises InputError for a note that can't be read: guessing would leave days out."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=ArchiveNote)
    except FileNotFoundError:
        return ArchiveNote({})
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            str(folder / NOTE), f"can't be read: {error}", hint="restore it, or begin a new folder"
        ) from error


def write_note(folder: Path, note: ArchiveNote) -> None:
    """Keep how far the archive is."""
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
    """Write one day's records, each with its article id; the file and how many they are. No records: no file.

    The same day again replaces the file. ``gone``: article id → reason, of takedowns.
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
    """Rewrite a day's file without its records of an article, and return how many they were. 0: it stays as it is.

    In the place of each stands that it was taken down, so a replay still knows that there was a record.
    """
    return _take_out(file, lambda item: reason if _is_of(item, article) else None)


def take_out_texts(file: DayFile, why: Callable[[str, int], str | None]) -> int:
    """As ``take_out``, of all records for whose source and event time (ms) ``why`` gives a reason."""
    return _take_out(file, lambda item: why(item.raw.source, item.kept.event_ms) if item.raw and item.kept else None)


def _take_out(file: DayFile, why: Callable[[ArchiveItem], str | None]) -> int:
    going: dict[int, tuple[Kept, str]] = {}
    for item in read_warc(file.path, file.path.name, datetime.fromtimestamp(0, UTC)):
        if item.kept is not None and item.kept.gone is None and (reason := why(item)) is not None:
            # What is left of a record names its address.
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
    """A file that is there whole or not at all, also after a power cut."""
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
