"""Alerts as a work list: acknowledge, assign, mark as relevant or not; and the marks as examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from core.errors import NotFound
from core.records import Alert
from core.store import Store
from core.store.results import find_alert, find_article
from desk.alert_work import AlertDesk, AlertWork, MarkCounts
from desk.language import gettext
from desk.people.accounts import By
from desk.use_cases.alerts import alert_with
from desk.use_cases.desk import Desk
from desk.use_cases.shifts import people_of

RELEVANT: dict[str, bool | None] = {"yes": True, "no": False, "unmarked": None}
"""The names of marks on pages and in the API."""


class MarkedArticle(msgspec.Struct, frozen=True, kw_only=True):
    """An article of a marked alert. ``marked_ms``: ms, UTC."""

    alert: str
    subscription: str
    relevant: bool
    marked_by: str
    marked_ms: int
    article: str
    url: str
    title: str
    text: str
    language: str | None
    source: str
    topics: tuple[str, ...]


def alert_desk(desk: Desk) -> AlertDesk:
    """The work on alerts of the desk's run."""
    return AlertDesk(desk.store, desk.settings.run)


def acknowledge(desk: Desk, by: By, alerts: Sequence[str]) -> None:
    """Acknowledge these alerts (ids). Raises NotFound if one is unknown, and then acknowledges none."""
    for now in _kept(desk, by, alerts, state="acknowledged", holder=None, holder_name=""):
        desk.accounts.note(by, "alert acknowledged", now.subscription, now.alert)


def reopen(desk: Desk, by: By, alerts: Sequence[str]) -> None:
    """Make these alerts open again, without a holder. Raises NotFound."""
    for now in _kept(desk, by, alerts, state="open", holder=None, holder_name=""):
        desk.accounts.note(by, "alert reopened", now.subscription, now.alert)


def assign(desk: Desk, by: By, alerts: Sequence[str], person: str) -> None:
    """Assign these alerts to a person (id). Raises NotFound for an unknown alert or person."""
    name = people_of(desk, by.person).get(person)
    if name is None:
        raise NotFound(gettext("there is no such person"))
    for now in _kept(desk, by, alerts, state="assigned", holder=person, holder_name=name):
        desk.accounts.note(by, "alert assigned", now.subscription, f"{now.alert} to {name}")


def mark(desk: Desk, by: By, alert: str, *, relevant: bool | None) -> AlertWork:
    """Mark an alert as relevant or not (None removes the mark); the subscription does not change. Raises NotFound.

    An alert marked as not relevant is also acknowledged.
    """
    state = {} if relevant is not False else {"state": "acknowledged", "holder": None, "holder_name": ""}
    [made] = _kept(desk, by, [alert], relevant=relevant, **state)
    word = {True: "relevant", False: "not relevant", None: "neither"}[relevant]
    desk.accounts.note(by, "alert marked", made.subscription, f"{made.alert}: {word}")
    return made


def marks_of(desk: Desk, subscription: str) -> MarkCounts:
    """How many alerts of a subscription are marked as relevant, and how many as not relevant."""
    return alert_desk(desk).counts(subscription)


def marked_articles(store: Store, run: str, subscription: str) -> Iterator[MarkedArticle]:
    """The articles of a subscription's marked alerts, as stored now, the latest mark first.

    They are examples for fitting a topic or evaluating a query. Articles that are no longer stored are left out.
    """
    for one in AlertDesk(store, run).marked(subscription):
        alert = find_alert(store, run, one.alert)
        article = None if alert is None else find_article(store, run, alert.article)
        if article is None:
            continue
        yield MarkedArticle(
            alert=one.alert,
            subscription=one.subscription,
            relevant=bool(one.relevant),
            marked_by=one.by_name,
            marked_ms=one.changed_ms,
            article=article.id,
            url=article.url,
            title=article.title,
            text=article.text,
            language=article.language,
            source=article.source,
            topics=tuple(match.topic for match in article.topics),
        )


def by_story(alerts: Iterable[Alert]) -> list[list[Alert]]:
    """Alerts, newest first, grouped by story and subscription; groups are in the order of their newest alert. Pure."""
    grouped: dict[tuple[str, str], list[Alert]] = {}
    for one in alerts:
        grouped.setdefault((one.story, one.subscription), []).append(one)
    return list(grouped.values())


def _kept(desk: Desk, by: By, alerts: Sequence[str], **changes: object) -> list[AlertWork]:
    known = [alert_with(desk.store, desk.settings.run, identity) for identity in dict.fromkeys(alerts)]
    work = alert_desk(desk)
    before = work.of(one.id for one in known)
    made = [
        replace(
            before.get(one.id) or AlertWork(alert=one.id, subscription=one.subscription),
            by_name=by.person.name,
            changed_ms=desk.clock_ms(),
            **changes,
        )
        for one in known
    ]
    work.keep(made)
    return made
