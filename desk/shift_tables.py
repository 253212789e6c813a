"""The tables of shifts: who works on which story, and notes. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from core.store.metadata import SafeString, SafeText, metadata

# SQLite numbers rows by itself only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

shift_stories = Table(
    "shift_stories",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # claimed, assigned, done, open (given back)
    Column("state", SafeString(16), nullable=False),
    # The name as shown, too: the demo's person has no account, and names stay when an account goes.
    Column("holder", SafeString(32)),
    Column("holder_name", SafeText, nullable=False, default=""),
    Column("by_name", SafeText, nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_shift_stories_run_state_changed_ms", "run", "state", "changed_ms"),
)

shift_notes = Table(
    "shift_notes",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run", SafeString, nullable=False),
    # Empty: of the shift as a whole.
    Column("story", SafeString, nullable=False, default=""),
    Column("at_ms", BigInteger, nullable=False),
    Column("person", SafeString(32), nullable=False),
    Column("name", SafeText, nullable=False),
    # note, claimed, assigned, done, open, handover
    Column("kind", SafeString(16), nullable=False),
    Column("text", SafeText, nullable=False, default=""),
    Index("ix_shift_notes_run_at_ms", "run", "at_ms"),
    Index("ix_shift_notes_run_story", "run", "story"),
)
