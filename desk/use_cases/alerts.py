"""What to do about an irrelevant alert: a narrower query, with the recent alerts it would have lost, or a mute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from core.common_words import common_words
from core.durations import DAY_MS, HOUR_MS
from core.errors import NotFound, UsageError
from core.query import document_of, parse
from core.query.filters import meets
from core.query.narrower_queries import Proposal, narrower_queries
from core.records import Alert, Article, Subscription
from core.saying import Said
from core.search import Filters, SearchIndex, Stopped, StoryHit, compare, filters_of, never
from core.store import Store, SubscriptionStore
from core.store import tables as t
from core.store.results import find_alert, find_article
from desk.alert_work import held_by, open_only
from desk.delivery.store.channels import Delivery, DeliveryRepository, Mute, MuteKind
from desk.language import gettext
from desk.live.run_reader import alert_cursor
from desk.people.accounts import By
from desk.use_cases.desk import Desk

DAYS = 30
MOST = 8
# Per proposal. The page waits for all proposals.
BUDGET_MS = 1_500.0
LOOKED_AT, EXAMPLES = 50, 5
OPEN_DAYS = 7
"""Days after which an unacknowledged alert leaves the list of open alerts, to keep it short. The list of all has it."""
AlertsShown = Literal["open", "mine", "all"]


class NarrowerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One narrower query. ``lost``: stories of the past days for which it would not have alerted, except this alert's own.

    ``lost_at_least``: only a part of the period was examined. ``examples``: some of the lost stories.
    """

    query: str
    change: Said
    kind: str
    lost: int
    lost_at_least: bool
    kept: int
    examples: tuple[StoryHit, ...] = ()


def proposals(
    index: SearchIndex,
    subscription: Subscription,
    alert: Alert,
    article: Article,
    *,
    now_ms: int,
    days: int = DAYS,
    stopped: Stopped = never,
) -> list[NarrowerQuery]:
    """Narrower queries that would not match ``article``: those that lose least first, then the smallest and most specific.

    Raises UsageError if the current subscription no longer matches the article, so that there is nothing to change.
    """
    document = document_of(article)
    if not meets(subscription, article):
        raise UsageError(
            gettext("subscription %(name)s no longer matches this article", name=repr(subscription.id)),
            hint=gettext("its query or filters have changed since, or the article has"),
        )
    narrower = narrower_queries(
        parse(subscription.query),
        document,
        title=article.title,
        source=article.source,
        common=common_words(article.language),
    )
    filters = filters_of(subscription)
    found = [
        _costed(index, subscription, one, alert, filters, now_ms, days, stopped)
        for one in _varied(narrower)
        if not stopped()
    ]
    # Stable: of two that lose equally many, the more specific one stays first.
    return sorted(found, key=lambda one: (one.lost, one.kind != "phrase"))[:MOST]


def not_relevant(
    store: Store,
    run: str,
    index: SearchIndex,
    identity: str,
    *,
    now_ms: int,
    days: int = DAYS,
    stopped: Stopped = never,
) -> tuple[Alert, Subscription, list[NarrowerQuery]]:
    """An alert (given by its id or the beginning of it), its current subscription, and narrower queries.

    Raises NotFound for an unknown alert, and UsageError, which says why, if there is no proposal.
    """
    alert = alert_with(store, run, identity)
    subscription = SubscriptionStore(store).newest(alert.subscription)
    if subscription is None or not subscription.active:
        raise UsageError(gettext("the subscription was removed"))
    article = find_article(store, run, alert.article)
    if article is None:
        raise UsageError(gettext("the article is not stored any more"))
    return (
        alert,
        subscription,
        proposals(index, subscription, alert, article, now_ms=now_ms, days=days, stopped=stopped),
    )


def alert_with(store: Store, run: str, identity: str) -> Alert:
    """The alert with an id, or with an id that begins so. Raises NotFound, and UsageError if several begin so."""
    found = find_alert(store, run, identity)
    if found is None:
        raise NotFound(
            gettext("there is no alert %(name)s", name=repr(identity)), hint="wirewatch tail --json shows their ids"
        )
    return found


class AlertCount(NamedTuple):
    """How many alerts a subscription raised, and the time of the latest."""

    number: int
    latest_ms: int


