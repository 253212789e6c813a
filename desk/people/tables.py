"""The tables of people: accounts, sessions, tokens, and the audit trail.

Times are milliseconds since the epoch, UTC. Passwords, sessions and tokens lie here only as hashes.

=====================  ============================================================================================
people                 one row an account; ``password`` is an Argon2 hash, or null for one that signs in by a proxy
sessions               one row a browser that is signed in; ``hash`` is that of the cookie
access_tokens          one row a token of a program; ``hash`` is that of the token
audit                  who did what, when, from where; rows are only ever added
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table

from core.store.metadata import SafeString, SafeText, metadata

# SQLite numbers rows by itself only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", SafeString(32), primary_key=True),
    # As it is compared: folded. What the person typed when it was made is ``shown``.
    Column("name", SafeString(100), nullable=False, unique=True),
    Column("shown", SafeText, nullable=False),
    # reader, editor, admin
    Column("role", SafeString(16), nullable=False),
    Column("password", SafeText),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_ms", BigInteger, nullable=False),
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
    # The person's id; null before sign-in and for the command line. ``name`` stays when the account goes.
    Column("person", SafeString(32)),
    Column("name", SafeText, nullable=False, default=""),
    Column("address", SafeText, nullable=False, default=""),
    Column("action", SafeString(60), nullable=False),
    Column("subject", SafeText, nullable=False, default=""),
    Column("detail", SafeText, nullable=False, default=""),
    Index("ix_audit_at_ms", "at_ms"),
)
