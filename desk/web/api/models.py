"""What the API answers with. Times are UTC; spans are code points (start in, end out) of ``title`` or ``text``."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from core.records import Alert, Article, Match, from_ms
from desk.live.reading import AlertRow, ArticleRow
from desk.views.cards import Card


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class MatchOut(BaseModel):
    """Matched words."""

    field: str
    start: int
    end: int
    text: str


class TopicOut(BaseModel):
    """A topic that an article belongs to."""

    topic: str
    score: float
    matches: list[MatchOut]


class SubscriptionMatchOut(BaseModel):
    """A subscription that an article meets."""

    subscription: str
    version: int
    matches: list[MatchOut]


class ArticleOut(BaseModel):
    """The current version of an article. ``published`` is the publisher's claim; ``received`` orders the run."""

    id: str
    url: str
    title: str
    text: str
    source: str
    language: str | None
    authors: list[str]
    summary: str | None
    published: datetime | None
    published_flag: str | None
    received: datetime
    version: int
    story: str | None
    duplicate_of: str | None
    origin: str | None
    backfill: bool
    topics: list[TopicOut]
    subscriptions: list[SubscriptionMatchOut]


class StoryOut(BaseModel):
    """A story. ``sources`` counts independent ones; ``articles`` all articles, ``copies`` those that repeat another's text.

    ``topics``, ``languages``, ``outlets``, ``countries`` and ``subscriptions`` are those of its newest articles.
    """

    id: str
    headline: str
    language: str | None
    first: datetime
    last: datetime
    sources: int
    articles: int
    copies: int
    change: str
    topics: list[str]
    languages: list[str]
    outlets: list[str]
    countries: list[str]
    subscriptions: list[str]


class AlertOut(BaseModel):
    """One subscription meeting news in one story."""

    id: str
    subscription: str
    subscription_version: int
    story: str
    article: str
    reason: str
    raised: datetime
    url: str
    title: str
    source: str
    language: str | None
    topics: list[str]
    matches: list[MatchOut]


class Articles(BaseModel):
    """A page. ``cursor``: give it back for the next one; null at the end."""

    items: list[ArticleOut]
    cursor: str | None


class Stories(BaseModel):
    """A page. With filters it may hold fewer than ``limit``, even none: go on while there is a cursor."""

    items: list[StoryOut]
    cursor: str | None


class Alerts(BaseModel):
    """A page. ``cursor``: give it back for the next one; null at the end."""

    items: list[AlertOut]
    cursor: str | None


def article_out(row: ArticleRow) -> ArticleOut:
    """An article as the API gives it."""
    one: Article = row.article
    return ArticleOut(
        id=one.id,
        url=one.url,
        title=one.title,
        text=one.text,
        source=one.source,
        language=one.language,
        authors=list(one.authors),
        summary=one.summary,
        published=one.published_at,
        published_flag=one.published_flag,
        received=from_ms(int(row.place[:15])),
        version=one.version,
        story=one.story_id,
        duplicate_of=one.duplicate_of,
        origin=one.origin,
        backfill=one.backfill,
        topics=[TopicOut(topic=t.topic, score=t.score, matches=_matches(t.matches)) for t in one.topics],
        subscriptions=[
            SubscriptionMatchOut(subscription=s.subscription, version=s.version, matches=_matches(s.matches))
            for s in one.subscriptions
        ],
    )


def story_out(card: Card) -> StoryOut:
    """A story as the API gives it."""
    return StoryOut(
        id=card.id,
        headline=card.title,
        language=card.language,
        first=from_ms(card.first_ms),
        last=from_ms(card.last_ms),
        sources=card.sources,
        articles=card.articles,
        copies=card.copies,
        change=card.change,
        topics=list(card.topics),
        languages=list(card.languages),
        outlets=list(card.outlets),
        countries=list(card.countries),
        subscriptions=list(card.subscriptions),
    )


def alert_out(row: AlertRow) -> AlertOut:
    """An alert as the API gives it."""
    one: Alert = row.alert
    return AlertOut(
        id=one.id,
        subscription=one.subscription,
        subscription_version=one.subscription_version,
        story=one.story,
        article=one.article,
        reason=one.reason,
        raised=one.raised_at,
        url=one.url,
        title=one.title,
        source=one.source,
        language=one.language,
        topics=list(one.topics),
        matches=_matches(one.matches),
    )


def _matches(matches: tuple[Match, ...]) -> list[MatchOut]:
    return [MatchOut(field=one.field, start=one.start, end=one.end, text=one.text) for one in matches]
