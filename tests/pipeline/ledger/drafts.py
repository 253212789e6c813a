"""A run's drafts, a ledger that fails when told to, records that end it, and a run's results to compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from msgspec.structs import replace

from core.errors import StoreError
from core.records import Alert, SubscriptionMatch
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from pipeline.elements import Draft, Rejection
from pipeline.ledger.base import Base, place_at
from pipeline.ledger.ledger import RunLedger, RunState, Stale
from pipeline.ledger.writer import RunWriter
from pipeline.stories.alerts import AlertRule
from pipeline.stories.stage import Decided, StoryStage
from tests.pipeline.transforms.support import draft

SET_ASIDE = Rejection("decide", "set_aside: the service ended several times while it was decided")
ANN, BOB = SubscriptionMatch("ann", 1), SubscriptionMatch("bob", 1)


def story(number: int) -> str:
    """A text of some 40 words, different for each number in nearly all of them."""
    return " ".join(f"word{number}x{place} of{number}" for place in range(20))


def day() -> list[Draft]:
    """Two dozen drafts in order: new articles, copies, versions, repeats, refusals, a backfill; with their alerts."""
    drafts = [draft(0, "https://a.example/0", text=story(0), subscriptions=(ANN,), backfill=True)]
    for number in range(1, 24):
        outlet, about = "abc"[number % 3], number % 5
        url = f"https://{outlet}.example/{about}"
        found = (ANN, BOB) if number % 4 == 0 else (ANN,) if number % 2 else ()
        if number % 7 == 6:
            drafts.append(draft(number, url, Rejection("clean", "no_text")))
        elif number % 11 == 10:
            drafts.append(draft(number, url, text=story(about) + f" changed {number}", subscriptions=found))
        else:
            drafts.append(draft(number, url, text=story(about), title=f"About {about}", subscriptions=found))
    return drafts


class Flaky(RunLedger):
    """A ledger whose next commits do as ``plan`` says: ``fail`` and ``lost`` (committed, but nobody learns), or ``""``."""

    def __init__(
        self, store: Store, run: str, owner: str, plan: Sequence[str] = (), *, base: Base | None = None
    ) -> None:
        super().__init__(store, run, owner, base=base)
        self.plan = list(plan)
        self.commits = 0

    def commit(self, state: RunState, decided: Sequence[Decided], alerts: Sequence[Alert], **options: Any) -> int:
        self.commits += 1
        how = self.plan.pop(0) if self.plan else ""
        if how == "fail":
            raise StoreError("the disk is full")
        if how == "stale":
            raise Stale("another was quicker")
        seq = super().commit(state, decided, alerts, **options)
        if how == "lost":
            raise StoreError("the connection was lost at the commit")
        return seq


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """A new store of its own file in ``folder``."""
    store = open_store(f"sqlite:///{folder}/store.db")
    try:
        yield store
    finally:
        store.close()


def taken(
    store: Store, owner: str = "me", plan: Sequence[str] = (), *, run: str = "live", base: Base | None = None
) -> Flaky:
    ledger = Flaky(store, run, owner, plan, base=base)
    ledger.take(kind="live", now_ms=0)
    return ledger


def writer(store: Store, owner: str = "me", plan: Sequence[str] = (), *, publish: bool = True) -> RunWriter:
    return RunWriter(taken(store, owner, plan), publish=publish)


def of_run(drafts: Sequence[Draft], run: str) -> list[Draft]:
    """The drafts of the same records in another run."""
    found = []
    for one in drafts:
        position = replace(one.position, run=run)
        article = one.article and replace(one.article, position=position)
        found.append(replace(one, position=position, article=article))
    return found


@contextmanager
def planted(poison: Collection[int], trap: Callable[[], object], *, alerts: bool = False) -> Iterator[None]:
    """Deciding a record at one of these offsets, or its alerts, calls ``trap`` first."""
    decide, alerts_of = StoryStage._decide, AlertRule.alerts_of

    def trapped_decide(self: StoryStage, draft: Draft, *args: Any, **options: Any) -> Any:
        if not alerts and draft.position.offset in poison:
            trap()
        return decide(self, draft, *args, **options)

    def trapped_alerts(self: AlertRule, article: Any, *args: Any, **options: Any) -> Any:
        if alerts and article.position.offset in poison:
            trap()
        return alerts_of(self, article, *args, **options)

    with patch.object(StoryStage, "_decide", trapped_decide), patch.object(AlertRule, "alerts_of", trapped_alerts):
        yield


@cache
def without(poison: frozenset[int] = frozenset(), problem: Rejection = SET_ASIDE) -> dict[str, Any]:
    """The results of one writer and one batch of the day, in which these were refused before they came here."""
    drafts = [
        draft(one.number, one.item, problem) if one.position.offset in poison and one.article is not None else one
        for one in day()
    ]
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store:
        writer(store).write(drafts)
        return results(store)


def ends(store: Store, run: str = "live", from_ms: int = 0) -> list[tuple[Any, ...]]:
    """How the run's records ended and what versions it has, from an event time on."""
    c, v = t.outcomes.c, t.versions.c
    columns = (c.first_offset, c.kind, c.article, c.version, c.stage, c.reason, c.place)
    with store.reading() as connection:
        outcomes = sa.select(*columns).where(c.run == run, c.place >= place_at(from_ms)).order_by(c.place)
        versions = sa.select(v.article, v.version, v.story, v.text, v.place).where(
            v.run == run, v.place >= place_at(from_ms)
        )
        rows = [*connection.execute(outcomes), *connection.execute(versions.order_by(v.place))]
    return [tuple(row) for row in rows]


def results(store: Store) -> dict[str, Any]:
    """All that the run came to, but for the numbers of its transactions."""
    reader = StoreReader(store, "live")
    with store.reading() as connection:
        stories = connection.execute(sa.select(t.stories).order_by(t.stories.c.id)).mappings().all()
        versions = connection.execute(sa.select(t.versions).order_by(t.versions.c.place)).mappings().all()
        outbox = connection.execute(sa.select(t.outbox.c.destination, t.outbox.c.key, t.outbox.c.payload)).all()
    return {
        "articles": list(reader.articles()),
        "alerts": list(reader.alerts()),
        "outcomes": list(reader.outcomes()),
        "stories": [{**row, "seq": 0} for row in stories],
        "versions": [{**row, "seq": 0} for row in versions],
        # Alerts stand behind the articles of their own transaction, so only what goes to one stream is in order.
        "outbox": {name: [row[1:] for row in outbox if row[0] == name] for name in sorted({row[0] for row in outbox})},
    }
