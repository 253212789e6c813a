"""What happened to a URL: its feeds, raw records, article, topics, queries and alerts. Times are UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from connectors.feeds.items import FeedItem, build_items
from connectors.http.pacing import host_of
from connectors.store.feeds import FeedRepository
from connectors.store.polls import Poll, PollRepository
from connectors.store.rows import FeedRow, kind_of
from connectors.store.tables import feed_items
from core.errors import FailureKind, UsageError
from core.query import document_of, parse
from core.query.explain import Explanation, explain
from core.records import Article, Subscription, article_id, canonical_url, decode, from_ms
from core.records.without_text import MARK
from core.store import Store, StoredTopic, SubscriptionStore
from core.store import tables as t
from core.store.pruning_marks import pruned_of, stored_ms
from core.store.takedowns import Takedowns
from core.store.text_limits import text_limits_of
from core.topics import Tagger, load_topic

_EVERYTHING = -1_000_000.0
SHOWN_POLLS = 5
Kind = TypeVar("Kind", bound=msgspec.Struct)


class FeedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A feed of the URL's host, or one that listed it (``named``): its health and its last polls."""

    url: str
    source: str
    active: bool
    health: str
    problem: str | None
    problem_kind: FailureKind | None
    last_ok_at: datetime | None
    next_poll_at: datetime | None
    named: bool = False
    polls: tuple[Poll, ...] = ()


class ItemTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The URL as an item of a feed. ``status``: pending, done or failed. ``left_at``: when the feed stopped listing it."""

    feed: str
    status: str
    first_seen_at: datetime
    backfill: bool
    attempts: int
    problem: str | None = None
    problem_kind: FailureKind | None = None
    retry_at: datetime | None = None
    appended_at: datetime | None = None
    left_at: datetime | None = None


class EndTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One raw record and its outcome."""

    kind: str
    event_at: datetime | None
    seen_at: datetime | None
    position: str
    version: int | None = None
    late: bool = False
    stage: str | None = None
    reason: str | None = None


class TopicTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A topic in force then, with its score and threshold. ``score`` is 0 if none of its queries matched."""

    topic: str
    score: float
    threshold: float
    held: bool


class QueryTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription in force then. ``failed``: the innermost clauses that kept it from matching.

    ``alert``: the result if it matched. ``not_then``: why a subscription that was requested by id was not in force;
    ``explanation`` then shows how its query would have matched.
    """

    subscription: str
    version: int
    query: str
    held: bool
    failed: tuple[str, ...] = ()
    alert: str = ""
    not_then: str = ""
    explanation: Explanation | None = None


class ArticleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The stored article."""

    title: str
    version: int
    source: str
    fetched_at: datetime
    published_at: datetime | None
    published_flag: str | None
    modified_at: datetime | None
    authors: tuple[str, ...]
    origins: dict[str, str]
    text_from: str
    partial: bool
    wall: str | None
    text_chars: int
    text_gone: str | None
    language: str | None
    language_confidence: float
    language_decided_by: str
    story: str | None
    story_headline: str | None
    duplicate_of: str | None
    duplicate_title: str | None
    backfill: bool
    feed_url: str | None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a URL. ``describe`` adds ``verdict``, one sentence, and ``maybe``: possible reasons why it
    was never seen.
    """

    url: str
    id: str
    canonical: str
    run: str
    verdict: str = ""
    maybe: tuple[str, ...] = ()
    taken_down: str | None = None
    feeds: tuple[FeedTrace, ...] = ()
    items: tuple[ItemTrace, ...] = ()
    failed_pages: tuple[Poll, ...] = ()
    ends: tuple[EndTrace, ...] = ()
    article: ArticleTrace | None = None
    topics: tuple[TopicTrace, ...] = ()
    queries: tuple[QueryTrace, ...] = ()
    pruned: tuple[str, ...] = ()
    """What was pruned from the run, in words: the URL may have come earlier, or more often."""


