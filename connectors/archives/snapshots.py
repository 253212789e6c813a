"""Archives as history: files and folders as in ``read_path``, and snapshots of feeds as a poller would have seen them.

A folder of snapshots is read in the order of their times: from the manifest (``fetched``), otherwise from the file's
name (``2026-03-05T10-00-00Z``, ``20260305T100000Z``, ``20260305100000``), otherwise the file's own time. Snapshots of
one feed have the same URL in the manifest, or names that differ only in the time. As in a poll, the items of the first
of several are ``backfill``, and an unchanged item is not returned again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.archives.items import ArchiveItem, moment, source_of
from connectors.archives.read import FEED, MANIFEST, ManifestLine, feed_in, kind_of, read_manifest, read_path, unfit
from connectors.feeds.article import raw_article
from connectors.feeds.identity import matched, read_marks
from core.errors import FeedError, InputError

_TIME = re.compile(
    r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[-:_.]?(\d\d)(?:[-:_.]?(\d\d))?(?:[.,](\d{1,6}))?Z?(?!\d)",
    re.IGNORECASE,
)


class _Snapshot(NamedTuple):
    taken_at: datetime
    name: str
    path: Path
    feed: str
    listed: bool


class HistoryReader:
    """The items of a path. ``repeats``: the number of unchanged items in snapshots, valid once everything is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.repeats = 0

    def items(self) -> Iterator[ArchiveItem]:
        """All items, snapshots last. Raises UsageError if there is no such path."""
        snapshots = self._snapshots() if self._path.is_dir() else []
        if len(snapshots) < 2:
            yield from read_path(self._path)
            return
        yield from read_path(self._path, leave_out=frozenset(one.name for one in snapshots))
        counts = Counter(one.feed for one in snapshots)
        held: dict[str, dict[str, str]] = {}
        for one in snapshots:
            first = counts[one.feed] > 1 and one.feed not in held
            yield from self._read(one, held.setdefault(one.feed, {}), first=first)

    def _snapshots(self) -> list[_Snapshot]:
        listed = {item.file: item for item in read_manifest(self._path / MANIFEST) if isinstance(item, ManifestLine)}
        found = []
        for path in self._path.rglob("*"):
            name = path.relative_to(self._path).as_posix()
            if path.name.startswith(".") or path.is_dir() or kind_of(path) != FEED:
                continue
            if unfit(path, self._path):
                # ``read_path`` reports why.
                continue
            try:
                found.append(_snapshot(path, name, listed.get(name)))
            except (OSError, InputError):
                # ``read_path`` reports what is wrong with it.
                continue
        return sorted(found)

    def _read(self, one: _Snapshot, held: dict[str, str], *, first: bool) -> Iterator[ArchiveItem]:
        try:
            feed = feed_in(one.path, one.name, one.feed if one.listed else None)
        except (InputError, FeedError) as error:
            yield ArchiveItem(one.name, problem=error.problem)
            return
        except OSError as error:
            yield ArchiveItem(one.name, problem=f"unreadable: {error.strerror or error}")
            return
        before = dict(held)
        held.clear()
        about = {key: read_marks(digest) for key, digest in before.items()}
        for number, match in enumerate(matched(about, feed.items), start=1):
            item = match.item
            digest = held[item.key] = str(match.marks)
            if before.get(item.key) == digest:
                self.repeats += 1
                continue
            raw = raw_article(
                item,
                None,
                source=source_of(item.url),
                feed_url=one.feed if one.listed else f"file:{one.feed}",
                language=feed.language,
                backfill=first,
                now=one.taken_at,
            )
            yield ArchiveItem(f"{one.name}#{number}", raw=raw)


def _snapshot(path: Path, name: str, line: ManifestLine | None) -> _Snapshot:
    taken_at = time_in(path.name) or datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    if line is not None and line.fetched:
        taken_at = moment(line.fetched, name)
    feed = line.url if line is not None else _TIME.sub("*", name)
    return _Snapshot(taken_at, name, path, feed, line is not None)


def time_in(name: str) -> datetime | None:
    """The time in a file's name, UTC; None if there is none."""
    found = _TIME.search(name)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
