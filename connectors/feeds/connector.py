"""The connector for a feed: makes the requests; ``decide`` decides what to do.

::

    feed due? ─► fetch feed ─► parse ─► merge ──first list──► save, nothing appended yet
                                          │
                                          ▼
                        pending items ─► fetch pages (as pace and budget allow) ─► raw articles
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from connectors.base import PollReport, PollResult
from connectors.feeds import decide
from connectors.feeds.age import Past, ReadDate, with_dates
from connectors.feeds.article import raw_article
from connectors.feeds.cursor import FeedCursor, FeedFacts, ItemState
from connectors.feeds.items import FeedItem, ParsedFeed
from connectors.feeds.pages import PageRound, rest_host
from connectors.feeds.parse import parse_feed
from connectors.feeds.schedule import Listed
from connectors.http.answers import header_link, without_credentials
from connectors.http.client import FEED_BYTES, Failure, Fetched, Http
from connectors.http.pacing import HostPacing, host_of
from connectors.http.robots import Robots
from core.errors import FailureKind, FeedError
from core.records import RawArticle, from_ms, to_ms

_FEED_TYPES = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)

_SAME = Listed()
_MOST_PARTS = 500


class _Listing(NamedTuple):
    cursor: FeedCursor
    report: PollReport
    error: FeedError | None


class FeedConnector:
    """Polls the feed at ``url`` for the source ``source``.

    First poll: no items, only the list, with every item marked as backfill. It is saved before anything is appended, so
    that a crash in between can't turn news into backfill. Later polls return an article per new or changed item: its
    page as ``html``; if the page can't be fetched after a few attempts, the feed's own text as ``text`` or, without any
    text, a stub (``fetch_failed``). An item without an address gets an artificial one. ``stopwatch`` (seconds,
    monotonic) measures the time of polling. ``robots`` None: robots.txt is not checked. ``read_date`` reads dates that
    a feed's parser can't.
    """

    def __init__(
        self,
        url: str,
        source: str,
        http: Http,
        pacing: HostPacing,
        *,
        policy: decide.FeedPolicy | None = None,
        rng: random.Random | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        robots: Robots | None = None,
        read_date: ReadDate = lambda _claim, _language: None,
    ) -> None:
        self._url, self._source, self._http, self._pacing = url, source, http, pacing
        self._policy = policy or decide.FeedPolicy()
        self._rng = rng
        self._stopwatch, self._robots, self._read_date = stopwatch, robots, read_date

    def poll(self, cursor: FeedCursor | None, now: datetime) -> PollResult[FeedCursor]:
        """See Connector.poll. Takes at most ``poll_budget_s`` plus the time-out of one fetch."""
        began = self._stopwatch()

        def moment() -> datetime:
            return now + timedelta(seconds=self._stopwatch() - began)

        current = cursor or FeedCursor()
        report, error, pages = PollReport(), None, None
        if decide.pages_come_first(current.facts, current.items, to_ms(now)):
            pages = self._round(current, moment)
            articles = pages.collect()
            turn = replace(current.facts, page_turn=not pages.fetches)
            current = replace(current, items=pages.items, facts=turn)
        address = decide.feed_address(self._url, current.facts, to_ms(now), self._policy)
        may_list = current.facts.poll_at_ms <= to_ms(now) and not (pages and pages.fetches)
        if may_list and self._pacing.take(address, now):
            current, report, error = self._list(current, address, now)
            current = replace(current, facts=replace(current.facts, page_turn=True))
            if not (cursor and cursor.facts.listed):
                wake_at = now if decide.pending(current.items) else self._wake_at(current, now)
                return PollResult((), current, wake_at, error, _with_pending(report, current))
        if pages is None:
            pages = self._round(current, moment)
            articles = pages.collect()
            turn = replace(current.facts, page_turn=current.facts.page_turn and not pages.fetches)
            current = replace(current, items=pages.items, facts=turn)
        report = _with_pending(report, current, pages)
        return PollResult(tuple(articles), current, self._wake_at(current, now), error, report)

    def _round(self, cursor: FeedCursor, moment: Callable[[], datetime]) -> PageRound:
        return PageRound(
            cursor.items,
            http=self._http,
            pacing=self._pacing,
            policy=self._policy,
            make=partial(self._article, cursor.facts.language),
            moment=moment,
            robots=self._robots,
        )

    def _list(self, cursor: FeedCursor, address: str, now: datetime) -> _Listing:
        facts, now_ms = replace(cursor.facts, asked_ms=to_ms(now)), to_ms(now)
        cursor = replace(cursor, facts=facts)
        conditional = decide.asks_conditionally(facts, address, now_ms, self._policy)
        answer = self._http.fetch(
            address,
            now=now,
            accept=_FEED_TYPES,
            max_bytes=FEED_BYTES,
            etag=facts.etag if conditional else None,
            last_modified=facts.last_modified if conditional else None,
        )
        if not isinstance(answer, Failure) and host_of(answer.url) != host_of(address):
            # A redirect to another host was also a request to that host.
            self._pacing.take(answer.url, now)
        if isinstance(answer, Failure):
            rest_host(self._pacing, address, answer, now)
            return self._failed(cursor, answer.error(), now_ms, answer)
        if answer.not_modified and not (conditional and facts.listed):
            problem = "answers 304 (not modified) to an unconditional request"
            return self._failed(cursor, FeedError(answer.url, problem), now_ms, None)
        digest = hashlib.blake2b(answer.body, digest_size=16).hexdigest()
        if answer.not_modified or (facts.listed and digest == facts.body_digest):
            facts = self._learnt(facts, address, answer, now_ms, _SAME, conditional=conditional)
            return _Listing(replace(cursor, facts=facts), PollReport(not_modified=True), None)
        try:
            feed = parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
        except FeedError as error:
            return self._failed(cursor, error, now_ms, None)
        if feed.children:
            if address == facts.child:
                problem = "an index of indexes of sitemaps"
                return self._failed(cursor, FeedError(answer.url, problem, kind=FailureKind.NO_FEED), now_ms, None)
            return self._entered(cursor, feed, now_ms)
        part = hashlib.blake2b(address.encode(), digest_size=4).hexdigest() if address == facts.child else None
        merged = decide.merge(
            cursor.items,
            with_dates(feed.items, feed.language, self._read_date),
            first=not facts.listed,
            now_ms=now_ms,
            policy=self._policy,
            past=Past(facts.ok_at_ms, facts.newest_ms, facts.on_top, part is not None and part not in facts.parts),
            restless=facts.restless,
        )
        # Deferred items must come again, so the next response must not be a 304 or treated as unchanged.
        whole = not merged.deferred
        size = 0 if "sitemap" in feed.format else len(feed.items)
        listed = Listed(merged.new, merged.changed + merged.unchanged, size)
        facts = replace(
            self._learnt(facts, address, answer, now_ms, listed, conditional=conditional),
            listed=True,
            body_digest=digest if whole else None,
            title=feed.title,
            language=feed.language,
            hub=feed.hub or header_link(answer.link, "hub"),
            topic=feed.topic or header_link(answer.link, "self"),
            parts=(*(one for one in facts.parts if one != part), part)[-_MOST_PARTS:] if part else facts.parts,
            newest_ms=merged.newest_ms,
            on_top=merged.on_top,
            restless=merged.restless,
        )
        if feed.moved_to and address != facts.child and without_credentials(self._url) == self._url:
            facts = replace(facts, moved_to=feed.moved_to if feed.moved_to != self._url else None)
        if not whole:
            facts = replace(facts, etag=None, last_modified=None)
        report = PollReport(merged.new, merged.changed, merged.unchanged, merged.deferred)
        return _Listing(replace(cursor, facts=facts, items=merged.items), report, None)

    def _entered(self, cursor: FeedCursor, index: ParsedFeed, now_ms: int) -> _Listing:
        """Continue at once with the sitemap that the index leads to."""
        child = index.children[0]
        facts = replace(cursor.facts, child=child, child_ms=now_ms, poll_at_ms=now_ms, failures=0)
        return _Listing(replace(cursor, facts=facts), PollReport(), None)

    def _chance(self, now_ms: int) -> random.Random:
        # From the feed's address: the same in every process, different for each feed and poll.
        return self._rng or random.Random(f"{self._url} {now_ms}")

    def _learnt(
        self, facts: FeedFacts, address: str, answer: Fetched, now_ms: int, listed: Listed, *, conditional: bool
    ) -> FeedFacts:
        """Store facts from every good response: the feed's current address, and its validators."""
        facts = decide.feed_went_well(facts, now_ms, self._policy, self._chance(now_ms), listed)
        # A learnt address has no credentials, so a feed that needs these keeps its own.
        if address != facts.child:
            moved_to = answer.moved_to or (address if address != self._url else None)
            facts = replace(facts, moved_to=moved_to if without_credentials(self._url) == self._url else None)
        if answer.not_modified:
            return facts
        return replace(
            facts,
            etag=_header(answer.etag),
            last_modified=_header(answer.last_modified),
            full_at_ms=facts.full_at_ms if conditional else now_ms,
            checked_url=address,
        )

    def _failed(self, cursor: FeedCursor, error: FeedError, now_ms: int, failure: Failure | None) -> _Listing:
        facts = decide.feed_failed(cursor.facts, error, now_ms, self._policy, self._chance(now_ms), failure)
        return _Listing(replace(cursor, facts=facts), PollReport(), error)

    def _article(
        self, language: str | None, item: FeedItem, state: ItemState, page: Fetched | Failure | None, now: datetime
    ) -> RawArticle:
        return raw_article(
            item,
            page,
            source=self._source,
            feed_url=without_credentials(self._url),
            language=language,
            backfill=state.backfill,
            now=now,
        )

    def _wake_at(self, cursor: FeedCursor, now: datetime) -> datetime | None:
        address = decide.feed_address(self._url, cursor.facts, to_ms(now), self._policy)
        feed_free = self._pacing.free_at(address)
        times = [] if decide.retired(cursor.facts) else [max(from_ms(cursor.facts.poll_at_ms), feed_free)]
        for state in decide.pending(cursor.items).values():
            if state.item is not None:
                ready = from_ms(state.retry_at_ms)
                times.append(max(ready, self._pacing.free_at(state.item.url)) if state.item.fetchable else ready)
        return min(times, default=None)


def _with_pending(report: PollReport, cursor: FeedCursor, pages: PageRound | None = None) -> PollReport:
    return PollReport(
        new=report.new,
        changed=report.changed,
        unchanged=report.unchanged,
        deferred=report.deferred,
        pending=len(decide.pending(cursor.items)),
        not_modified=report.not_modified,
        page_failures=tuple(pages.failures) if pages else (),
        given_up=pages.given_up if pages else 0,
    )


def _header(value: str | None) -> str | None:
    """Keep a validator only if its length is reasonable, since it is stored and sent back."""
    return value if value and len(value) <= 1_000 and value.isprintable() else None
