"""What to do about an alert that is not relevant: narrower queries, each with what it would have cost lately."""

from __future__ import annotations

import msgspec

from core.errors import UsageError
from core.query import document_of, parse
from core.query.filters import meets
from core.query.narrower_queries import Proposal, narrower_queries
from core.records import Alert, Article, Subscription
from core.search import Filters, SearchIndex, StoryHit, compare, filters_of

DAY_MS = 86_400_000
DAYS = 30
MOST = 8
# Per proposal: a desk waits for all of them.
BUDGET_MS = 1_500.0
LOOKED_AT, EXAMPLES = 50, 5


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One narrower query. ``lost``: stories of the past days that it would not have alerted, this alert's own left out.

    ``lost_at_least``: not all of the period was looked at. ``examples`` are some of the lost.
    """

    query: str
    change: str
    kind: str
    lost: int
    lost_at_least: bool
    kept: int
    examples: tuple[StoryHit, ...] = ()


def choices(
    index: SearchIndex, subscription: Subscription, alert: Alert, article: Article, *, now_ms: int, days: int = DAYS
) -> list[Choice]:
    """Narrower queries that would not have met ``article``, those that lose least first, then the smallest change.

    Raises UsageError where the subscription, as it is now, doesn't meet the article any more: there is nothing to change.
    """
    document = document_of(article)
    if not meets(subscription, article):
        raise UsageError(
            f"subscription {subscription.id!r} does not meet this article any more",
            hint="its query or filters were changed since, or the article was",
        )
    proposals = narrower_queries(parse(subscription.query), document, title=article.title, source=article.source)
    filters = filters_of(subscription)
    found = [_costed(index, subscription, one, alert, filters, now_ms, days) for one in _varied(proposals)]
    return sorted(found, key=lambda one: (one.lost, len(one.query)))[:MOST]


def _varied(proposals: list[Proposal]) -> list[Proposal]:
    """At most 16, and of each kind some: backtests take their time."""
    by_kind: dict[str, list[Proposal]] = {}
    for one in proposals:
        by_kind.setdefault(one.kind, []).append(one)
    return [one for several in by_kind.values() for one in several[: 6 if several[0].kind == "phrase" else 2]][:16]


def _costed(
    index: SearchIndex,
    subscription: Subscription,
    one: Proposal,
    alert: Alert,
    filters: Filters,
    now_ms: int,
    days: int,
) -> Choice:
    change = compare(
        index,
        subscription.query,
        one.query,
        now_ms - days * DAY_MS,
        now_ms + 1,
        filters=filters,
        budget_ms=BUDGET_MS,
        examples=LOOKED_AT,
    )
    # The alert's own story was to go; where more are lost than were looked at, it may be counted along.
    others = tuple(hit for hit in change.lost_examples if hit.story != alert.story)
    own = len(change.lost_examples) - len(others)
    return Choice(
        query=one.query,
        change=one.change,
        kind=one.kind,
        lost=max(0, change.lost.value - own),
        lost_at_least=change.lost.certainty != "exact",
        kept=change.after.alerts.value,
        examples=others[:EXAMPLES],
    )
