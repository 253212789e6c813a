"""A connector of another package: a wire that drops articles as JSON Lines into a folder on this machine.

``wirewatch feed add wire:/var/wire`` polls ``/var/wire/*.jsonl``; each line is ``{"url", "title", "text", "published"?}``. What
is in the folder at first was there before Wirewatch watched it, so it is backfill; lines that are added later are news.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.base import PollReport, PollResult, Source, SourceFacts, StoredCursor, Tools
from core.errors import FailureKind, FeedError, UsageError
from core.records import RawArticle, from_ms, to_ms

PAUSE = timedelta(seconds=1)
MOST_LINES = 500


class Line(msgspec.Struct):
    """One article as the wire writes it."""

    url: str
    title: str
    text: str
    published: str | None = None


class WireCursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many bytes of each file were read, and how the last polls went."""

    read: dict[str, int] = {}
    watched: bool = False
    failures: int = 0
    problem: str | None = None
    ok_at_ms: int | None = None
    at_ms: int = 0


class WireConnector:
    """One folder."""

    def __init__(self, source: Source) -> None:
        self._source, self._folder = source, Path(source.url.removeprefix("wire:"))

    def poll(self, cursor: WireCursor | None, now: datetime) -> PollResult[WireCursor]:
        """Read what was added. See Connector.poll."""
        before = cursor or WireCursor()
        try:
            items, read = self._added(before, now)
        except OSError as error:
            problem = FeedError(self._source.url, f"can't be read: {error.strerror}", kind=FailureKind.OTHER)
            wait = PAUSE * 2 ** min(before.failures, 6)
            failed = msgspec.structs.replace(
                before, failures=before.failures + 1, problem=problem.problem, at_ms=to_ms(now)
            )
            return PollResult((), failed, now + wait, problem)
        after = WireCursor(read=read, watched=True, ok_at_ms=to_ms(now), at_ms=to_ms(now))
        return PollResult(items, after, now + PAUSE, report=PollReport(new=len(items), not_modified=not items))

    def _added(self, before: WireCursor, now: datetime) -> tuple[tuple[RawArticle, ...], dict[str, int]]:
        items: list[RawArticle] = []
        read = dict(before.read)
        if not self._folder.is_dir():
            raise FileNotFoundError(2, "there is no such folder")
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(read.get(path.name, 0))
                # A line without its end is still being written.
                while len(items) < MOST_LINES and (line := file.readline()).endswith(b"\n"):
                    read[path.name] = file.tell()
                    if article := self._article(line, backfill=not before.watched, now=now):
                        items.append(article)
        return tuple(items), read

    def _article(self, line: bytes, *, backfill: bool, now: datetime) -> RawArticle | None:
        try:
            given = msgspec.json.decode(line, type=Line)
        except msgspec.DecodeError:
            return None
        return RawArticle(
            url=given.url,
            source=self._source.outlet,
            fetched_at=now,
            title=given.title,
            text=given.text,
            published=given.published,
            feed_url=self._source.url,
            backfill=backfill,
        )


class WireKind:
    """See connectors.base.ConnectorKind."""

    schemes = ("wire",)

    def address(self, given: str) -> str:
        """A folder: ``wire:/var/wire``, absolute, since services have folders of their own."""
        folder = given.strip().removeprefix("wire:")
        if not folder.startswith("/") or "\0" in folder:
            raise UsageError(f"{given!r}: not a folder", hint="give it as wire:/folder")
        return f"wire:{Path(folder)}"

    def open(self, source: Source, tools: Tools) -> WireConnector:
        """The connector of a folder; it needs nothing of the network."""
        return WireConnector(source)

    def encode(self, cursor: WireCursor) -> StoredCursor:
        """As JSON."""
        return StoredCursor(msgspec.json.encode(cursor).decode())

    def decode(self, stored: StoredCursor) -> WireCursor:
        """Of JSON."""
        return msgspec.json.decode(stored.state, type=WireCursor)

    def facts(self, cursor: WireCursor) -> SourceFacts:
        """How it does, for ``wirewatch feed list`` and ``coverage``."""
        return SourceFacts(
            health="failing" if cursor.failures else "ok" if cursor.watched else "new",
            problem=cursor.problem,
            problem_kind=FailureKind.OTHER if cursor.problem else None,
            failures=cursor.failures,
            ok_at_ms=cursor.ok_at_ms,
            asked_ms=cursor.at_ms,
            title=f"Wire, last read {from_ms(cursor.at_ms):%Y-%m-%d}",
        )
