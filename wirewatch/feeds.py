"""What the command line and the desk do with feeds. ``ConnectorFeeds`` implements the desk's ``FeedPort``, since the
desk can't import connectors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from connectors.archives.items import source_of
from connectors.base import Source, Tools
from connectors.catalogue import load_catalogue
from connectors.feeds.discovery import FeedFinder, feeds_named
from connectors.feeds.items import ParsedFeed
from connectors.feeds.opml import Outline, parse_opml, write_opml
from connectors.feeds.parse import parse_feed
from connectors.feeds.verbatim import FeedEntry, feed_entries
from connectors.health import RECENT, Coverage, FeedHealth, coverage, judge
from connectors.http.answers import PRIVATE_HINT, without_credentials
from connectors.http.client import FEED_BYTES, Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from connectors.kinds import FEED, installed_kinds
from connectors.store.asked_pages import asked_again, feed_of
from connectors.store.feeds import FeedRepository, Outlets
from connectors.store.rows import FeedAbout
from core.charset import decode_body
from core.errors import FailureKind, FeedError, InputError, NotFound, UsageError
from core.net.guard import certain_refusal
from core.records import article_id, to_ms
from core.records.article import FeedCounts, FeedOutlet
from core.settings import Settings
from core.store import Store
from core.store.page_requests import PageRequest, PageRequests
from core.store.results import find_article
from desk.feed_port import WEB_FEED, CheckedFeed, CoverageView, DiscoveredFeed, FeedLine
from pipeline.ledger.walls import read_wall_counts
from wirewatch import console

MOST_LISTED = 10


class ConnectorFeeds:
    """The feeds of one store. Thread-safe: every discovery has its own client, and keeps the pause between requests."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store, self.state = settings, store, FeedRepository(store)
        self._outlets = Outlets(store)
        self._closing = threading.Event()

    def close(self) -> None:
        """Make running discoveries end soon."""
        self._closing.set()

    def outlets(self) -> list[FeedOutlet]:
        """See FeedPort."""
        return self._outlets.outlets()

    def counts(self) -> FeedCounts:
        """See FeedPort."""
        return self._outlets.counts()

    def health(self) -> tuple[Coverage, list[FeedHealth]]:
        """The health of all feeds, as totals and for each feed. Raises StoreError."""
        now, state = console.utc_now(), self.state
        facts, week, day = (
            state.facts(),
            state.seen_since(now - timedelta(days=7)),
            state.seen_since(now - timedelta(days=1)),
        )
        healths = [
            judge(row, facts[row.id], week.get(row.id, (0, 0)), day.get(row.id, (0, 0)), now)
            for row in state.listing()
            if row.id in facts
        ]
        walls = read_wall_counts(self._store, self._settings.run, to_ms(now - RECENT))
        return coverage(healths, walls, asked_again(self._store, self._settings.run)), healths

    def report(self) -> CoverageView:
        """See FeedPort."""
        whole, healths = self.health()
        same = [name for name in FeedLine.__struct_fields__ if name not in ("outlet", "last_new_ms")]
        lines = [
            FeedLine(
                outlet=one.outlet or one.source,
                last_new_ms=to_ms(one.last_new_at) if one.last_new_at else None,
                **{name: getattr(one, name) for name in same},
            )
            for one in healths
        ]
        return CoverageView(
            feeds=tuple(lines),
            states=whole.states,
            countries=whole.countries,
            languages=whole.languages,
            risks=whole.risks,
            walls=whole.walls,
            again=whole.again,
        )

    def shown(self, url: str) -> str:
        """See FeedPort."""
        return without_credentials(_as_stored(url))

    def add(self, url: str, source: str = "", kind: str = WEB_FEED) -> bool:
        """See FeedPort."""
        address = self.state.kinds.of(kind).address(url)
        check_reachable(address, self._settings)
        return self.state.add(address, source or outlet_of(address, kind), console.utc_now(), kind=kind)

    def add_catalogue(self, topics: Sequence[str] = ()) -> tuple[int, int]:
        """See FeedPort."""
        chosen = load_catalogue().chosen(topics)
        new = sum(self.state.add(feed.url, feed.source, console.utc_now(), feed.about()) for feed in chosen)
        return new, len(chosen)

    def check(self, urls: Sequence[str] = (), *, every: bool = False) -> Iterator[CheckedFeed]:
        """See FeedPort."""
        rows = [row for row in self.state.listing() if row.active]
        asked = set(map(self.shown, urls))
        if missing := sorted(asked - {row.url for row in rows}):
            raise InputError(missing[0], "no such feed", hint="wirewatch feed list shows them")
        wanted = [row for row in rows if (row.url in asked if urls else every or row.verified_at is None)]
        pacing = HostPacing(self._settings.host_gap_s)
        with Http.of_settings(self._settings) as http:
            for row in wanted:
                while not pacing.take(row.url, now := console.utc_now()):
                    if self._closing.wait(max((pacing.free_at(row.url) - now).total_seconds(), 0.01)):
                        return
                error, items = self._asked(self.state.source(row.id), http)
                if error is None:
                    self.state.verified(row.id, console.utc_now())
                else:
                    self.state.unreadable(row.id, error.problem, error.kind)
                yield CheckedFeed(url=row.url, problem=error.problem if error else None, items=items)

    def _asked(self, source: Source, http: Http) -> tuple[FeedError | None, int]:
        """Fetch a feed, or poll a source of another kind as if for the first time; stores nothing."""
        try:
            if source.kind == FEED:
                feed = read_feed(http, source.url)[1]
                return None, len(feed.items) or len(feed.children)
            now = console.utc_now()
            tools = Tools(
                settings=self._settings, http=http, pacing=HostPacing(0.0), robots=None, clock=console.utc_now
            )
            result = self.state.kinds.of(source.kind).open(source, tools).poll(None, now)
        except FeedError as error:
            return error, 0
        except Exception as error:
            # Another package's code: whatever it raises counts as a problem of this source.
            return FeedError(source.url, f"internal error: {error}", kind=FailureKind.INTERNAL), 0
        return result.error, result.report.new or len(result.items)

    def remove(self, url: str) -> bool:
        """See FeedPort."""
        return self.state.remove(_as_stored(url))

    def ask_again(self, url: str) -> None:
        """See FeedPort."""
        run = self._settings.run
        article = find_article(self._store, run, article_id(url))
        feed_url = article.feed_url if article is not None else None
        if feed_url is None and (feed_url := feed_of(self._store, url)) is None:
            raise NotFound(f"{url}: no watched feed is known to have listed this page", hint=f"wirewatch trace {url}")
        one = PageRequest(
            article=article_id(url),
            url=article.url if article is not None else url,
            feed_url=feed_url,
            title=article.title if article is not None else None,
            backfill=article.backfill if article is not None else True,
        )
        PageRequests(self._store, run).add(one, console.now_ms())

    def find(self, url: str) -> Iterator[DiscoveredFeed]:
        """See FeedPort."""
        yield from find(self._settings, url, self._closing)

    def import_opml(self, body: bytes, name: str, most: int | None = None) -> tuple[int, int, Sequence[str]]:
        """See FeedPort."""
        listed, now = parse_opml(body, name), console.utc_now()
        if most is not None and len(listed.outlines) > most:
            many = f"{len(listed.outlines):,} feeds; at most {most:,} can be imported at once"
            raise InputError(name, many, hint="wirewatch feed import has no such limit")
        new, taken, notes = 0, 0, list(listed.notes)
        for one in listed.outlines:
            about = FeedAbout(outlet=one.title, language=one.language)
            try:
                check_reachable(one.url, self._settings)
                new += self.state.add(one.url, one.source or source_of(one.url), now, about)
            except UsageError as error:
                notes.append(f"left out: {error.message}")
            else:
                taken += 1
        return new, taken, notes

    def export_opml(self) -> str:
        """See FeedPort."""
        outlines = (
            Outline(
                url=row.url,
                title=row.about.outlet or row.title,
                folders=(row.about.country,) if row.about.country else (),
                language=row.about.language,
                source=row.source,
            )
            for row in self.state.listing()
            if row.active
        )
        return write_opml(outlines, "Wirewatch feeds")


