"""Accounts, sessions, tokens and the audit trail of the desk: tables and their SQL.

Times are milliseconds since the epoch, UTC. Passwords, sessions and tokens are passed and stored only as hashes. Each call
is one short transaction. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table

from core.durations import HOUR_MS
from core.normal import normalized
from core.store.engine import Store
from core.store.metadata import SafeString, SafeText, metadata
from desk.people.sessions import Session

# The last use of a session or token is written at most this often; otherwise every page view would be a write.
TOUCH_MS = 300_000
PAGE = 100
REFUSALS_HOURLY, REFUSALS_KEPT = 60, 5_000
OTHERS = "more were refused"

# SQLite assigns row numbers only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", SafeString(32), primary_key=True),
    # Folded, for comparison. ``shown`` is the name as it was typed.
    Column("name", SafeString(100), nullable=False, unique=True),
    Column("shown", SafeText, nullable=False),
    # reader, editor, admin
    Column("role", SafeString(16), nullable=False),
    Column("password", SafeText),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_ms", BigInteger, nullable=False),
    # A code of desk.language; null: the browser's language.
    Column("language", SafeString(16)),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", SafeString(64), primary_key=True),
    Column("person", SafeString(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("address", SafeText, nullable=False, default=""),
    Column("agent", SafeText, nullable=False, default=""),
    Index("ix_sessions_person", "person"),
    Index("ix_sessions_ends_ms", "ends_ms"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", SafeString(32), primary_key=True),
    Column("hash", SafeString(64), nullable=False, unique=True),
    Column("person", SafeString(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("name", SafeText, nullable=False),
    # read, write
    Column("scope", SafeString(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("ends_ms", BigInteger),
    Index("ix_access_tokens_person", "person"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    # The person's id; null before sign-in and for the command line. ``name`` remains when the account is deleted.
    Column("person", SafeString(32)),
    Column("name", SafeText, nullable=False, default=""),
    Column("address", SafeText, nullable=False, default=""),
    Column("action", SafeString(60), nullable=False),
    Column("subject", SafeText, nullable=False, default=""),
    Column("detail", SafeText, nullable=False, default=""),
    Column("refusal", Boolean, nullable=False, default=False),
    Column("times", Integer, nullable=False, default=1),
    Index("ix_audit_at_ms", "at_ms"),
    Index("ix_audit_refusal_at_ms", "refusal", "at_ms"),
)


LetGo = Callable[[sa.Connection, str], None]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person. ``name`` is folded, ``shown`` is as typed. ``password``: an Argon2 hash, or None for sign-in by a proxy.

    ``language`` of the desk's pages: a code of ``desk.language``, or None for the browser's language.
    """

    id: str
    name: str
    shown: str
    role: str
    password: str | None
    active: bool
    created_ms: int
    language: str | None = None


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A program's token; ``scope`` is read or write, and never exceeds its owner's role."""

    id: str
    hash: str
    person: str
    name: str
    scope: str
    created_ms: int
    used_ms: int | None = None
    ends_ms: int | None = None


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One action. ``person`` is None before sign-in and for the command line. ``id`` is set when the line is read.

    ``refusal``: whether a person was refused; ``times``: how often within an hour.
    """

    at_ms: int
    action: str
    person: str | None = None
    name: str = ""
    address: str = ""
    subject: str = ""
    detail: str = ""
    id: int | None = None
    refusal: bool = False
    times: int = 1


def folded(name: str) -> str:
    """A name in the form used for comparison: NFKC, case-folded, stripped."""
    return normalized("NFKC", name).casefold().strip()


