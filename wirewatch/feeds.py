"""The connectors, as the desk's ``FeedPort``: the desk itself doesn't import them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

from connectors.archives.items import source_of
from connectors.discovery import FeedFinder
from connectors.feeds.opml import Outline, parse_opml, write_opml
from connectors.health import coverage, judge
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.store.outlets import Outlets
from connectors.store.state import FeedAbout, FeedState
from core.errors import UsageError
from core.records import to_ms
from core.records.article import FeedCounts, FeedOutlet
from core.settings import Settings
from core.store import Store
from desk.views.coverage import CoverageView, FeedLine, FoundFeed
from wirewatch.terminal import console


class Feeds:
    """The feeds of one store. Safe for threads: every discovery has a client of its own, at the hosts' pace."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._state = settings, FeedState(store.engine)
        self._outlets = Outlets(store)
        self._closing = threading.Event()

    def close(self) -> None:
        """Let discoveries under way end soon."""
        self._closing.set()

    def outlets(self) -> list[FeedOutlet]:
        """See FeedPort."""
        return self._outlets.outlets()

    def counts(self) -> FeedCounts:
        """See FeedPort."""
        return self._outlets.counts()

    def report(self) -> CoverageView:
        """See FeedPort."""
        now = console.utc_now()
        facts, state = self._state.facts(), self._state
        week, day = state.seen_since(now - timedelta(days=7)), state.seen_since(now - timedelta(days=1))
        healths = [
            judge(row, facts[row.id], week.get(row.id, (0, 0)), day.get(row.id, (0, 0)), now)
            for row in state.listing()
            if row.id in facts
        ]
        whole = coverage(healths)
        return CoverageView(
            feeds=tuple(
                FeedLine(
                    url=one.url,
                    source=one.source,
                    outlet=one.outlet or one.source,
                    state=one.state,
                    expected_per_day=one.expected_per_day,
                    seen_last_day=one.seen_last_day,
                    country=one.country,
                    language=one.language,
                    kind=one.kind,
                    problem=one.problem,
                    poll_every_s=one.poll_every_s,
                    last_new_ms=to_ms(one.last_new_at) if one.last_new_at else None,
                    risks=one.risks,
                )
                for one in healths
            ),
            states=whole.states,
            countries=whole.countries,
            languages=whole.languages,
            risks=whole.risks,
        )

    def add(self, url: str, source: str = "") -> bool:
        """See FeedPort."""
        _check(url)
        return self._state.add(url, source or source_of(url), console.utc_now())

    def remove(self, url: str) -> bool:
        """See FeedPort."""
        return self._state.remove(url)

    def find(self, url: str) -> Iterator[FoundFeed]:
        """See FeedPort."""
        _check(url)
        settings = self._settings
        with Http(
            contact=settings.contact or None, allow_private=settings.allow_private, proxy=settings.proxy or None
        ) as http:
            pacing = HostPacing(settings.host_gap_s)
            for one in FeedFinder(http, pacing, clock=console.utc_now, wait=self._closing.wait).find(url):
                yield FoundFeed(
                    url=one.url,
                    title=one.feed.title or "",
                    format=one.feed.format,
                    items=len(one.feed.items) or len(one.feed.children),
                    how=one.how,
                )
                if self._closing.is_set():
                    return

    def import_opml(self, body: bytes, name: str) -> tuple[int, int, Sequence[str]]:
        """See FeedPort."""
        listed, now = parse_opml(body, name), console.utc_now()
        new = sum(
            self._state.add(
                one.url, one.source or source_of(one.url), now, FeedAbout(outlet=one.title, language=one.language)
            )
            for one in listed.outlines
        )
        return new, len(listed.outlines), listed.notes

    def export_opml(self) -> str:
        """See FeedPort."""
        rows = [row for row in self._state.listing() if row.active]
        return write_opml(
            (
                Outline(
                    url=row.url,
                    title=row.about.outlet or row.title,
                    folders=(row.about.country,) if row.about.country else (),
                    language=row.about.language,
                    source=row.source,
                )
                for row in rows
            ),
            "Wirewatch feeds",
        )


def _check(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url or 'nothing'}: not an address", hint="give one that begins with http:// or https://")
