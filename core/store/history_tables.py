"""The tables of history: takedowns, replays, what feeds were asked and what they said.

Times are milliseconds since the epoch, UTC.

=====================  ============================================================================================
takedowns              articles that must not be: their text is gone, whatever comes of them again is rejected
replays                one row a replay: what it replays, how far it is, and which run it is seeded from
polls                  what feeds answered, like answers in a row as one row; kept for some weeks
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from pipeline.store.metadata import SafeString, SafeText, metadata

takedowns = Table(
    "takedowns",
    metadata,
    Column("article", SafeString, primary_key=True),
    # Rises with every takedown and every one taken back: readers see by it that something changed.
    Column("stamp", BigInteger, nullable=False),
    Column("url", SafeText, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("by", SafeText, nullable=False, default=""),
    Column("taken_ms", BigInteger, nullable=False),
)

replays = Table(
    "replays",
    metadata,
    Column("name", SafeString, primary_key=True),
    # What was asked for, as JSON: the same again resumes, anything else is refused.
    Column("spec", Text, nullable=False),
    # The run whose stretch is replayed: what it knew before ``from_ms`` counts as known. Null: nothing is.
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

polls = Table(
    "polls",
    metadata,
    Column("feed", SafeString(32), primary_key=True),
    Column("first_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("last_ms", BigInteger, nullable=False),
    # How many polls in a row gave the same.
    Column("times", Integer, nullable=False),
    # Null: the feed was read, or only its pages were fetched.
    Column("problem", SafeText),
    Column("new", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("appended", Integer, nullable=False),
    # [[URL, problem]] of pages that were not had, as JSON.
    Column("pages", SafeText),
    Index("ix_polls_last_ms", "last_ms"),
)
