"""The ledger's own tables; the shared ones are in ``core.store.tables``. Times are milliseconds since the epoch, UTC.

=====================  ============================================================================================
story_facts            figures, quotes and corrections of a story's matching articles, bounded in number
replays                one row a replay: what it replays, how far it is, and its base
text_sightings         at which addresses a doubtful text was seen, for ``pipeline.stories.repeats``
wall_counts            how many walls came from each outlet, by kind and by day of event time
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from core.store.metadata import IndexedString, PlaceString, SafeString, SafeText, metadata

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

text_sightings = Table(
    "text_sightings",
    metadata,
    Column("run", SafeString, primary_key=True),
    # Of host and text.
    Column("digest", SafeString, primary_key=True),
    Column("place", PlaceString, primary_key=True),
    Column("article", SafeString, nullable=False),
    # Hashes of words, separated by spaces; empty: the address announces nothing.
    Column("announced", SafeString, nullable=False),
    Index("ix_text_sightings_run_place", "run", "place"),
)

wall_counts = Table(
    "wall_counts",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("source", IndexedString, primary_key=True),
    Column("kind", SafeString, primary_key=True),
    # Days since 1970, UTC.
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("walls", BigInteger, nullable=False),
    # Of the latest: event time, and what people search for.
    Column("last_ms", BigInteger, nullable=False),
    Column("last_item", SafeText, nullable=False),
)
