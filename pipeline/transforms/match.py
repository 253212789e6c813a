"""Tagging with topics and matching with stored queries, each in the version in force at the article's event time.

Free of Beam, because the processes that prepare drafts import it (``pipeline.transforms.record``).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import msgspec
import structlog

from core.clock import wall_ms
from core.errors import UsageError, WirewatchError
from core.query import Document, NotDecided, QueryIndex, parse, text_of
from core.query.filters import admits, effective_query
from core.records import Article, Subscription, SubscriptionMatch, TopicMatch
from core.records import canary as canaries
from core.store import Store, StoredTopic, SubscriptionStore, open_store
from core.topics import Tagger, Topic, load_topic
from pipeline.elements import Draft, Rejection
from pipeline.text.characters import normal_line
from pipeline.transforms.in_force import Freshness, LabelVersions, TopicVersions, Versions

log = structlog.get_logger()
MOST_MATCHES = 200
"""Matches of one subscription in one article. More would be stored with each article and alert, but never shown. A page of a
megabyte has 160,000 words, and a short wildcard may match each of them."""
_LOGGED_EACH = 1_000
"""A query that is left undecided is logged the first time and then once in this many, since it may happen on every article."""


def judged(draft: Draft, stage: str, judge: Callable[[Article], dict[str, Any]]) -> Draft:
    """The draft with the fields that ``judge`` adds to its article, or with a problem of this stage if that fails.

    An exception would fail the whole slice, or restart the job, again and again. Raises only WirewatchError (the store is
    unreachable, which is not the article's fault), and MemoryError, which may be due to the process.
    """
    if draft.article is None:
        return draft
    try:
        return msgspec.structs.replace(draft, article=msgspec.structs.replace(draft.article, **judge(draft.article)))
    except (WirewatchError, MemoryError):
        raise
    except Exception as error:
        log.exception("an article can't be judged; it is rejected", stage=stage, item=draft.item)
        why = normal_line(f"{stage}_failed: {type(error).__name__}: {str(error)[:200]}")
        return msgspec.structs.replace(draft, article=None, problem=Rejection(stage, why))


class Decision(NamedTuple):
    """The decisions of the stored queries on an article.

    ``labels``: the desk's labels of its outlet at its event time, sorted. ``undecided``: how many subscriptions in force were
    left undecided, since a decision takes too many steps.
    """

    subscriptions: tuple[SubscriptionMatch, ...] = ()
    labels: tuple[str, ...] = ()
    undecided: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of an article that it decides."""
        return {"subscriptions": self.subscriptions, "labels": self.labels}


class Matcher:
    """All versions of a scope's topics and subscriptions, refreshed before an article that is newer than the last read.

    The last read is never older than a second by ``monotonic`` (seconds), even if ``clock_ms`` (the wall clock) is set.
    Thread-safe: one lock, because an index belongs to one thread at a time.
    """

    def __init__(
        self, queries: SubscriptionStore, clock_ms: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._queries, self._fresh = queries, Freshness(queries, clock_ms, monotonic)
        self._lock = threading.Lock()
        self._topics = TopicVersions()
        self._subscriptions = Versions[Subscription]()
        self._labels = LabelVersions()
        self._parsed_topics: dict[tuple[str, int], Topic] = {}
        self._taggers: dict[tuple[tuple[str, int], ...], Tagger] = {}
        self._index = QueryIndex[tuple[str, int]]()
        self._canary = (canaries.SUBSCRIPTION.id, canaries.SUBSCRIPTION.version)
        self._index.add(self._canary, parse(canaries.SUBSCRIPTION.query))
        self._bad_topics: set[tuple[str, int]] = set()
        self._bad_queries: set[tuple[str, int]] = set()
        self._undecided = Counter[str]()

    @property
    def store(self) -> Store:
        """The store with the queries."""
        return self._queries.store

    def refresh(self, time_ms: int) -> None:
        """Load what an article of this event time is matched with. The time depends on the queries, not on the article."""
        with self._lock:
            self._refresh(time_ms)

    def topics_in_force(self, time_ms: int) -> str:
        """A digest of the topics that tag an article of this event time; equal for equal definitions."""
        with self._lock:
            self._refresh(time_ms)
            return self._topics.digest(time_ms)

    def topics_of(self, article: Article, document: Document | None = None) -> tuple[TopicMatch, ...]:
        """The article's topics, among those in force at its event time. Leaves out topics that can't be parsed.

        ``document``: its ``text_of``, if the caller has it, so that its words are segmented once for topics and subscriptions.
        """
        with self._lock:
            self._refresh(article.key.time_ms)
            key = self._tagging(article.key.time_ms)
            if key not in self._taggers:
                self._taggers[key] = Tagger(self._parsed_topics[name] for name in key)
            return tuple(self._taggers[key].tag(article.title, article.text, article.language, document))

    def _tagging(self, time_ms: int) -> tuple[tuple[str, int], ...]:
        """Name and version of each topic in force that can be parsed, sorted."""
        names = ((topic.name, topic.version) for topic in self._topics.in_force(time_ms))
        return tuple(sorted(name for name in names if name in self._parsed_topics))

    def subscriptions_of(self, article: Article) -> tuple[SubscriptionMatch, ...]:
        """The matching subscriptions among those in force at the article's event time, sorted by id. Logs those that fail."""
        return self.decided_of(article).subscriptions

    def decided_of(self, article: Article, document: Document | None = None) -> Decision:
        """``subscriptions_of`` with the other decisions. ``document``: as in ``topics_of``."""
        with self._lock:
            self._refresh(article.key.time_ms)
            labels = self._labels.of(article.source, article.key.time_ms)
            if len(self._index) == 1 and not canaries.is_canary(article.url):
                # Only the canary's own query exists, so the words need not be segmented.
                return Decision(labels=labels)
            document = (text_of(article) if document is None else document).of(article, labels)
            result = self._index.decide(document)
            for failure in result.failures:
                if not isinstance(failure.error, NotDecided):
                    log.error("a stored query failed", query=failure.id, article=article.id, error=str(failure.error))
            if canaries.is_canary(article.url):
                # It counts only for the reserved subscription, whatever other queries match.
                if self._canary not in result.matching:
                    return Decision(labels=labels)
                own = SubscriptionMatch(*self._canary, self._index.spans(self._canary, document))
                return Decision((own,), labels)
            current = self._subscriptions.by_name(article.key.time_ms)
            undecided = [
                (identity, version)
                for identity, version in result.undecided
                if (held := current.get(identity)) is not None and held.version == version and held.state != "paused"
            ]
            self._log_undecided(undecided, article.id)
            found = (
                SubscriptionMatch(identity, version, self._index.spans((identity, version), document, MOST_MATCHES))
                for identity, version in result.matching
                if (held := current.get(identity)) is not None
                and held.version == version
                and held.state != "paused"
                and admits(held, article)
            )
            return Decision(tuple(sorted(found, key=lambda match: match.subscription)), labels, len(undecided))

    def _log_undecided(self, queries: Iterable[tuple[str, int]], article: str) -> None:
        for identity, version in queries:
            self._undecided[identity] += 1
            if (times := self._undecided[identity]) % _LOGGED_EACH == 1:
                log.warning(
                    "a stored query takes too many steps on an article; it counts as no match",
                    query=identity,
                    version=version,
                    article=article,
                    times=times,
                )

    def _refresh(self, time_ms: int) -> None:
        if (now_ms := self._fresh.ended_ms(time_ms)) is None:
            return
        queries = self._queries.read(now_ms=now_ms)
        for topic in queries.topics:
            self._load_topic(topic)
        for one in queries.subscriptions:
            self._load_subscription(one)
        self._topics = TopicVersions(queries.topics)
        self._subscriptions = Versions(queries.subscriptions, lambda one: one.id)
        self._labels = LabelVersions(queries.labels)
        self._taggers = {}
        self._fresh.loaded(queries)

    def _load_topic(self, topic: StoredTopic) -> None:
        name = (topic.name, topic.version)
        if topic.active and name not in self._parsed_topics and name not in self._bad_topics:
            try:
                self._parsed_topics[name] = load_topic(topic.definition, topic.name)
            except UsageError as error:
                self._bad_topics.add(name)
                log.warning("a stored topic can't be read", topic=topic.name, version=topic.version, error=str(error))

    def _load_subscription(self, one: Subscription) -> None:
        name = (one.id, one.version)
        if one.active and name not in self._index and name not in self._bad_queries:
            try:
                self._index.add(name, effective_query(one))
            except UsageError as error:
                self._bad_queries.add(name)
                log.warning("a stored query does not parse", query=one.id, version=one.version, error=str(error))


@cache
def shared_matcher(store_url: str, scope: str) -> Matcher:
    """The process's only matcher for a scope, since loading the queries for every bundle would cost more than matching."""
    return Matcher(SubscriptionStore(open_store(store_url), scope), wall_ms)
