"""The aliases of articles in the store: addresses whose records belong to the article of another address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from core.store.engine import Store, chunks
from core.store.tables import article_aliases
from pipeline.ledger.base import Base, known
from pipeline.stories.stage import Decided


def read_aliases(connection: sa.Connection, run: str, base: Base | None, ids: Collection[str]) -> dict[str, str]:
    """What the run may know of these addresses and articles: alias → article."""
    c = article_aliases.c
    found: dict[str, str] = {}
    for part in chunks(sorted(set(ids))):
        # One statement, with one part per index.
        parts = [
            sa.select(c.alias, c.article, sa.literal_column(str(age)).label("age")).where(mine, column.in_(part))
            for age, mine in enumerate(known(run, base, article_aliases))
            for column in (c.alias, c.article)
        ]
        rows = connection.execute(sa.union_all(*parts).order_by("age"))
        found |= {row.alias: row.article for row in rows}
    return found


def write_aliases(store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided]) -> None:
    """Store the aliases that a bundle found, in the caller's transaction."""
    rows = [
        {"run": run, "alias": alias.alias, "article": alias.article, "place": one.key.sortable()}
        for one in decided
        for alias in one.aliases
    ]
    if rows:
        store.insert_new(connection, article_aliases, rows)


def forget_aliases(connection: sa.Connection, run: str, articles: Collection[str]) -> int:
    """Delete the aliases of deleted articles, in the caller's transaction. Returns the number of deleted rows."""
    c = article_aliases.c
    mine = (c.run == run) & c.article.in_(sorted(articles))
    return connection.execute(article_aliases.delete().where(mine)).rowcount


def one_article(connection: sa.Connection, runs: Iterable[str], address: str) -> list[str]:
    """The id of an address, and the ids of all addresses of the same article in one of the runs, sorted."""
    c = article_aliases.c
    names = sorted(runs)
    named = sa.select(c.article).where(c.run.in_(names), c.alias == address)
    articles = {address, *connection.execute(named).scalars()}
    others = sa.select(c.alias).where(c.run.in_(names), c.article.in_(sorted(articles)))
    return sorted({*articles, *connection.execute(others).scalars()})