class Tracer:
    """Traces URLs in one run. ``scope``: where its topics and subscriptions are stored."""

    def __init__(self, store: Store, run: str, *, scope: str) -> None:
        self._store, self._run, self._scope = store, run, scope

    def trace(self, url: str, *, explained: bool = False, asked: str = "") -> Trace:
        """Trace the article at ``url``. ``explained``: with every clause of every query.

        ``asked``: a subscription to include even if it was not in force for the article. Raises UsageError if no
        subscription ever had that id.
        """
        if asked and not SubscriptionStore(self._store, self._scope).history(asked):
            raise UsageError(f"there is no subscription {asked!r}", hint="wirewatch subscriptions list shows them")
        identity = self._identity(article_id(url))
        _, gone = Takedowns(self._store).check([identity, article_id(url)])
        article, ends = self._article(identity), self._ends(identity, url)
        rows = FeedRepository(self._store).listing()
        items = self._items(url)
        feeds = self._feeds(rows, url, {item.feed for item in items}, article)
        failed = PollRepository(self._store).about(url, limit=SHOWN_POLLS)
        return Trace(
            url=url,
            id=identity,
            canonical=canonical_url(url),
            run=self._run,
            taken_down=gone.get(identity) or gone.get(article_id(url)),
            feeds=feeds,
            items=tuple(items),
            failed_pages=tuple(failed),
            ends=tuple(ends),
            article=self._shown(article) if article else None,
            topics=self._topics(article) if article else (),
            queries=self._queries(article, explained=explained, asked=asked) if article else (),
            pruned=tuple(pruned_of(self._store, self._run).words()),
        )

    def _identity(self, address: str) -> str:
        """The id of the article with this address."""
        c = t.article_aliases.c
        with self._store.reading() as connection:
            query = sa.select(c.article).where(c.run == self._run, c.alias == address)
            return connection.execute(query).scalar() or address

    def _article(self, identity: str) -> Article | None:
        a = t.articles.c
        with self._store.reading() as connection:
            query = sa.select(a.record).where(a.run == self._run, a.id == identity)
            record = connection.execute(query).scalar()
        return decode(record.encode(), Article) if record else None

    def _ends(self, identity: str, url: str) -> list[EndTrace]:
        c = t.outcomes.c
        known = (c.run == self._run) & (c.article == identity)
        # A rejected record has no article, only its address.
        rejected = (c.run == self._run) & c.article.is_(None) & c.item.in_(sorted({url, url.rstrip("/"), f"{url}/"}))
        with self._store.reading() as connection:
            rows = [
                row
                for mine in (known, rejected)
                for row in connection.execute(
                    sa.select(t.outcomes, stored_ms(c.run, c.seq).label("stored_ms")).where(mine)
                )
            ]
        rows.sort(key=lambda row: row.place or "")
        return [
            EndTrace(
                kind=row.kind,
                event_at=from_ms(int(row.place[:15])) if row.place else None,
                seen_at=from_ms(row.stored_ms) if row.stored_ms else None,
                position=f"{row.stream}/{row.partition}/{row.first_offset}",
                version=row.version,
                late=row.late,
                stage=row.stage,
                reason=row.reason,
            )
            for row in rows
        ]

    def _items(self, url: str) -> list[ItemTrace]:
        # A feed's item is stored under a digest of its guid or link, and in full while it waits for its page.
        keys = {
            one.key for draft in ("", url) for one in build_items([FeedItem(key="", url=url, guid=draft or None)], url)
        }
        c = feed_items.c
        mine = c.key.in_(sorted(keys)) | c.item.contains(url, autoescape=True)
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(feed_items).where(mine).order_by(c.first_seen_at)).all()
        return [
            ItemTrace(
                feed=row.feed,
                status=row.status,
                first_seen_at=from_ms(row.first_seen_at),
                backfill=row.backfill,
                attempts=row.attempts,
                problem=row.problem,
                problem_kind=kind_of(row.problem_kind),
                retry_at=from_ms(row.retry_at) if row.retry_at and row.status == "pending" else None,
                appended_at=from_ms(row.done_at) if row.done_at else None,
                left_at=from_ms(row.left_at) if row.left_at else None,
            )
            for row in rows
        ]

    def _feeds(self, rows: list[FeedRow], url: str, named: set[str], article: Article | None) -> tuple[FeedTrace, ...]:
        host = _outlet(url)
        log = PollRepository(self._store)
        found = []
        for row in rows:
            brought = row.id in named or (article is not None and row.url == article.feed_url)
            if brought or _outlet(row.url) == host:
                polls = tuple(log.of(row.id, limit=SHOWN_POLLS))
                found.append(_taken_over(FeedTrace, row, named=brought, polls=polls))
        return tuple(found)

    def _shown(self, article: Article) -> ArticleTrace:
        a, s = t.articles.c, t.stories.c
        with self._store.reading() as connection:
            story = connection.execute(
                sa.select(s.headline).where(s.run == self._run, s.id == (article.story_id or ""))
            ).scalar()
            copied = connection.execute(
                sa.select(a.record).where(a.run == self._run, a.id == (article.duplicate_of or ""))
            ).scalar()
        return _taken_over(
            ArticleTrace,
            article,
            text_chars=len(article.text),
            text_gone=self._text_gone(article),
            story=article.story_id,
            story_headline=story,
            duplicate_title=decode(copied.encode(), Article).title if copied else None,
        )

    def _text_gone(self, article: Article) -> str | None:
        """Why the text is not stored."""
        if MARK not in article.marks:
            return None
        return text_limits_of(self._store).words(article.source, pruned_of(self._store, self._run).texts_ms)

    def _in_force(self, versions: Any, name: str, time_ms: int) -> list[Any]:
        newest: dict[str, Any] = {}
        for one in versions:
            if one.effective_from_ms <= time_ms:
                newest[getattr(one, name)] = one
        return [one for one in newest.values() if one.active]

    def _topics(self, article: Article) -> tuple[TopicTrace, ...]:
        queries = SubscriptionStore(self._store, self._scope).read(now_ms=0)
        found = []
        stored: list[StoredTopic] = self._in_force(queries.topics, "name", article.key.time_ms)
        for one in stored:
            try:
                topic = load_topic(one.definition, one.name)
            except UsageError:
                continue
            # Without a threshold to reach, the tagger returns any score.
            asked = Tagger([msgspec.structs.replace(topic, threshold=_EVERYTHING)])
            scores = [match.score for match in asked.tag(article.title, article.text, article.language)]
            held = any(match.topic == topic.name for match in article.topics)
            found.append(
                TopicTrace(topic=topic.name, score=max(scores, default=0.0), threshold=topic.threshold, held=held)
            )
        return tuple(sorted(found, key=lambda one: (-one.held, -one.score, one.topic)))

    def _not_then(self, asked: str, time_ms: int) -> tuple[Subscription, str]:
        """The version of ``asked`` to explain, and why it was not in force at the time."""
        versions = SubscriptionStore(self._store, self._scope).history(asked)[::-1]
        ended = [one for one in versions if one.effective_from_ms <= time_ms]
        if not ended:
            began = from_ms(versions[0].effective_from_ms)
            return versions[-1], f"it began {began:%Y-%m-%d %H:%M:%S} UTC, after this article"
        gone = from_ms(ended[-1].effective_from_ms)
        shown = next((one for one in reversed(ended) if one.active), ended[-1])
        return shown, f"it was removed {gone:%Y-%m-%d %H:%M:%S} UTC, before this article"

    def _queries(self, article: Article, *, explained: bool, asked: str = "") -> tuple[QueryTrace, ...]:
        document = document_of(article)
        queries = SubscriptionStore(self._store, self._scope).read(now_ms=0)
        matched = {match.subscription for match in article.subscriptions}
        stored: list[Subscription] = self._in_force(queries.subscriptions, "id", article.key.time_ms)
        not_then: dict[str, str] = {}
        if asked and asked not in {one.id for one in stored}:
            other, not_then[asked] = self._not_then(asked, article.key.time_ms)
            stored.append(other)
        found = []
        for one in stored:
            try:
                tree = explain(parse(one.query), document)
            except UsageError as error:
                found.append(
                    QueryTrace(
                        subscription=one.id, version=one.version, query=one.query, held=False, failed=(str(error),)
                    )
                )
                continue
            held = one.id in matched
            found.append(
                QueryTrace(
                    subscription=one.id,
                    version=one.version,
                    query=one.query,
                    held=held,
                    failed=()
                    if held or (one.id in not_then and tree.held)
                    else tuple(failed_clauses(tree)) or ("the subscription's filters",),
                    alert=self._alert(article, one.id) if held else "",
                    not_then=not_then.get(one.id, ""),
                    explanation=tree if explained else None,
                )
            )
        return tuple(sorted(found, key=lambda query: (-query.held, len(query.failed), query.subscription)))

    def _alert(self, article: Article, subscription: str) -> str:
        c = t.alerts.c
        with self._store.reading() as connection:
            query = sa.select(c.article).where(
                c.run == self._run, c.story == (article.story_id or ""), c.subscription == subscription
            )
            raised_by = set(connection.execute(query).scalars())
        if article.id in raised_by:
            return "alerted"
        if article.backfill:
            return "no alert: the feed listed it when it was first polled"
        if raised_by:
            return "no alert of its own: its story had alerted this subscription already"
        return "no alert"


def _taken_over(kind: type[Kind], source: object, **others: Any) -> Kind:
    """A record with the fields of the same names in ``source``, except those in ``others``."""
    return kind(**{name: getattr(source, name) for name in kind.__struct_fields__ if name not in others}, **others)


def _outlet(url: str) -> str:
    host = host_of(url).lower().partition(":")[0]
    for prefix in ("www.", "feeds.", "rss.", "m.", "amp.", "mobile."):
        host = host.removeprefix(prefix)
    return host


def failed_clauses(tree: Explanation) -> Iterator[str]:
    """The innermost clauses that kept a query from matching, in query order: for AND those that failed, for OR all."""
    if tree.held:
        return
    if tree.undecided:
        yield f"{tree.clause} (not decided: takes more steps than allowed)"
        return
    if tree.kind == "Not":
        yield f"{tree.clause} (what it excludes was found)"
        return
    inner = [part for part in tree.parts if not part.held]
    if not inner or tree.kind in ("Near", "AtLeast", "Lead") or all(part.held for part in tree.parts):
        yield tree.clause
        return
    for part in inner:
        yield from failed_clauses(part)
