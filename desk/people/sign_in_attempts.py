"""Attempts to sign in, in the store, so that all processes of a desk decide by the same numbers. Raises StoreError."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table

from core.net.addresses import place_of
from core.store.engine import Store
from core.store.metadata import SafeString, metadata
from desk.people.credentials import hashed
from desk.people.sign_in_throttle import Spent, decide, undone
from desk.people.store import folded

KNOWN_MS = 90 * 86_400_000
"""For this long a place counts as one from which a person signs in."""

sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    # Hashed, since a person may type a password here. Empty: any name; an empty place: any place.
    Column("name", SafeString(64), primary_key=True),
    Column("place", SafeString(64), primary_key=True),
    Column("whole_ms", BigInteger, nullable=False),
    Column("known_ms", BigInteger, nullable=False),
    Index("ix_sign_in_tries_whole_ms", "whole_ms"),
)


class Taken(NamedTuple):
    """A counted attempt: how long it must wait (0: not at all), and what it costs if the password is wrong."""

    name: str
    place: str
    wait_ms: int
    cost: Spent


class SignInTries:
    """The attempts at one desk."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def take(self, name: str, address: str, now_ms: int) -> Taken:
        """Count an attempt at a name. Call ``answered`` if the password was right."""
        mine, place = hashed(folded(name)), place_of(address)
        c = sign_in_tries.c
        with self.store.writing() as connection:
            self.store.serialise(connection, "sign-in")
            connection.execute(sign_in_tries.delete().where(c.whole_ms <= now_ms, c.known_ms <= now_ms))
            spent, known_ms = self._spent(connection, mine, place)
            decision = decide(spent, known=known_ms > now_ms, now_ms=now_ms)
            if not decision.wait_ms:
                self._keep(connection, mine, place, decision.spent, known_ms)
        return Taken(mine, place, decision.wait_ms, decision.cost)

    def answered(self, taken: Taken, now_ms: int) -> None:
        """Record that the password was right: the attempt costs nothing, and its place is now one of this person's."""
        with self.store.writing() as connection:
            self.store.serialise(connection, "sign-in")
            spent, _ = self._spent(connection, taken.name, taken.place)
            self._keep(connection, taken.name, taken.place, undone(spent, taken.cost), now_ms + KNOWN_MS)

    def forget(self, name: str) -> None:
        """Forget the places of a name, since a stranger with the old password may have signed in from one of them."""
        with self.store.writing() as connection:
            mine = sign_in_tries.c.name == hashed(folded(name))
            connection.execute(sign_in_tries.update().where(mine).values(known_ms=0))

    def _spent(self, connection: sa.Connection, name: str, place: str) -> tuple[Spent, int]:
        c = sign_in_tries.c
        query = sa.select(sign_in_tries).where(c.name.in_([name, ""]), c.place.in_([place, ""]))
        rows = {(row.name, row.place): row for row in connection.execute(query)}
        whole = [rows[key].whole_ms if key in rows else 0 for key in _keys(name, place)]
        pair = rows.get((name, place))
        return Spent(*whole), pair.known_ms if pair is not None else 0

    def _keep(self, connection: sa.Connection, name: str, place: str, spent: Spent, known_ms: int) -> None:
        rows = [
            {"name": key[0], "place": key[1], "whole_ms": whole_ms, "known_ms": known_ms if number == 0 else 0}
            for number, (key, whole_ms) in enumerate(zip(_keys(name, place), spent, strict=True))
        ]
        self.store.upsert(connection, sign_in_tries, rows)


def _keys(name: str, place: str) -> tuple[tuple[str, str], ...]:
    """The keys, in the order of ``Spent``."""
    return (name, place), ("", place), (name, ""), ("", "")
