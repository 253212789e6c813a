"""The part of records that stays when an article's text is removed: title, link, facts, who was alerted and why. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.records.alert import Alert
from core.records.article import Article, SubscriptionMatch, TopicMatch
from core.records.wire import decode, encode, to_ms

MARK = "text_removed"
"""In ``Article.marks`` of an article whose text was removed."""


def without_text(article: Article) -> Article:
    """The article without its text, extracts from it, and positions of matches in it."""
    return msgspec.structs.replace(
        article,
        text="",
        summary=None,
        topics=tuple(TopicMatch(one.topic, one.score) for one in article.topics),
        subscriptions=tuple(SubscriptionMatch(one.subscription, one.version) for one in article.subscriptions),
        marks=tuple(dict.fromkeys((*article.marks, MARK))),
    )


def alert_without_text(alert: Alert) -> Alert:
    """The alert without quotations: who was alerted to what, and why."""
    news = tuple(msgspec.structs.replace(one, text="") for one in alert.news)
    return msgspec.structs.replace(alert, matches=(), snippets=(), changes=(), news=news)


def stored_alert_without_text(record: str, gone: Callable[[str, int], bool]) -> str | None:
    """The alert as it is stored, without quotations; None if its text is kept: ``gone`` of its source and time says so."""
    alert = decode(record.encode(), Alert)
    return encode(alert_without_text(alert)).decode() if gone(alert.source, to_ms(alert.raised_at)) else None
