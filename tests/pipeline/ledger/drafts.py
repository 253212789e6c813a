"""A run's drafts, a ledger that fails when told to, and a run's results to compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.errors import StoreError
from core.records import Alert, SubscriptionMatch
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from pipeline.elements import Draft, Rejection
from pipeline.ledger.ledger import RunLedger, RunState, Stale
from pipeline.ledger.writer import RunWriter
from pipeline.stories.stage import Decided
from tests.pipeline.transforms.support import draft

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

    def __init__(self, store: Store, run: str, owner: str, plan: Sequence[str] = ()) -> None:
        super().__init__(store, run, owner)
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


def taken(store: Store, owner: str = "me", plan: Sequence[str] = ()) -> Flaky:
    ledger = Flaky(store, "live", owner, plan)
    ledger.take(kind="live", now_ms=0)
    return ledger


def writer(store: Store, owner: str = "me", plan: Sequence[str] = (), *, publish: bool = True) -> RunWriter:
    return RunWriter(taken(store, owner, plan), publish=publish)


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
