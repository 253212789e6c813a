"""Compares two runs: the articles, topics, stories and alerts that only one of them has, or that differ.

Both are read in the order of their ids, so memory holds one page of each, however large the runs are. It compares the
same parts as "replay equals live" (``core.records.wire``), in the span of event time that both cover.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from core.records import Alert, Article, decode
from core.records.wire import project
from core.records.without_text import MARK, alert_without_text, without_text
from core.store import tables as t
from core.store.engine import Store
from core.store.pruning_marks import pruned_of
from pipeline.ledger.base import place_at
from pipeline.ledger.stories import story_of
from pipeline.replay.runs import ReplayRepository

PAGE = 200
LOST, GAINED, CHANGED = "lost", "gained", "changed"
T = TypeVar("T")


class TimeSpan(msgspec.Struct, frozen=True):
    """A span of event times, ms since the epoch, UTC: from ``from_ms`` (in) to ``to_ms`` (out)."""

    from_ms: int
    to_ms: int


class RecordChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``what``: article, topic, story, alert; ``how``: lost (only the first has it), gained, changed.

    ``fields`` are the names of what changed. ``before`` and ``after`` hold the records, None if the run has none.
    """

    what: str
    how: str
    id: str
    title: str
    fields: tuple[str, ...] = ()
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


def span_of(store: Store, first: str, second: str) -> TimeSpan:
    """The span that both runs cover, as far as neither was pruned: without limits, except for replays of a part."""
    replays = [found for name in (first, second) if (found := ReplayRepository(store).get(name))]
    begins = [*(one.from_ms for one in replays), *(pruned_of(store, name).articles_ms for name in (first, second))]
    return TimeSpan(max(begins), min((one.to_ms for one in replays), default=1 << 46))


def differences(store: Store, first: str, second: str, span: TimeSpan) -> Iterator[RecordChange]:
    """The differences from the first run to the second: articles with their topics, then stories, then alerts."""
    runs, inside = (first, second), (place_at(span.from_ms), place_at(span.to_ms))
    for article, other in _pairs(store, t.articles, runs, lambda row: decode(row.record.encode(), Article)):
        yield from _article_changes(article, other, inside)
    for pair in _pairs(store, t.stories, runs, story_of):
        # A story that continued after the span differs there.
        if all(story is None or span.from_ms <= story.last_ms < span.to_ms for story in pair):
            yield from _changes("story", pair, lambda story: story.headline, msgspec.to_builtins)
    place = t.alerts.c.place
    condition = (place >= inside[0]) & (place < inside[1])
    for alerts in _pairs(store, t.alerts, runs, lambda row: decode(row.record.encode(), Alert), condition):
        quoted = [one for one in alerts if one is not None]
        if any(one == alert_without_text(one) for one in quoted):
            alerts = tuple(None if one is None else alert_without_text(one) for one in alerts)  # type: ignore[assignment]
        yield from _changes("alert", alerts, lambda alert: f"{alert.subscription}: {alert.title}", project)


def _article_changes(before: Article | None, after: Article | None, inside: tuple[str, str]) -> Iterator[RecordChange]:
    """If one run's version is outside of the span, the two can't be compared."""
    if any(one is not None and MARK in one.marks for one in (before, after)):
        # Texts that a limit removed from one or both of them can't be compared.
        before, after = (None if one is None else without_text(one) for one in (before, after))
    within = [one is not None and inside[0] <= one.key.sortable() < inside[1] for one in (before, after)]
    if not any(within) or (before and after and not all(within)):
        return
    found = list(_changes("article", (before, after), lambda one: one.title, project))
    for change in found:
        for record in (change.before, change.after):
            (record or {}).pop("fingerprint", None)
        yield change
    if found:
        title = (after or before or found[0]).title
        had, has = ({topic.topic for topic in each.topics} if each else set[str]() for each in (before, after))
        for how, names in ((LOST, had - has), (GAINED, has - had)):
            for name in sorted(names):
                yield RecordChange(what="topic", how=how, id=found[0].id, title=f"{name}: {title}")


def _changes(
    what: str, pair: tuple[T | None, T | None], title: Callable[[T], str], shown: Callable[[T], dict[str, Any]]
) -> Iterator[RecordChange]:
    """The difference between two records of one id, or none."""
    before, after = (None if one is None else shown(one) for one in pair)
    if before == after:
        return
    either: Any = pair[1] if pair[1] is not None else pair[0]
    how = LOST if after is None else GAINED if before is None else CHANGED
    fields = [
        name for name in {**(before or {}), **(after or {})} if before and after and before.get(name) != after.get(name)
    ]
    yield RecordChange(
        what=what, how=how, id=either.id, title=title(either), fields=tuple(sorted(fields)), before=before, after=after
    )


def _pairs(
    store: Store,
    table: sa.Table,
    runs: tuple[str, str],
    make: Callable[[sa.Row[Any]], T],
    condition: sa.ColumnElement[bool] | None = None,
) -> Iterator[tuple[T | None, T | None]]:
    """Both runs' records in the order of ids, as pairs; None for a run that has none."""
    sides = [_rows(store, table, run, side, condition) for side, run in enumerate(runs)]
    for _, rows in groupby(heapq.merge(*sides, key=lambda one: one[:2]), key=lambda one: one[0]):
        found = {side: make(row) for _, side, row in rows}
        yield found.get(0), found.get(1)


def _rows(
    store: Store, table: sa.Table, run: str, side: int, condition: sa.ColumnElement[bool] | None
) -> Iterator[tuple[str, int, sa.Row[Any]]]:
    """(id, side, row) of one run in the order of ids, page by page."""
    after = ""
    while True:
        query = sa.select(table).where(table.c.run == run, table.c.id > after).order_by(table.c.id).limit(PAGE)
        if condition is not None:
            query = query.where(condition)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        yield from ((row.id, side, row) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1].id
