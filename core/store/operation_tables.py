"""The tables of operation: counts that are kept up with every transaction, so that no scrape goes through a run, and canaries.

Times are wall-clock milliseconds since the epoch, UTC, but ``last_ms`` of ``source_activity``, an event time.

=====================  ============================================================================================
counters               sums that only rise, by run, name and label; a name's unit is in ``pipeline.store.operation``
gauges                 what last held, by run and name, and when
source_activity        how many articles each source has given to a run, and the last of them
run_frontiers          below this offset each record of a partition has an outcome: where a new start begins to look
canaries               when each canary passed each stage; those of some days are kept
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from pipeline.store.metadata import SafeString, SafeText, metadata

counters = Table(
    "counters",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("name", SafeString, primary_key=True),
    Column("label", SafeString, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

gauges = Table(
    "gauges",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("name", SafeString, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

source_activity = Table(
    "source_activity",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("source", SafeString, primary_key=True),
    # New ones: versions, copies and the like don't count.
    Column("articles", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_article", SafeString, nullable=False),
)

run_frontiers = Table(
    "run_frontiers",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)

canaries = Table(
    "canaries",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The id of its article.
    Column("id", SafeString, primary_key=True),
    Column("token", SafeString, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("appended_ms", BigInteger),
    # The same transaction as its outcome's.
    Column("handled_ms", BigInteger),
    Column("outcome", SafeString),
    Column("reason", SafeText),
    Column("alert", SafeString),
    Column("relayed_ms", BigInteger),
    Column("delivered_ms", BigInteger),
    Index("ix_canaries_run_made_ms", "run", "made_ms"),
)