class AlertsPage(NamedTuple):
    """Alerts, newest first, with their deliveries. ``more``: the cursor of the next page, None at the end."""

    alerts: list[Alert]
    more: str | None


def alerts_page(
    desk: Desk,
    *,
    limit: int,
    subscription: str | None = None,
    story: str | None = None,
    before: str | None = None,
    show: AlertsShown = "all",
    person: str = "",
) -> AlertsPage:
    """A page of alerts: all, a subscription's, or a story's. ``before``: ``more`` of the previous page. Raises StoreError.

    ``show``: ``open`` for unacknowledged alerts of the past OPEN_DAYS, ``mine`` for those assigned to ``person`` (id).
    """
    since_ms = desk.clock_ms() - OPEN_DAYS * DAY_MS if show == "open" else None
    only = {"open": open_only(), "mine": held_by(person), "all": None}[show]
    rows = desk.reader.alerts(
        subscription=subscription, story=story, before=before, limit=limit + 1, since_ms=since_ms, only=only
    )
    more = alert_cursor(rows[limit - 1]) if len(rows) > limit else None
    return AlertsPage([row.alert for row in rows[:limit]], more)


def alert_counts(desk: Desk, *, since_ms: int) -> dict[str, AlertCount]:
    """Alert counts by subscription, for subscriptions that raised any since ``since_ms`` (event time)."""
    c = t.alerts.c
    query = sa.select(c.subscription, sa.func.count(), sa.func.max(c.place))
    query = query.where(c.run == desk.settings.run, c.place >= f"{since_ms:015d}").group_by(c.subscription)
    with desk.store.reading() as connection:
        return {row[0]: AlertCount(row[1], int(row[2][:15])) for row in connection.execute(query)}


def deliveries_of(desk: Desk, alerts: Iterable[Alert]) -> dict[str, list[Delivery]]:
    """The deliveries of alerts, by the alert's id."""
    return DeliveryRepository(desk.store).deliveries_of(one.id for one in alerts)


def mutes(desk: Desk) -> list[Mute]:
    """The mutes in force now."""
    return DeliveryRepository(desk.store).mutes(now_ms=desk.clock_ms())


def mute(desk: Desk, by: By, identity: str, kind: MuteKind, hours: int | None) -> Mute:
    """Stop sending an alert's story, or outlet, to its subscription's channels; the desk still shows it.

    ``hours`` None: until ``unmute``. Raises NotFound for an unknown alert.
    """
    one = alert_with(desk.store, desk.settings.run, identity)
    stored, now_ms = desk.queries.newest(one.subscription), desk.clock_ms()
    made = DeliveryRepository(desk.store).mute(
        Mute(
            kind=kind,
            value=one.story if kind == "story" else one.source,
            owner=stored.owner if stored is not None else by.person.name,
            subscription=one.subscription,
            until_ms=None if hours is None else now_ms + hours * HOUR_MS,
            muted_by=by.person.name,
            muted_ms=now_ms,
        )
    )
    desk.accounts.note(by, f"{kind} muted", made.subscription, made.value)
    return made


def unmute(desk: Desk, by: By, identity: str) -> None:
    """Remove a mute. Raises NotFound."""
    if not DeliveryRepository(desk.store).unmute(identity):
        raise NotFound(gettext("there is no such mute"))
    desk.accounts.note(by, "mute removed", identity)


def _varied(narrower: list[Proposal]) -> list[Proposal]:
    """At most 16 proposals, with some of each kind, since backtests are slow."""
    by_kind: dict[str, list[Proposal]] = {}
    for one in narrower:
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
    stopped: Stopped,
) -> NarrowerQuery:
    change = compare(
        index,
        subscription.query,
        one.query,
        now_ms - days * DAY_MS,
        now_ms + 1,
        filters=filters,
        budget_ms=BUDGET_MS,
        examples=LOOKED_AT,
        stopped=stopped,
    )
    # The alert's own story is meant to be lost. If more are lost than were examined, the count may include it.
    others = tuple(hit for hit in change.lost_examples if hit.story != alert.story)
    own = len(change.lost_examples) - len(others)
    return NarrowerQuery(
        query=one.query,
        change=one.change,
        kind=one.kind,
        lost=max(0, change.lost.value - own),
        lost_at_least=change.lost.certainty != "exact",
        kept=change.after.alerts.value,
        examples=others[:EXAMPLES],
    )
