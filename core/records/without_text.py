"""What is kept of records whose article's text is removed: title, link, facts, who was alerted and why. Pure."""

from __future__ import annotations

import msgspec

from core.records.alert import Alert
from core.records.article import Article, SubscriptionMatch, TopicMatch

MARK = "text_removed"
"""``Article.marks`` of one whose text is gone."""


def without_text(article: Article) -> Article:
    """What is kept of an article: all but its text, what was cut from it, and where something matched in it."""
    return msgspec.structs.replace(
        article,
        text="",
        summary=None,
        topics=tuple(TopicMatch(one.topic, one.score) for one in article.topics),
        subscriptions=tuple(SubscriptionMatch(one.subscription, one.version) for one in article.subscriptions),
        marks=tuple(dict.fromkeys((*article.marks, MARK))),
    )


def alert_without_text(alert: Alert) -> Alert:
    """What is kept of an alert: who was alerted to what, and why, without quotations."""
    news = tuple(msgspec.structs.replace(one, text="") for one in alert.news)
    return msgspec.structs.replace(alert, matches=(), snippets=(), changes=(), news=news)
