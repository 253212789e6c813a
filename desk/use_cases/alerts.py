"""What to do about an alert that is not relevant: a narrower query, with what it would have cost lately, or a mute."""

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
# Per proposal: a desk waits for all of them.
BUDGET_MS = 1_500.0
LOOKED_AT, EXAMPLES = 50, 5
OPEN_DAYS = 7
"""What is not acknowledged by then leaves the list of open alerts, which so stays short to read; all alerts has it."""
AlertsShown = Literal["open", "mine", "all"]


class NarrowerQuery(msgspec.Struct, frozen=True, kw_only=True):
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
    """Narrower queries that would not have met ``article``, those that lose least first, then the smallest and most specific.

    Raises UsageError if the subscription, as it is now, doesn't meet the article any more: there is nothing to change.
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
    # Stable: of two that lose as much, the more specific one stays in front.
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
    """An alert (its id or the first characters), its subscription as it is now, and narrower queries.

    Raises NotFound for an unknown alert, UsageError if nothing can be proposed: the message says why.
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
    """The alert of an id or its first characters. Raises NotFound, UsageError if several begin so."""
    found = find_alert(store, run, identity)
    if found is None:
        raise NotFound(
            gettext("there is no alert %(name)s", name=repr(identity)), hint="wirewatch tail --json shows their ids"
        )
    return found


class AlertCount(NamedTuple):
    """How many alerts a subscription raised, and when the latest."""

    number: int
    latest_ms: int


class AlertsPage(NamedTuple):
    """Alerts, newest first, with what became of each on its channels. ``more``: where the next page begins, None at the end."""

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
    """A page of alerts: all, or a subscription's, or a story's; ``before``: ``more`` of the page above. Raises StoreError.

    ``show``: ``open`` for those of the past OPEN_DAYS that are not acknowledged, ``mine`` for those assigned to ``person``
    (id).
    """
    since_ms = desk.clock_ms() - OPEN_DAYS * DAY_MS if show == "open" else None
    only = {"open": open_only(), "mine": held_by(person), "all": None}[show]
    rows = desk.reader.alerts(
        subscription=subscription, story=story, before=before, limit=limit + 1, since_ms=since_ms, only=only
    )
    more = alert_cursor(rows[limit - 1]) if len(rows) > limit else None
    return AlertsPage([row.alert for row in rows[:limit]], more)


def alert_counts(desk: Desk, *, since_ms: int) -> dict[str, AlertCount]:
    """For each subscription that raised any since a moment (event time)."""
    c = t.alerts.c
    query = sa.select(c.subscription, sa.func.count(), sa.func.max(c.place))
    query = query.where(c.run == desk.settings.run, c.place >= f"{since_ms:015d}").group_by(c.subscription)
    with desk.store.reading() as connection:
        return {row[0]: AlertCount(row[1], int(row[2][:15])) for row in connection.execute(query)}


def deliveries_of(desk: Desk, alerts: Iterable[Alert]) -> dict[str, list[Delivery]]:
    """What became of alerts on their channels, by the alert's id."""
    return DeliveryRepository(desk.store).deliveries_of(one.id for one in alerts)


def mutes(desk: Desk) -> list[Mute]:
    """The mutes that hold now."""
    return DeliveryRepository(desk.store).mutes(now_ms=desk.clock_ms())


def mute(desk: Desk, by: By, identity: str, kind: MuteKind, hours: int | None) -> Mute:
    """Send nothing more of an alert's story, or outlet, to the channels of its subscription; the desk goes on to see it.

    ``hours`` None: until it is taken back. Raises NotFound for an unknown alert.
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
    """Take a mute back. Raises NotFound."""
    if not DeliveryRepository(desk.store).unmute(identity):
        raise NotFound(gettext("there is no such mute"))
    desk.accounts.note(by, "mute taken back", identity)


def _varied(narrower: list[Proposal]) -> list[Proposal]:
    """At most 16, and of each kind some: backtests take their time."""
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
    # The alert's own story was to go; where more are lost than were looked at, it may be counted along.
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
