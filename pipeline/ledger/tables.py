"""The ledger's own tables; the shared ones are in ``core.store.tables``. Times are milliseconds since the epoch, UTC.

=====================  ============================================================================================
run_offsets            the first offset of each partition that a run read, and the newest leader epoch (-1: none is known)
slow_lane              records that have left the order, each until its outcome is stored; with its draft once it is done
in_hand                what the ordered stage of a run is deciding; see ``pipeline.ledger.in_hand``
contiguous_offsets     below this offset each record of a partition has an outcome, so a restart begins to check there;
                       below ``pruned_below``, outcomes may have been deleted, and the records count as handled
story_facts            figures, quotes and corrections of a story's matching articles, bounded in number
replays                one row per replay: what it replays, its progress, and its base
text_sightings         the addresses at which a doubtful text was seen, for ``pipeline.stories.repeated_walls``
wall_counts            how many walls came from each outlet, by kind and by day of event time
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from core.store.metadata import IndexedString, PlaceString, SafeString, SafeText, metadata

run_offsets = Table(
    "run_offsets",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("first_offset", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False, default=-1),
)

slow_lane = Table(
    "slow_lane",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    # From its order key: records of one article return in the order in which they left.
    Column("article", SafeString, nullable=False),
    Column("outlet", SafeText, nullable=False),
    Column("why", SafeString, nullable=False),
    # Its own place, not the place that it will get.
    Column("place", PlaceString, nullable=False),
    # The transaction that postponed it.
    Column("seq", BigInteger, nullable=False),
    # How often a process began it here and did not finish it.
    Column("tries", Integer, nullable=False, default=0),
    # As JSON, once it is done.
    Column("draft", Text),
    # The version (``pipeline.versions``) that wrote it; any other version prepares the record again.
    Column("made_by", SafeString),
    Index("ix_slow_lane_run_article", "run", "article"),
)

in_hand = Table(
    "in_hand",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The process that decides.
    Column("process", SafeString, nullable=False),
    # The transaction that will store it. Once that exists, the row is void.
    Column("seq", BigInteger, nullable=False),
    # As JSON: position, and how often it was in hand when a process died.
    Column("records", Text, nullable=False),
)

contiguous_offsets = Table(
    "contiguous_offsets",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("pruned_below", BigInteger, nullable=False, server_default=text("0")),
)

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
    # The request as JSON: the same request resumes the replay, and any other is refused.
    Column("spec", Text, nullable=False),
    # The run whose period is replayed; its rows before ``from_ms`` count as known. Null: none do.
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
    # A digest of host and text.
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
    # Event time and item of the latest wall.
    Column("last_ms", BigInteger, nullable=False),
    Column("last_item", SafeText, nullable=False),
)
