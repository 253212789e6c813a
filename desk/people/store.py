"""Accounts, sessions and tokens of the desk as rows. Whoever calls hashes first: nothing secret comes in here.

Each call is one short transaction. Raises StoreError.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from core.store.engine import Store
from desk.people import tables as d

# A session's or token's last use is written down once in so long: else every look at a page would be a write.
TOUCH_MS = 300_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person. ``name`` is folded, ``shown`` as it was typed; ``password`` an Argon2 hash, or None: signs in by a proxy."""

    id: str
    name: str
    shown: str
    role: str
    password: str | None
    active: bool
    created_ms: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that is signed in."""

    hash: str
    person: str
    created_ms: int
    seen_ms: int
    ends_ms: int
    address: str = ""
    agent: str = ""


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a program; ``scope`` is read or write, never more than its owner's role."""

    id: str
    hash: str
    person: str
    name: str
    scope: str
    created_ms: int
    used_ms: int | None = None
    ends_ms: int | None = None


def folded(name: str) -> str:
    """A name as names are compared: NFKC, without case and outer space."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


class PeopleStore:
    """Reads and writes the people of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, account: Account) -> bool:
        """Add a person. False: the name is taken."""
        with self.store.writing() as connection:
            self.store.serialise(connection, "people")
            if self._one(connection, d.people.c.name == account.name) is not None:
                return False
            connection.execute(d.people.insert().values(**msgspec.structs.asdict(account)))
            return True

    def named(self, name: str) -> Account | None:
        """The person of this name, however it is written."""
        with self.store.reading() as connection:
            return self._one(connection, d.people.c.name == folded(name))

    def person(self, identity: str) -> Account | None:
        """The person with this id."""
        with self.store.reading() as connection:
            return self._one(connection, d.people.c.id == identity)

    def listing(self) -> list[Account]:
        """All people, by name."""
        with self.store.reading() as connection:
            return [_made(row, Account) for row in connection.execute(sa.select(d.people).order_by(d.people.c.name))]

    def change(self, identity: str, values: Mapping[str, Any], *, sign_out: bool = False) -> bool:
        """Change a person's columns; ``sign_out`` ends all sessions. False, and nothing changed: the last active admin
        would lose the role or the account, and nobody could let anyone in any more.
        """
        with self.store.writing() as connection:
            self.store.serialise(connection, "people")
            if values.get("role", "admin") != "admin" or values.get("active") is False:
                others = sa.select(d.people.c.id).where(
                    d.people.c.role == "admin", d.people.c.active.is_(True), d.people.c.id != identity
                )
                mine = self._one(connection, d.people.c.id == identity)
                is_admin = mine is not None and mine.role == "admin" and mine.active
                if is_admin and connection.execute(others.limit(1)).first() is None:
                    return False
            connection.execute(d.people.update().where(d.people.c.id == identity).values(**values))
            if sign_out:
                connection.execute(d.sessions.delete().where(d.sessions.c.person == identity))
            return True

    def begin_session(self, session: Session) -> None:
        """Store a session, and clear away those that have ended."""
        with self.store.writing() as connection:
            connection.execute(d.sessions.delete().where(d.sessions.c.ends_ms <= session.created_ms))
            connection.execute(d.sessions.insert().values(**msgspec.structs.asdict(session)))

    def session(self, hashed: str) -> tuple[Session, Account] | None:
        """The session and its person, whether or not they still hold."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(d.sessions).where(d.sessions.c.hash == hashed)).first()
            person = self._one(connection, d.people.c.id == row.person) if row is not None else None
            return (_made(row, Session), person) if row is not None and person is not None else None

    def sessions_of(self, person: str) -> list[Session]:
        """A person's sessions, the one used last first."""
        query = sa.select(d.sessions).where(d.sessions.c.person == person).order_by(d.sessions.c.seen_ms.desc())
        with self.store.reading() as connection:
            return [_made(row, Session) for row in connection.execute(query)]

    def touch_session(self, session: Session, *, now_ms: int) -> None:
        """Note that it is used, at most every five minutes."""
        if now_ms - session.seen_ms >= TOUCH_MS:
            with self.store.writing() as connection:
                mine = d.sessions.c.hash == session.hash
                connection.execute(d.sessions.update().where(mine).values(seen_ms=now_ms))

    def end_sessions(self, person: str, *, only: str | None = None, but: str | None = None) -> int:
        """End a person's sessions: all, ``only`` the one of this hash, or all ``but`` it. Returns how many."""
        gone = d.sessions.delete().where(d.sessions.c.person == person)
        if only is not None:
            gone = gone.where(d.sessions.c.hash == only)
        if but is not None:
            gone = gone.where(d.sessions.c.hash != but)
        with self.store.writing() as connection:
            return connection.execute(gone).rowcount

    def add_token(self, token: AccessToken) -> None:
        """Store a token."""
        with self.store.writing() as connection:
            connection.execute(d.access_tokens.insert().values(**msgspec.structs.asdict(token)))

    def token(self, hashed: str) -> tuple[AccessToken, Account] | None:
        """The token and its person, whether or not they still hold."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(d.access_tokens).where(d.access_tokens.c.hash == hashed)).first()
            person = self._one(connection, d.people.c.id == row.person) if row is not None else None
            return (_made(row, AccessToken), person) if row is not None and person is not None else None

    def tokens_of(self, person: str) -> list[AccessToken]:
        """A person's tokens, the newest first."""
        c = d.access_tokens.c
        query = sa.select(d.access_tokens).where(c.person == person).order_by(c.created_ms.desc(), c.id)
        with self.store.reading() as connection:
            return [_made(row, AccessToken) for row in connection.execute(query)]

    def touch_token(self, token: AccessToken, *, now_ms: int) -> None:
        """Note that it is used, at most every five minutes."""
        if now_ms - (token.used_ms or 0) >= TOUCH_MS:
            with self.store.writing() as connection:
                mine = d.access_tokens.c.id == token.id
                connection.execute(d.access_tokens.update().where(mine).values(used_ms=now_ms))

    def drop_token(self, person: str, identity: str) -> bool:
        """Delete a person's token. False: no such token of this person."""
        c = d.access_tokens.c
        with self.store.writing() as connection:
            gone = connection.execute(d.access_tokens.delete().where(c.person == person, c.id == identity))
            return bool(gone.rowcount)

    @staticmethod
    def _one(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Account | None:
        row = connection.execute(sa.select(d.people).where(where)).first()
        return _made(row, Account) if row is not None else None


def _made(row: sa.Row[Any], kind: type[msgspec.Struct]) -> Any:
    return kind(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
