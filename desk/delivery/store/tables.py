"""The tables of delivery: what was sent to whom, and what is held back.

All times are milliseconds since the epoch, UTC. ``subscription`` is an id of the scope ``live``.

=====================  ============================================================================================
channels               ways to reach people, with their secrets and their health
mutes                  stories and outlets that are muted for a subscription (or for all of an owner)
deliveries             one row per alert and channel: held, muted, queued, sent, failed, withdrawn
messages               what is sent at once: one delivery, or a digest of several; the id identifies a repeat
delivery_state         delivery's position in the list of takedowns
delivery_keys          secrets of this installation: the key that signs pushes
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from core.store.metadata import SafeString, SafeText, metadata

channels = Table(
    "channels",
    metadata,
    Column("name", SafeString, primary_key=True),
    Column("kind", SafeString, nullable=False),
    Column("owner", SafeText, nullable=False, default=""),
    # Addresses and tokens as JSON, never shown in full.
    Column("config", SafeText, nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("added_ms", BigInteger, nullable=False),
    # new, ok, failing
    Column("health", SafeString, nullable=False, default="new"),
    Column("problem", SafeText),
    Column("failures", Integer, nullable=False, default=0),
    Column("last_ok_ms", BigInteger),
    Column("last_failed_ms", BigInteger),
    # Nothing is sent before this time: the channel's pace, or a pause after a failure.
    Column("not_before_ms", BigInteger, nullable=False, default=0),
    # Only one process at a time sends on a channel, to keep order and pace.
    Column("leased_by", SafeString),
    Column("lease_until_ms", BigInteger, nullable=False, default=0),
    # The person whose devices it represents, or whose device it is; null for all others.
    Column("person", SafeString(32)),
)

mutes = Table(
    "mutes",
    metadata,
    Column("id", SafeString, primary_key=True),
    # Empty for all subscriptions of the owner.
    Column("subscription", SafeString, nullable=False),
    Column("owner", SafeText, nullable=False),
    # story, outlet
    Column("kind", SafeString, nullable=False),
    Column("value", SafeText, nullable=False),
    # Null: until the mute is removed.
    Column("until_ms", BigInteger),
    Column("muted_by", SafeText, nullable=False),
    Column("muted_ms", BigInteger, nullable=False),
    Index("ix_mutes_subscription", "subscription"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", SafeString, primary_key=True),
    Column("run", SafeString, nullable=False),
    Column("alert", SafeString, nullable=False),
    Column("subscription", SafeString, nullable=False),
    Column("story", SafeString, nullable=False),
    Column("article", SafeString, nullable=False),
    Column("channel", SafeString, nullable=False),
    # alert, kill
    Column("kind", SafeString, nullable=False),
    Column("level", SafeString, nullable=False),
    # held, muted, queued, sent, failed, withdrawn
    Column("status", SafeString, nullable=False),
    Column("why", SafeText, nullable=False, default=""),
    Column("due_ms", BigInteger, nullable=False),
    Column("planned_ms", BigInteger, nullable=False),
    Column("message", SafeString),
    Column("sent_ms", BigInteger),
    # The alert as JSON.
    Column("record", Text, nullable=False),
    Index("ix_deliveries_status_due_ms", "status", "due_ms"),
    Index("ix_deliveries_alert", "alert"),
    Index("ix_deliveries_message", "message"),
    Index("ix_deliveries_subscription_story", "subscription", "story"),
    Index("ix_deliveries_article", "article"),
)

delivery_state = Table(
    "delivery_state",
    metadata,
    Column("name", SafeString, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)

delivery_keys = Table(
    "delivery_keys",
    metadata,
    Column("name", SafeString, primary_key=True),
    Column("value", SafeText, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", SafeString, primary_key=True),
    Column("channel", SafeString, nullable=False),
    Column("subscription", SafeString, nullable=False),
    # alert, digest, kill, test, briefing
    Column("kind", SafeString, nullable=False),
    Column("level", SafeString, nullable=False),
    # waiting, sent, failed, cancelled
    Column("status", SafeString, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("queued_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("problem", SafeText),
    Column("sent_ms", BigInteger),
    Index("ix_messages_status_channel_due_ms", "status", "channel", "due_ms"),
    Index("ix_messages_subscription_channel_queued_ms", "subscription", "channel", "queued_ms"),
)

# A handover reads which deliveries were held back since a time.
deliveries_by_time = Index("ix_deliveries_run_planned_ms", deliveries.c.run, deliveries.c.planned_ms)
