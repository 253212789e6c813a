"""The ledger's own tables; the shared ones are in ``core.store.tables``. Times are milliseconds since the epoch, UTC.

=====================  ============================================================================================
story_facts            figures, quotes and corrections of a story's matching articles, bounded in number
replays                one row a replay: what it replays, how far it is, and its base
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text

from core.store.metadata import SafeString, SafeText, metadata

story_facts = Table(
    "story_facts",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    Column("record", Text, nullable=False),
)

replays = Table(
    "replays",
    metadata,
    Column("name", SafeString, primary_key=True),
    # The request as JSON: the same request resumes the replay, any other is refused.
    Column("spec", Text, nullable=False),
    # The run whose time span is replayed: what it had before ``from_ms`` counts as known. Null: nothing does.
    Column("base", SafeString),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    # Why results may differ from the base's; null: they are equal.
    Column("no_claim", SafeText),
    # running, stopped, finished
    Column("state", SafeString, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("delivers", Boolean, nullable=False, default=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
)