class PeopleStore:
    """Reads and writes the people of one store.

    ``let_go`` is called with a person's id, in the same transaction, when their tokens are deleted. It removes everything
    else of theirs that works without signing in.
    """

    def __init__(self, store: Store, let_go: LetGo | None = None) -> None:
        self.store, self._let_go = store, let_go

    def add(self, account: Account) -> bool:
        """Add a person. Returns False if the name is taken."""
        with self.store.writing() as connection:
            self.store.serialise(connection, "people")
            if self._one(connection, people.c.name == account.name) is not None:
                return False
            connection.execute(people.insert().values(**msgspec.structs.asdict(account)))
            return True

    def named(self, name: str) -> Account | None:
        """The person with this name, in any spelling that folds to the same."""
        with self.store.reading() as connection:
            return self._one(connection, people.c.name == folded(name))

    def person(self, identity: str) -> Account | None:
        """The person with this id."""
        with self.store.reading() as connection:
            return self._one(connection, people.c.id == identity)

    def empty(self) -> bool:
        """Whether there is no account at all, open or closed."""
        with self.store.reading() as connection:
            return connection.execute(sa.select(people.c.id).limit(1)).first() is None

    def listing(self) -> list[Account]:
        """All people, by name."""
        with self.store.reading() as connection:
            return [_made(row, Account) for row in connection.execute(sa.select(people).order_by(people.c.name))]

    def change(
        self, identity: str, values: Mapping[str, Any], *, sign_out: bool = False, drop_tokens: bool = False
    ) -> bool:
        """Change a person's columns; ``sign_out`` ends all sessions, ``drop_tokens`` deletes tokens and feed addresses.

        Returns False and changes nothing if the last active admin would lose the role or the account, since then no one
        could add people.
        """
        with self.store.writing() as connection:
            self.store.serialise(connection, "people")
            if values.get("role", "admin") != "admin" or values.get("active") is False:
                others = sa.select(people.c.id).where(
                    people.c.role == "admin", people.c.active.is_(True), people.c.id != identity
                )
                mine = self._one(connection, people.c.id == identity)
                is_admin = mine is not None and mine.role == "admin" and mine.active
                if is_admin and connection.execute(others.limit(1)).first() is None:
                    return False
            connection.execute(people.update().where(people.c.id == identity).values(**values))
            if sign_out:
                connection.execute(sessions.delete().where(sessions.c.person == identity))
            if drop_tokens:
                connection.execute(access_tokens.delete().where(access_tokens.c.person == identity))
                if self._let_go is not None:
                    self._let_go(connection, identity)
            return True

    def begin_session(self, session: Session) -> None:
        """Store a session, and delete those that have ended."""
        with self.store.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.ends_ms <= session.created_ms))
            connection.execute(sessions.insert().values(**msgspec.structs.asdict(session)))

    def session(self, hashed: str) -> tuple[Session, Account] | None:
        """The session and its person, whether or not they are still valid."""
        return self._with_person(sessions, hashed, Session)

    def sessions_of(self, person: str) -> list[Session]:
        """A person's sessions, the most recently used first."""
        query = sa.select(sessions).where(sessions.c.person == person).order_by(sessions.c.seen_ms.desc())
        with self.store.reading() as connection:
            return [_made(row, Session) for row in connection.execute(query)]

    def touch_session(self, session: Session, *, now_ms: int) -> None:
        """Record that it is used now; writes at most every five minutes."""
        if now_ms - session.seen_ms >= TOUCH_MS:
            with self.store.writing() as connection:
                mine = sessions.c.hash == session.hash
                connection.execute(sessions.update().where(mine).values(seen_ms=now_ms))

    def end_sessions(self, person: str, *, only: str | None = None, but: str | None = None) -> int:
        """End a person's sessions: all, ``only`` the one with this hash, or all ``but`` it. Returns how many ended."""
        gone = sessions.delete().where(sessions.c.person == person)
        if only is not None:
            gone = gone.where(sessions.c.hash == only)
        if but is not None:
            gone = gone.where(sessions.c.hash != but)
        with self.store.writing() as connection:
            return connection.execute(gone).rowcount

    def add_token(self, token: AccessToken) -> None:
        """Store a token."""
        with self.store.writing() as connection:
            connection.execute(access_tokens.insert().values(**msgspec.structs.asdict(token)))

    def token(self, hashed: str) -> tuple[AccessToken, Account] | None:
        """The token and its person, whether or not they are still valid."""
        return self._with_person(access_tokens, hashed, AccessToken)

    def tokens_of(self, person: str) -> list[AccessToken]:
        """A person's tokens, the newest first."""
        c = access_tokens.c
        query = sa.select(access_tokens).where(c.person == person).order_by(c.created_ms.desc(), c.id)
        with self.store.reading() as connection:
            return [_made(row, AccessToken) for row in connection.execute(query)]

    def touch_token(self, token: AccessToken, *, now_ms: int) -> None:
        """Record that it is used now; writes at most every five minutes."""
        if now_ms - (token.used_ms or 0) >= TOUCH_MS:
            with self.store.writing() as connection:
                mine = access_tokens.c.id == token.id
                connection.execute(access_tokens.update().where(mine).values(used_ms=now_ms))

    def drop_token(self, person: str, identity: str) -> bool:
        """Delete a person's token. Returns False if the person has no such token."""
        c = access_tokens.c
        with self.store.writing() as connection:
            gone = connection.execute(access_tokens.delete().where(c.person == person, c.id == identity))
            return bool(gone.rowcount)

    def _with_person(self, table: sa.Table, hashed: str, kind: type[msgspec.Struct]) -> tuple[Any, Account] | None:
        with self.store.reading() as connection:
            row = connection.execute(sa.select(table).where(table.c.hash == hashed)).first()
            person = self._one(connection, people.c.id == row.person) if row is not None else None
            return (_made(row, kind), person) if row is not None and person is not None else None

    @staticmethod
    def _one(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Account | None:
        row = connection.execute(sa.select(people).where(where)).first()
        return _made(row, Account) if row is not None else None


class Audit:
    """Writes and reads the audit trail. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def note(self, line: AuditLine) -> None:
        """Add a line."""
        values = msgspec.structs.asdict(line)
        del values["id"]
        with self.store.writing() as connection:
            connection.execute(audit.insert().values(**values))

    def refused(self, line: AuditLine) -> None:
        """Add a line about a person who was refused, or count it in this hour's line that says the same.

        An hour has at most 60 such lines, and one more that counts all others. The trail keeps the newest 5,000. So
        strangers can't fill the store, and records of people's actions remain.
        """
        c = audit.c
        hour_ms = line.at_ms - line.at_ms % HOUR_MS
        values = msgspec.structs.asdict(line) | {"times": 1, "refusal": True}
        del values["id"]
        with self.store.writing() as connection:
            self.store.serialise(connection, "audit")
            hour = (c.refusal.is_(True), c.at_ms >= hour_ms)
            same = (c.action == line.action, c.name == line.name, c.address == line.address)
            number = connection.execute(sa.select(sa.func.count()).where(*hour)).scalar_one()
            found = connection.execute(sa.select(c.id).where(*hour, *same).limit(1)).scalar()
            if found is None and number >= REFUSALS_HOURLY:
                found = connection.execute(sa.select(c.id).where(*hour, c.action == OTHERS).limit(1)).scalar()
                values |= {"action": OTHERS, "name": "", "address": "", "person": None}
            if found is not None:
                connection.execute(audit.update().where(c.id == found).values(times=c.times + 1))
                return
            connection.execute(audit.insert().values(**values))
            kept = sa.select(c.id).where(c.refusal.is_(True)).order_by(c.id.desc()).offset(REFUSALS_KEPT).limit(1)
            if (oldest := connection.execute(kept).scalar()) is not None:
                connection.execute(audit.delete().where(c.refusal.is_(True), c.id <= oldest))

    def page(self, *, before: int | None = None, limit: int = PAGE, refusals: bool = True) -> list[AuditLine]:
        """Lines, newest first. ``before``: only those with a smaller id. ``refusals`` False: leaves out refusals."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        if not refusals:
            query = query.where(audit.c.refusal.is_(False))
        if before is not None:
            query = query.where(audit.c.id < before)
        with self.store.reading() as connection:
            return [AuditLine(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name


def _made(row: sa.Row[Any], kind: type[msgspec.Struct]) -> Any:
    return kind(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
