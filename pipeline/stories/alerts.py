"""Which alerts an article raises."""

from __future__ import annotations

from collections.abc import Container

from pipeline.records import Alert, Article, OrderKey, alert_id, from_ms

NEW_STORY = "story"


def raise_alerts(article: Article, key: OrderKey, raised: Container[str]) -> list[Alert]:
    """One alert for each subscription that the article meets and that its story has not alerted yet.

    ``article`` has its story. ``raised`` holds the ids of alerts that exist. Backfilled articles alert nobody; news after
    them in the same story does. Copies and new versions alert only where the story was silent for that subscription.
    """
    if article.backfill or article.story_id is None:
        return []
    alerts = []
    for match in article.subscriptions:
        identity = alert_id(match.subscription, article.story_id, NEW_STORY)
        if identity in raised:
            continue
        alerts.append(
            Alert(
                id=identity,
                run=article.position.run,
                subscription=match.subscription,
                subscription_version=match.version,
                story=article.story_id,
                article=article.id,
                reason=NEW_STORY,
                parameter="",
                raised_at=from_ms(key.time_ms),
                url=article.url,
                title=article.title,
                source=article.source,
                language=article.language,
                matches=match.matches,
                topics=tuple(topic.topic for topic in article.topics),
            )
        )
    return alerts
