"""The tables of the connectors: feeds, and the items that were seen in them.

Times are milliseconds since the epoch, UTC. Columns are what SQLite and PostgreSQL share. ``connectors.store.feeds`` is the
only writer.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from core.store.metadata import SafeString, SafeText, metadata

is_pending = text("status = 'pending'")
"""Of an item; as text and not as a parameter, or the partial index would not be found."""

feeds = Table(
    "feeds",
    metadata,
    # Hash of the address: the same feed added twice is one row.
    Column("id", SafeString(32), primary_key=True),
    # Of connectors, as ``connectors.kinds`` has them.
    Column("kind", SafeString(64), nullable=False),
    Column("url", SafeText, nullable=False),
    Column("source", SafeText, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("added_at", BigInteger, nullable=False),
    # Counts savings of the cursor: one that saves must have read the last one.
    Column("revision", Integer, nullable=False, default=0),
    Column("next_poll_at", BigInteger, nullable=False),
    # new, ok, failing, gone, ended
    Column("health", SafeString(16), nullable=False, default="new"),
    Column("problem", SafeText),
    # core.errors.FailureKind
    Column("problem_kind", SafeString(16)),
    Column("failures", Integer, nullable=False, default=0),
    Column("last_ok_at", BigInteger),
    Column("title", SafeText),
    # The cursor as JSON, opaque to all but its kind: a feed's ETag is in it.
    Column("state", Text),
    # The host of the address: one process at a time polls the feeds of a host, since it keeps the host's pace.
    Column("host", SafeString(255), nullable=False),
    # The process that polls it, or polled it last, and until when no other one may.
    Column("leased_by", SafeString(100)),
    Column("lease_until", BigInteger, nullable=False, default=0),
    # A hub said that there is news: to be polled from then on, whatever the schedule says.
    Column("requested_at", BigInteger, nullable=False, default=0),
    # When it was first read well; null: unverified.
    Column("verified_at", BigInteger),
    # Outlet, country, language, kind, topics as JSON, from a catalogue.
    Column("about", Text),
    Index("ix_feeds_active_next_poll_at", "active", "next_poll_at"),
    Index("ix_feeds_host_lease_until", "host", "lease_until"),
)

hub_subscriptions = Table(
    "hub_subscriptions",
    metadata,
    Column("feed", SafeString(32), ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    # The last part of the callback's path: not to be guessed.
    Column("token", SafeString(64), nullable=False, unique=True),
    Column("secret", SafeString(200), nullable=False),
    Column("hub", SafeText, nullable=False),
    Column("topic", SafeText, nullable=False),
    # asked, active, denied, ended
    Column("status", SafeString(16), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    # How long the hub pushes without being asked again.
    Column("lease_until", BigInteger, nullable=False, default=0),
    Column("pushed_at", BigInteger),
    Column("problem", SafeText),
)

host_pace = Table(
    "host_pace",
    metadata,
    # Host and port as in addresses.
    Column("host", SafeString(255), primary_key=True),
    # When any process may ask it next.
    Column("free_at", BigInteger, nullable=False),
)

feed_items = Table(
    "feed_items",
    metadata,
    Column("feed", SafeString(32), ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("key", SafeString(32), primary_key=True),
    # What identifies it and what can change in it: ``connectors.feeds.identity.ItemMarks``.
    Column("digest", SafeString(100), nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    # pending, done, failed
    Column("status", SafeString(16), nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("place", Integer, nullable=False),
    # How often it was taken up again because it changed.
    Column("again", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("done_at", BigInteger, nullable=False),
    # When it was first missing from the feed; null while it is in it.
    Column("left_at", BigInteger),
    Column("problem", SafeText),
    Column("problem_kind", SafeString(16)),
    # The item as JSON while pending: it may leave the feed before its page was fetched.
    Column("item", Text),
    # A process that starts asks which feeds have such items.
    Index("ix_feed_items_pending", "feed", sqlite_where=is_pending, postgresql_where=is_pending),
)

# What feeds answered, like answers in a row as one row; kept for some weeks.
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
    Column("problem_kind", SafeString(16)),
    Column("new", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("appended", Integer, nullable=False),
    # [[URL, problem, kind]] of pages that could not be fetched, as JSON.
    Column("pages", SafeText),
    Index("ix_polls_last_ms", "last_ms"),
)
