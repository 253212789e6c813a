"""The tables of the connectors: feeds, and the items that were seen in them.

Times are milliseconds since the epoch, UTC. Columns are what SQLite and PostgreSQL share. ``connectors.state`` is the
only writer.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from pipeline.store.metadata import SafeString, SafeText, metadata

feeds = Table(
    "feeds",
    metadata,
    # Hash of the address: the same feed added twice is one row.
    Column("id", SafeString(32), primary_key=True),
    Column("url", SafeText, nullable=False),
    Column("source", SafeText, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("added_at", BigInteger, nullable=False),
    # Counts savings of the cursor: who saves must have read the last one.
    Column("revision", Integer, nullable=False, default=0),
    Column("next_poll_at", BigInteger, nullable=False),
    # new, ok, failing, gone, ended
    Column("health", SafeString(16), nullable=False, default="new"),
    Column("problem", SafeText),
    Column("failures", Integer, nullable=False, default=0),
    Column("last_ok_at", BigInteger),
    Column("title", SafeText),
    Column("language", SafeText),
    Column("etag", SafeText),
    Column("last_modified", SafeText),
    # The rest of the connector's cursor as JSON.
    Column("state", Text),
    Index("ix_feeds_active_next_poll_at", "active", "next_poll_at"),
)

feed_items = Table(
    "feed_items",
    metadata,
    Column("feed", SafeString(32), ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("key", SafeString(32), primary_key=True),
    Column("digest", SafeString(32), nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    # pending, done, failed
    Column("status", SafeString(16), nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("place", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("done_at", BigInteger, nullable=False),
    # When it was first missing from the feed; null while it is in it.
    Column("left_at", BigInteger),
    Column("problem", SafeText),
    # The item as JSON while pending: it may leave the feed before its page was fetched.
    Column("item", Text),
)
