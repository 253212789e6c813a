"""What pruning removed from a run (``pipeline.ledger.pruning``): commands that read the past report it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from core.records import from_ms
from core.store import tables as t
from core.store.engine import Store

OUTCOMES, ARTICLES, COMMITS, TEXTS = "outcomes", "articles", "commits", "texts"


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """Times before which rows of a run are gone, in ms since the epoch; 0: none are.

    ``outcomes_ms`` and ``articles_ms`` are event times. Articles are pruned by story: a story with a record since then
    is complete. ``commits_ms`` is the wall clock: of earlier transactions, only the last of each minute is kept.
    ``first_ms``: the event time of the run's first record, if its outcome is gone. ``deletions`` rises whenever stories
    are pruned.

    ``texts_ms``: the event time as of which texts were last removed by their limits (``core.store.text_limits``); 0:
    never. ``texts_removed`` rises with every removal.
    """

    outcomes_ms: int = 0
    articles_ms: int = 0
    commits_ms: int = 0
    first_ms: int | None = None
    deletions: int = 0
    texts_ms: int = 0
    texts_removed: int = 0

    @property
    def whole_from_ms(self) -> int:
        """The event time from which nothing is gone that affects results: from here on, a replay gives the same."""
        return max(self.outcomes_ms, self.articles_ms)

    def words(self, what: str = "") -> Iterator[str]:
        """A line for each of outcomes and articles (or only for ``what``) if some are gone."""
        for name, moment in ((ARTICLES, self.articles_ms), (OUTCOMES, self.outcomes_ms)):
            if moment and what in ("", name):
                kind = "stories and articles" if name == ARTICLES else "outcomes of raw records"
                yield f"{kind} from before {from_ms(moment):%Y-%m-%d %H:%M} UTC were pruned"
        if self.texts_ms and what in ("", TEXTS):
            yield f"texts were removed by the limits of their outlets, as of {from_ms(self.texts_ms):%Y-%m-%d %H:%M} UTC"


def read_pruned(connection: sa.Connection, run: str) -> Pruned:
    """What was pruned from a run."""
    rows = {row.what: row for row in connection.execute(sa.select(t.pruned).where(t.pruned.c.run == run))}
    before = {name: int(rows[name].before_ms) if name in rows else 0 for name in (OUTCOMES, ARTICLES, COMMITS, TEXTS)}
    return Pruned(
        outcomes_ms=before[OUTCOMES],
        articles_ms=before[ARTICLES],
        commits_ms=before[COMMITS],
        first_ms=rows[OUTCOMES].first_ms if OUTCOMES in rows else None,
        deletions=int(rows[ARTICLES].upto) if ARTICLES in rows else 0,
        texts_ms=before[TEXTS],
        texts_removed=int(rows[TEXTS].upto) if TEXTS in rows else 0,
    )


def pruned_of(store: Store, run: str) -> Pruned:
    """Like ``read_pruned``, in its own transaction. Raises StoreError."""
    with store.reading() as connection:
        return read_pruned(connection, run)


def stored_ms(run: sa.ColumnElement[str], seq: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    """When the transaction ``seq`` of a run was stored, as a SQL column; to the minute if it was long ago.

    It is the first remaining one from ``seq`` on: a takedown also raises the seq, without a transaction of results.
    """
    c = t.commits.alias().c
    return sa.select(c.stored_ms).where(c.run == run, c.seq >= seq).order_by(c.seq).limit(1).scalar_subquery()
