"""Two runs side by side: the articles, topics, stories and alerts that only one of them has, or has otherwise.

Both are read in the order of their ids, so memory holds one page of each, however large the runs are. Compared is what "replay
equals live" compares (``core.records.wire``), in the span of event time that both cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from core.records import Alert, Article, decode
from core.records.wire import project
from core.store import tables as t
from core.store.engine import Store
from pipeline.ledger.base import place_at
from pipeline.replay.runs import ReplayRepository

PAGE = 200
T = TypeVar("T")


class Span(msgspec.Struct, frozen=True):
    """A span of event times, ms since the epoch, UTC: from ``from_ms`` (in) to ``to_ms`` (out)."""

    from_ms: int
    to_ms: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
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


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    headline: str
    first_ms: int
    last_ms: int
    articles: int
    copies: int
    sources: tuple[str, ...]


def span_of(store: Store, first: str, second: str) -> Span:
    """The span that both runs cover: without limits, except for replays of a part."""
    replays = [found for name in (first, second) if (found := ReplayRepository(store).get(name))]
    return Span(max((one.from_ms for one in replays), default=0), min((one.to_ms for one in replays), default=1 << 46))


def differences(store: Store, first: str, second: str, span: Span) -> Iterator[Change]:
    """The differences from the first run to the second: articles with their topics, then stories, then alerts."""
    inside = (place_at(span.from_ms), place_at(span.to_ms))
    yield from _articles(store, first, second, inside)
    for one in _joined(store, t.stories, (first, second), _story, None):
        # A story that went on after the span is a different one there.
        if all(story is None or span.from_ms <= story.last_ms < span.to_ms for story in one):
            yield from _plain("story", one, lambda story: story.headline, msgspec.to_builtins)
    for pair in _joined(store, t.alerts, (first, second), _alert, _place_span(t.alerts, inside)):
        yield from _plain("alert", pair, lambda alert: f"{alert.subscription}: {alert.title}", _shown_alert)


def _articles(store: Store, first: str, second: str, inside: tuple[str, str]) -> Iterator[Change]:
    """Articles with a version in the span; if one run's version is outside of it, the two can't be compared."""
    for before, after in _joined(store, t.articles, (first, second), _article, None):
        ours = [one for one in (before, after) if one is not None and _within(one, inside)]
        if not ours:
            continue
        if before is not None and after is not None:
            if len(ours) == 2:
                yield from _changed_article(before, after)
            continue
        yield _change("article", "lost" if before else "gained", before, after, lambda one: one.title, _shown)
        for topic in ours[0].topics:
            yield Change(
                what="topic", how="lost" if before else "gained", id=ours[0].id, title=f"{topic.topic}: {ours[0].title}"
            )


def _changed_article(before: Article, after: Article) -> Iterator[Change]:
    one, other = project(before), project(after)
    if one == other:
        return
    fields = tuple(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))
    yield Change(
        what="article",
        how="changed",
        id=after.id,
        title=after.title,
        fields=fields,
        before=_shown(before),
        after=_shown(after),
    )
    had, has = ({topic.topic for topic in each.topics} for each in (before, after))
    for how, names in (("lost", had - has), ("gained", has - had)):
        for name in sorted(names):
            yield Change(what="topic", how=how, id=after.id, title=f"{name}: {after.title}")


def _plain(
    what: str, pair: tuple[T | None, T | None], title: Callable[[T], str], shown: Callable[[T], dict[str, Any]]
) -> Iterator[Change]:
    before, after = pair
    if before is None or after is None:
        yield _change(what, "lost" if before is not None else "gained", before, after, title, shown)
        return
    one, other = shown(before), shown(after)
    if one != other:
        fields = tuple(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))
        yield msgspec.structs.replace(_change(what, "changed", before, after, title, shown), fields=fields)


def _change(
    what: str,
    how: str,
    before: T | None,
    after: T | None,
    title: Callable[[T], str],
    shown: Callable[[T], dict[str, Any]],
) -> Change:
    either: Any = before if before is not None else after
    return Change(
        what=what,
        how=how,
        id=either.id,
        title=title(either),
        before=None if before is None else shown(before),
        after=None if after is None else shown(after),
    )


def _joined(
    store: Store,
    table: sa.Table,
    runs: tuple[str, str],
    make: Callable[[sa.Row[Any]], T],
    condition: sa.ColumnElement[bool] | None,
) -> Iterator[tuple[T | None, T | None]]:
    """Both runs' records in the order of ids, as pairs; None for the run that has none."""
    left, right = (_Cursor(store, table, run, make, condition) for run in runs)
    while left.head is not None or right.head is not None:
        one, other = left.head, right.head
        take_left = one is not None and (other is None or one[0] <= other[0])
        take_right = other is not None and (one is None or other[0] <= one[0])
        yield (one[1] if one and take_left else None), (other[1] if other and take_right else None)
        if take_left:
            left.step()
        if take_right:
            right.step()


class _Cursor(Generic[T]):
    """One run's records by id, page by page."""

    def __init__(
        self,
        store: Store,
        table: sa.Table,
        run: str,
        make: Callable[[sa.Row[Any]], T],
        condition: sa.ColumnElement[bool] | None,
    ) -> None:
        self._rows = self._read(store, table, run, make, condition)
        self.head: tuple[str, T] | None = next(self._rows, None)

    def step(self) -> None:
        self.head = next(self._rows, None)

    @staticmethod
    def _read(
        store: Store,
        table: sa.Table,
        run: str,
        make: Callable[[sa.Row[Any]], T],
        condition: sa.ColumnElement[bool] | None,
    ) -> Iterator[tuple[str, T]]:
        after = ""
        while True:
            query = sa.select(table).where(table.c.run == run, table.c.id > after).order_by(table.c.id).limit(PAGE)
            if condition is not None:
                query = query.where(condition)
            with store.reading() as connection:
                rows = connection.execute(query).all()
            yield from ((row.id, make(row)) for row in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].id


def _place_span(table: sa.Table, inside: tuple[str, str]) -> sa.ColumnElement[bool]:
    return (table.c.place >= inside[0]) & (table.c.place < inside[1])


def _within(article: Article, inside: tuple[str, str]) -> bool:
    return inside[0] <= article.key.sortable() < inside[1]


def _article(row: sa.Row[Any]) -> Article:
    return decode(row.record.encode(), Article)


def _alert(row: sa.Row[Any]) -> Alert:
    return decode(row.record.encode(), Alert)


def _story(row: sa.Row[Any]) -> _Stored:
    fields = {name: getattr(row, name) for name in _Stored.__struct_fields__ if name != "sources"}
    return _Stored(**fields, sources=msgspec.json.decode(row.sources, type=tuple[str, ...]))


def _shown(article: Article) -> dict[str, Any]:
    return {name: value for name, value in project(article).items() if name != "fingerprint"}


def _shown_alert(alert: Alert) -> dict[str, Any]:
    return project(alert)
