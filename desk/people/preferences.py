"""A person's own settings: the density of pages, and filtered views saved under a name.

Times are ms, UTC. Each call is one short transaction. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Table

from core.errors import NotFound, UsageError
from core.store.engine import Store
from core.store.metadata import SafeString, SafeText, metadata
from desk.language import N_, gettext

Density = Literal["comfortable", "compact", "dense"]
DENSITIES: Mapping[Density, str] = {
    "comfortable": N_("Comfortable"),
    "compact": N_("Compact"),
    "dense": N_("Dense"),
}
"""The densities of pages, with their names."""
USUAL: Density = "compact"
VIEWED: Mapping[str, str] = {"/": "live", "/alerts": "alerts", "/search": "search"}
"""Pages whose filters can be saved, by address, and the names they are stored under."""
PASSING = frozenset({"cursor", "at", "before", "after", "since_seq", "done"})
"""Parameters for a position in a list, or for what was just done, which are not part of a view."""
LONGEST_NAME, LONGEST_QUERY, MOST_VIEWS = 60, 4_000, 50

person_settings = Table(
    "person_settings",
    metadata,
    Column("person", SafeString(32), primary_key=True),
    Column("name", SafeString(32), primary_key=True),
    Column("value", SafeText, nullable=False),
)
saved_views = Table(
    "saved_views",
    metadata,
    Column("person", SafeString(32), primary_key=True),
    Column("page", SafeString(16), primary_key=True),
    Column("name", SafeString(60), primary_key=True),
    # The query of the page's address.
    Column("query", SafeText, nullable=False),
    Column("saved_ms", BigInteger, nullable=False),
)


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A page with filters, saved under a name. ``address``: path and query."""

    name: str
    address: str

    def shows(self, query: str) -> bool:
        """Whether the page shows this view for this query, whatever the order and escaping of the parameters."""
        return kept_query(self.address.partition("?")[2]) == kept_query(query)


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a person's preferences that a page uses. ``keeps``: whether views of this page can be saved."""

    density: Density = USUAL
    views: tuple[SavedView, ...] = ()
    keeps: bool = False


def kept_query(query: str) -> str:
    """The part of a page's query that is saved, in a fixed order: the filters, not the position in the list. Pure."""
    return urlencode(sorted(one for one in parse_qsl(query) if one[0] not in PASSING))


class Preferences:
    """The preferences of one store's people."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, person: str, path: str) -> Own:
        """Preferences for the page at this path: the density, and its saved views by name (none if it has no filters)."""
        c = person_settings.c
        query = sa.select(c.value).where(c.person == person, c.name == "density")
        with self._store.reading() as connection:
            value = connection.execute(query).scalar()
            views = self._views(connection, person, path)
        density = next((one for one in DENSITIES if one == value), USUAL)
        return Own(density=density, views=views, keeps=path in VIEWED and len(views) < MOST_VIEWS)

    def set_density(self, person: str, density: str) -> None:
        """Set the density of pages. Raises UsageError if it is unknown."""
        if density not in DENSITIES:
            raise UsageError(
                gettext("there is no density %(name)s", name=repr(density[:40])),
                hint=gettext("there are %(names)s", names=", ".join(DENSITIES)),
            )
        with self._store.writing() as connection:
            row = {"person": person, "name": "density", "value": density}
            self._store.upsert(connection, person_settings, [row])

    @staticmethod
    def _views(connection: sa.Connection, person: str, path: str) -> tuple[SavedView, ...]:
        if path not in VIEWED:
            return ()
        c = saved_views.c
        query = sa.select(c.name, c.query).where(c.person == person, c.page == VIEWED[path])
        rows = connection.execute(query).all()
        found = (SavedView(name=row.name, address=f"{path}?{row.query}" if row.query else path) for row in rows)
        return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.name)))

    def save_view(self, person: str, path: str, name: str, query: str, *, now_ms: int) -> SavedView:
        """Save a page's filters under a name, replacing a view with that name. Raises UsageError."""
        name = " ".join(name.split())
        if path not in VIEWED:
            raise UsageError(gettext("the filters of this page can't be saved"))
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise UsageError(gettext("give the view a name of up to %(num)s characters", num=LONGEST_NAME))
        kept = kept_query(query)
        if len(kept) > LONGEST_QUERY:
            raise UsageError(gettext("there are too many filters to save"))
        c = saved_views.c
        with self._store.writing() as connection:
            mine = sa.select(sa.func.count()).where(c.person == person, c.page == VIEWED[path], c.name != name)
            if connection.execute(mine).scalar_one() >= MOST_VIEWS:
                raise UsageError(gettext("you have %(num)s views of this page: delete one first", num=MOST_VIEWS))
            row = {"person": person, "page": VIEWED[path], "name": name, "query": kept, "saved_ms": now_ms}
            self._store.upsert(connection, saved_views, [row])
        return SavedView(name=name, address=f"{path}?{kept}" if kept else path)

    def drop_view(self, person: str, path: str, name: str) -> None:
        """Delete a saved view. Raises NotFound."""
        c = saved_views.c
        with self._store.writing() as connection:
            mine = c.person == person, c.page == VIEWED.get(path, ""), c.name == name
            if not connection.execute(saved_views.delete().where(*mine)).rowcount:
                raise NotFound(gettext("you have no such view"))