def _as_stored(url: str) -> str:
    """An address as its kind stores it. An address that is not on the web stays as given: it is removed by the form
    that the list shows.
    """
    try:
        return installed_kinds().of(FEED).address(url)
    except UsageError:
        return url.strip()


class FoundAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch for a given address. ``remark``: a note about it for the person, if any."""

    url: str
    kind: str = FEED
    remark: str = ""

    @property
    def shown(self) -> str:
        """The address without user name and password."""
        return without_credentials(self.url)


def found_address(settings: Settings, given: str, *, unchecked: bool = False) -> FoundAddress:
    """What to watch for a person's input: an address, or KIND:ADDRESS for a source of another connector.

    Unless ``unchecked``, a web address is fetched once. Raises UsageError if it is not a feed and does not name exactly
    one.
    """
    kind, address = installed_kinds().choose(given)
    if kind != FEED or unchecked:
        return FoundAddress(url=address, kind=kind)
    with Http.of_settings(settings) as http:
        return look_up(http, address)


def check_reachable(address: str, settings: Settings) -> None:
    """Raise UsageError for a web address that every poll would refuse: one in a private network that is not allowed."""
    try:
        split = urlsplit(address)
        port = split.port or (443 if split.scheme == "https" else 80)
    except ValueError as error:
        raise UsageError(f"{without_credentials(address)}: not a valid address") from error
    if split.scheme not in ("http", "https") or not split.hostname:
        return
    if reason := certain_refusal(split.hostname, port, settings.allow_private):
        raise UsageError(
            f"{without_credentials(address)}: refused: the host is at a {reason} address", hint=PRIVATE_HINT
        )


def outlet_of(address: str, kind: str = FEED) -> str:
    """The id of the outlet, unless a person gives another: the host or, if the source is not on the web, the kind of
    connector.
    """
    return source_of(address) if "://" in address else kind


def feed_at(settings: Settings, place: str) -> tuple[ParsedFeed, tuple[FeedEntry, ...]]:
    """A feed from an address or file, and its entries in their order. Raises UsageError, InputError, FeedError."""
    if "://" in place:
        with Http.of_settings(settings) as http:
            answer, feed = read_feed(http, place)
        base = answer.url
    else:
        answer, base = Fetched(Path(place).name, 200, file_bytes(Path(place))), ""
        feed = parse_feed(answer.body, url=answer.url)
    return feed, feed_entries(answer.body, url=answer.url, base=base, content_type=answer.content_type)


def read_feed(http: Http, url: str) -> tuple[Fetched, ParsedFeed]:
    """Fetch a feed once. Raises FeedError."""
    answer = http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES)
    if isinstance(answer, Failure):
        raise answer.error()
    return answer, parse_feed(answer.body, url=answer.url, content_type=answer.content_type)


def file_bytes(path: Path) -> bytes:
    """The content of a file with a feed or list. Raises UsageError; InputError if it is too large."""
    try:
        with path.open("rb") as file:
            body = file.read(FEED_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(body) > FEED_BYTES:
        raise InputError(str(path), f"more than {FEED_BYTES >> 20} MiB")
    return body


def find(settings: Settings, url: str, stop: threading.Event) -> Iterator[DiscoveredFeed]:
    """Yields the feeds and news sitemaps of a site as they are found, until ``stop``; may take minutes. Raises
    WirewatchError.
    """
    installed_kinds().of(FEED).address(url)
    with Http.of_settings(settings) as http:
        pacing = HostPacing(settings.host_gap_s)
        for one in FeedFinder(http, pacing, clock=console.utc_now, wait=stop.wait).find(url):
            yield DiscoveredFeed(
                url=one.url,
                how=one.how,
                format=one.feed.format,
                title=one.feed.title,
                language=one.feed.language,
                items=len(one.feed.items) or len(one.feed.children),
                notes=one.feed.notes,
            )
            if stop.is_set():
                return


def look_up(http: Http, url: str) -> FoundAddress:
    """Fetch ``url`` once: the feed there, or the only feed that the page there names. Raises UsageError if there is
    neither.
    """
    found = judge_answer(url, http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES))
    if found.url != url:
        check_named(http.fetch(found.url, now=console.utc_now(), max_bytes=FEED_BYTES))
    return found


def judge_answer(url: str, answer: Fetched | Failure) -> FoundAddress:
    """The feed to watch, given the answer from ``url``. Raises UsageError if that is not a feed and does not name
    exactly one. Pure.

    A host that can't be reached now may answer later: the address is accepted, with a remark.
    """
    if isinstance(answer, Failure):
        failed = answer.error()
        if answer.kind in (FailureKind.URL, FailureKind.REFUSED):
            raise UsageError(f"{without_credentials(url)}: {failed.problem}", hint=failed.hint)
        return FoundAddress(
            url=url, remark=f"not checked: {failed.problem}" + (f" ({failed.hint})" if failed.hint else "")
        )
    try:
        parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        return _named(url, answer, error)
    return FoundAddress(url=url)


def check_named(answer: Fetched | Failure) -> None:
    """Raise UsageError unless the address that a page named is a feed. No person typed it, so it must certainly be one."""
    hint = "give the address of the feed itself"
    if isinstance(answer, Failure):
        raise UsageError(f"the page names one feed, {answer.url}: {answer.problem}", hint=hint)
    try:
        parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        raise UsageError(f"the page names one feed, {answer.url}: {error.problem}", hint=hint) from error


def _named(url: str, answer: Fetched, error: FeedError) -> FoundAddress:
    shown = without_credentials(url)
    if error.kind is not FailureKind.HTML:
        raise UsageError(f"{shown}: {error.problem}", hint="--unchecked adds it anyway") from error
    named = list(dict.fromkeys(feeds_named(decode_body(answer.body, answer.content_type).text, answer.url)))
    if not named:
        hint = f"wirewatch feed discover {shown} tries the usual addresses; --unchecked adds it anyway"
        raise UsageError(f"{shown}: an HTML page that names no feed", hint=hint) from error
    if len(named) > 1:
        listed = ", ".join(named[:MOST_LISTED]) + (" and more" if len(named) > MOST_LISTED else "")
        hint = f"add one of them; wirewatch feed discover {shown} shows what they contain"
        raise UsageError(f"{shown}: an HTML page that names {len(named)} feeds: {listed}", hint=hint) from error
    return FoundAddress(url=named[0], remark=f"{shown} is an HTML page; the feed that it names is added instead")
