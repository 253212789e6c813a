"""Raw records of the past: the sources of a replay (stream, archives, store), and the daily archive of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import msgspec

from connectors.archives import ArchiveItem
from connectors.archives.folder import (
    ArchiveNote,
    day_files,
    day_start_ms,
    files_between,
    read_note,
    take_out_texts,
    write_day,
    write_note,
)
from connectors.archives.snapshots import HistoryReader
from core.counted import counted
from core.errors import WirewatchError
from core.records import RawArticle, article_id, encode, from_ms, raw_hash, to_ms
from core.settings import Settings
from core.store import Store
from core.store.takedowns import STAGE, Takedowns
from core.store.text_limits import text_limits_of
from core.streams import Stream, StreamRecord, open_stream
from pipeline.drivers.history import PROBE_MS, History, StreamHistory
from pipeline.drivers.slices import SliceLimits
from pipeline.drivers.sorted_input import SortedHistory, SortedWriter, Where
from pipeline.replay.runs import first_place_ms, held_rejections, late_places, stored_versions
from wirewatch.replay.spec import ARCHIVE, STORE, STREAM, archive_dir, index_path

_FEW = SliceLimits(records=200, bytes=16 << 20)
# A day is archived once no more records of it can arrive.
SETTLED_MS = 120_000


class Sources:
    """The records of a replay, from any source. ``notes`` are remarks for the person; ``close`` it at the end.

    ``no_claim``: why the results may differ from the replayed run's, if reading found a reason.
    """

    def __init__(
        self, settings: Settings, store: Store, sources: Sequence[str], *, of: str, name: str, span: tuple[int, int]
    ) -> None:
        self._settings, self._store, self._sources = settings, store, sources
        self._of, self._name, self._span = of, name, span
        self.notes: list[str] = []
        self.no_claim: str | None = None
        self._stream: Stream | None = None
        self._index: SortedHistory | None = None

    def history(self, after_ms: int | None, clock_ms: Callable[[], int], progress: Callable[[int], None]) -> History:
        """The records in order. Archives are indexed first, unless an earlier start has done so. ``progress`` gets the
        count of records.
        """
        since, until = self._span
        if tuple(self._sources) == (STREAM,):
            found = self._stretch(self._name, after_ms, clock_ms)
            known = first_place_ms(self._store, self._of)
            if found.begins_late is not None and (known is None or found.begins_late > known):
                begins = (
                    f"the stream begins at {from_ms(found.begins_late):%Y-%m-%d %H:%M} UTC, older records are deleted"
                )
                self.notes.append(f"{begins}; to read the archive too: --source archive --source stream")
                self.no_claim = begins
            return found
        path = index_path(self._settings, self._name)
        while not path.exists():
            before = self._marks()
            self._build(path, clock_ms, progress)
            if self._marks() != before:
                # What it read may have been removed since, and the removal did not find the finished index.
                path.unlink(missing_ok=True)
        self._index = SortedHistory(path, self._name, from_ms=since, to_ms=until, after_ms=after_ms)
        facts = self._index.facts
        if facts.get("problems"):
            self.notes.append(
                f"{counted(facts['problems'], 'item')} could not be read; each ends as rejected, with its file and offset"
            )
        if facts.get("unchanged"):
            self.notes.append(
                f"{counted(facts['unchanged'], 'item')} of feed snapshots unchanged since the snapshot before"
            )
        if facts.get("outside"):
            self.notes.append(f"{counted(facts['outside'], 'record is', 'records are')} outside the period")
        return self._index

    def close(self) -> None:
        """Close the index, if one is open."""
        if self._stream is not None:
            self._stream.close()
        if self._index is not None:
            self._index.close()

    def _stretch(self, run: str, after_ms: int | None, clock_ms: Callable[[], int]) -> StreamHistory:
        since, until = self._span
        if self._stream is None:
            self._stream = open_stream(self._settings.stream, self._settings.raw_stream, role="replay")
        uuid = self._stream.uuid
        late = {place[1:]: key for place, key in late_places(self._store, self._of).items() if place[0] == uuid}
        limited = held_rejections(self._store, self._of)
        return StreamHistory(
            self._stream,
            run,
            from_ms=since,
            to_ms=until,
            late=late,
            clock_ms=clock_ms,
            after_ms=after_ms,
            refused={place[1:]: how for place, how in limited.items() if place[0] == uuid},
        )

    def _marks(self) -> tuple[int, list[tuple[str, int, int]]]:
        """What changes if articles or texts are removed: the newest takedown, and the files of the archive."""
        stamp, _ = Takedowns(self._store).check(())
        files = []
        for file in files_between(archive_dir(self._settings), *self._span):
            with suppress(FileNotFoundError):
                found = file.path.stat()
                files.append((file.path.name, found.st_ino, found.st_mtime_ns))
        return stamp, files

    def _build(self, path: Path, clock_ms: Callable[[], int], progress: Callable[[int], None]) -> None:
        try:
            writer = SortedWriter(
                path,
                late={Where(*place): key for place, key in late_places(self._store, self._of).items()},
                refused={Where(*place): how for place, how in held_rejections(self._store, self._of).items()},
            )
        except OSError as error:
            raise WirewatchError(f"{path.parent}: {error.strerror}", hint="choose another data_dir") from error
        facts = {"outside": 0, "unchanged": 0}
        try:
            for source in self._sources:
                for _ in self._add(writer, source, facts, clock_ms):
                    if writer.count % 100 == 0:
                        progress(writer.count)
            if not writer.count:
                raise WirewatchError(
                    "there is nothing to replay in that period", hint="check --from, --to and --source"
                )
            writer.finish(**facts)
        except BaseException:
            writer.give_up()
            raise

    def _add(
        self, writer: SortedWriter, source: str, facts: dict[str, int], clock_ms: Callable[[], int]
    ) -> Iterator[None]:
        since, until = self._span
        if source == STREAM:
            stretch = self._stretch(self._name, None, clock_ms)
            while not stretch.ended:
                for envelope in stretch.take(_FEW):
                    position, key = envelope.position, envelope.key
                    where = Where(position.stream, position.partition, position.offset)
                    writer.add(
                        envelope.value,
                        time_ms=key.time_ms,
                        article=key.article,
                        digest=key.raw_hash,
                        item="",
                        where=where,
                    )
                    yield
        elif source.partition(":")[0] == STORE and not Path(source).exists():
            run = source.partition(":")[2] or self._of
            for key, raw in stored_versions(self._store, run, from_ms_=since, to_ms_=until):
                _add_raw(writer, raw, key.time_ms)
                yield
        else:
            for item in self._items(source, facts):
                add_item(writer, item, (since, until), facts)
                yield

    def _items(self, source: str, facts: dict[str, int]) -> Iterator[ArchiveItem]:
        if source == ARCHIVE and not Path(source).exists():
            folder = archive_dir(self._settings)
            for file in files_between(folder, *self._span):
                yield from file.items()
            return
        reader = HistoryReader(Path(source))
        yield from reader.items()
        facts["unchanged"] += reader.repeats


def read_items(path: Path) -> Iterator[ArchiveItem]:
    """The items of a file, or of a folder other than our archive."""
    return HistoryReader(path).items()


def add_item(writer: SortedWriter, item: ArchiveItem, span: tuple[int, int], facts: dict[str, int]) -> None:
    """Add an item to the index; one outside ``span`` is only counted, in ``facts["outside"]``. Problems have no time."""
    kept = item.kept
    if kept is not None:
        if (
            not span[0] <= kept.event_ms < span[1]
            and Where(kept.stream, kept.partition, kept.offset) not in writer.late
        ):
            facts["outside"] += 1
            return
        writer.add(
            kept.value,
            time_ms=kept.event_ms,
            article=kept.article,
            digest=kept.digest,
            item=(kept.url or "") if kept.gone else "",
            where=Where(kept.stream, kept.partition, kept.offset),
            problem=(STAGE, kept.gone) if kept.gone else None,
        )
    elif item.raw is None:
        name = item.name.encode("utf-8", "replace")
        problem = ("read", item.problem or "unreadable")
        writer.add(name, time_ms=0, article="", digest=raw_hash(name), item=item.name, problem=problem)
    else:
        time_ms = to_ms(item.raw.fetched_at)
        if not span[0] <= time_ms < span[1]:
            facts["outside"] += 1
            return
        _add_raw(writer, item.raw, time_ms)


def _add_raw(writer: SortedWriter, raw: RawArticle, time_ms: int) -> None:
    value = encode(raw)
    writer.add(value, time_ms=time_ms, article=article_id(raw.url), digest=raw_hash(value), item=raw.url)


class ArchivedDay(msgspec.Struct, frozen=True, kw_only=True):
    """An archived day. ``file`` is None if it had no records. ``lost``: number of offsets deleted before they were read."""

    day: date
    file: str | None
    records: int
    bytes: int
    lost: int = 0


def archive_days(
    stream: Stream, store: Store, folder: Path, *, clock_ms: Callable[[], int], stop: Callable[[], bool], software: str
) -> Iterator[ArchivedDay]:
    """Archive the completed days that are not archived yet, oldest first; each is on disk when it is yielded.

    Articles taken down are left out, with the reason. Raises StreamUnavailable, InputError, OSError; the same call again
    continues.
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
        # A rewritten file again has all texts that the stream has.
        texts = {name: mark for name, mark in note.texts.items() if name != path.name}
        note = ArchiveNote(note.through | {stream.uuid: day}, texts=texts)
        write_note(folder, note)
        size = path.stat().st_size if count else 0
        yield ArchivedDay(day=day, file=path.name if count else None, records=count, bytes=size, lost=history.lost)
        day += timedelta(days=1)


def remove_archived_texts(store: Store, folder: Path, now_ms: int) -> int:
    """Remove texts past their limit from the archive's files. Returns how many files were rewritten. Raises InputError,
    OSError.

    A replay from the archive rejects such records, with the reason.
    """
    limits, rewritten = text_limits_of(store), 0
    note = read_note(folder) if limits else ArchiveNote({})
    for file in day_files(folder) if limits else ():
        begin_ms, end_ms = day_start_ms(file.day), day_start_ms(file.day + timedelta(days=1))
        mark = limits.stamp(begin_ms, end_ms, now_ms)
        if mark and note.texts.get(file.path.name) != mark:
            rewritten += take_out_texts(file, lambda source, ms: limits.why(source, ms, now_ms)) > 0
            note = msgspec.structs.replace(note, texts=note.texts | {file.path.name: mark})
            write_note(folder, note)
    return rewritten


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
