"""The table of marks: what each person has read and starred. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from core.store.metadata import SafeString, metadata

story_marks = Table(
    "story_marks",
    metadata,
    # No foreign key: the demo's person has no account.
    Column("person", SafeString(32), primary_key=True),
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # Null: never read. Less than the story's seq: it has changed since. -1: marked as unread. In the row of story "":
    # the seq up to which everything counts as read.
    Column("read_seq", BigInteger),
    Column("starred_ms", BigInteger),
    Index("ix_story_marks_person_run_starred_ms", "person", "run", "starred_ms"),
)
