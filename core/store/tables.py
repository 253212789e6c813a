"""The tables shared by several packages. Every row belongs to a run; times are event times in whole milliseconds, UTC.

They use only types and constraints that SQLite and PostgreSQL share. Whole records are stored as JSON in ``record``;
fields for searching, joining or ordering have columns of their own. ``place`` is a sortable order key
(``OrderKey.sortable``). Times of counts and canaries are wall-clock times, except ``last_ms`` of ``source_activity``.

=====================  ============================================================================================
runs                   a row per run: its owner and progress (``seq`` rises by one with every transaction of results)
commits                when each of those transactions was stored, and the number in its epoch that it reached
outcomes               the outcome of each raw record; ``lost`` covers a range; the first write wins
articles               the current version of each article, enriched
versions               every version of each article, with the story stage's index entry for it
article_aliases        addresses whose records belong to the article of another address: forms for print, sharing
page_requests          pages to fetch again: walls, and requests of people; see ``core.store.page_requests``
retries                retries of rejected records; see ``core.store.retries``
stories                a row per story, updated with every article
alerts                 a row per alert
subscriptions          every version of every stored query, by scope (``live``, or a run with its own)
topics                 every version of every topic, likewise
outbox                 records waiting to be relayed to streams or people
text_limits            how long texts are kept, by outlet; see ``core.store.text_limits``
takedowns              articles that were taken down: their text is deleted, and new records of them are rejected
story_decisions        editors' decisions about stories, each with its place in the run and its changes
story_links            for new articles: those through which they joined a story or nearly did, and the reasons for the score
counters               sums that only increase, by run, name and label; see ``core.store.counts``
gauges                 latest values by run and name, with their times
source_activity        number of articles of each source, and the latest of them
pruned                 how far a run was pruned, by table; see ``pipeline.ledger.pruning``
canaries               when each canary passed each stage; kept for some days
=====================  ============================================================================================
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from core.store.metadata import IndexedString, PlaceString, SafeString, SafeText, metadata

# SQLite assigns row numbers only to INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

is_rejected = sa.text("kind = 'rejected'")
is_late = sa.text("late")
is_leased = sa.text("leased_by IS NOT NULL")
"""Conditions on outcomes and rows of the outbox. As text, not as parameters: otherwise partial indexes would not be used."""

runs = Table(
    "runs",
    metadata,
    Column("name", SafeString, primary_key=True),
    Column("kind", SafeString, nullable=False),
    Column("owner", SafeString, nullable=False),
    Column("epoch", Integer, nullable=False, default=0),
    Column("seq", BigInteger, nullable=False, default=0),
    Column("last_place", PlaceString),
    Column("spec", Text, nullable=False, default="{}"),
    Column("created_ms", BigInteger, nullable=False),
)

commits = Table(
    "commits",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("stored_ms", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("handled", BigInteger, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("first_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("kind", SafeString, nullable=False),
    Column("item", SafeText, nullable=False, default=""),
    Column("article", SafeString),
    Column("version", Integer),
    Column("stage", SafeString),
    Column("reason", SafeString),
    Column("place", PlaceString),
    Column("late", Boolean, nullable=False, default=False),
    Column("seq", BigInteger, nullable=False),
    Index("ix_outcomes_run_place", "run", "place"),
    # For readers that follow the run: new rejections, which are few.
    Index("ix_outcomes_rejected", "run", "seq", sqlite_where=is_rejected, postgresql_where=is_rejected),
    # For replays: records that came late.
    Index(
        "ix_outcomes_late",
        "run",
        "stream",
        "partition",
        "first_offset",
        sqlite_where=is_late,
        postgresql_where=is_late,
    ),
)

articles = Table(
    "articles",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("id", SafeString, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("place", PlaceString, nullable=False),
    Column("story", SafeString, nullable=False),
    Column("source", IndexedString, nullable=False),
    Column("record", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("ix_articles_run_place", "run", "place"),
    Index("ix_articles_run_seq", "run", "seq"),
)

versions = Table(
    "versions",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("article", SafeString, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("version_hash", SafeString, nullable=False),
    Column("text_hash", SafeString, nullable=False),
    Column("place", PlaceString, nullable=False),
    Column("event_ms", BigInteger, nullable=False),
    Column("story", SafeString, nullable=False),
    Column("duplicate_of", SafeString),
    Column("source", SafeString, nullable=False),
    Column("language", SafeString),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("difference", SafeText),
    Column("backfill", Boolean, nullable=False, default=False),
    Column("title", SafeText, nullable=False),
    Column("text", SafeText, nullable=False),
    Column("topics", SafeText, nullable=False),
    Column("fetched_ms", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("ix_versions_run_event_ms", "run", "event_ms"),
    Index("ix_versions_run_seq", "run", "seq"),
)

article_aliases = Table(
    "article_aliases",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The id for the address, and that of the article that it belongs to.
    Column("alias", SafeString, primary_key=True),
    Column("article", SafeString, nullable=False),
    # The place from which it applies.
    Column("place", PlaceString, nullable=False),
    Index("ix_article_aliases_run_article", "run", "article"),
)

page_requests = Table(
    "page_requests",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The id for its address.
    Column("article", SafeString, primary_key=True),
    Column("url", SafeText, nullable=False),
    # Without credentials.
    Column("feed_url", SafeText, nullable=False),
    Column("title", SafeText),
    Column("backfill", Boolean, nullable=False),
    # by_hand, or the kind of wall.
    Column("reason", SafeString, nullable=False),
    Column("tries", Integer, nullable=False),
    # waiting (until ask_ms), asked, over (the limit is reached)
    Column("state", SafeString, nullable=False),
    Column("ask_ms", BigInteger, nullable=False),
    Index("ix_page_requests_run_state_ask_ms", "run", "state", "ask_ms"),
)

retries = Table(
    "retries",
    metadata,
    # The position of the rejected record.
    Column("run", SafeString, primary_key=True),
    Column("stream", SafeString, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    # asked, begun, appended, gone
    Column("state", SafeString, nullable=False),
    # How often the record had been rejected by then.
    Column("failures", Integer, nullable=False),
    # Why it is gone.
    Column("problem", SafeText),
    # The new record's partition, the end of the partition before the append, and the record's offset.
    Column("new_partition", Integer),
    Column("since_offset", BigInteger),
    Column("new_offset", BigInteger),
    Column("asked_ms", BigInteger, nullable=False),
    Column("asked_by", SafeText, nullable=False),
    Index("ix_retries_run_state", "run", "state"),
    Index("ix_retries_run_new_offset", "run", "new_offset"),
)

stories = Table(
    "stories",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("id", SafeString, primary_key=True),
    Column("headline", SafeText, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("articles", Integer, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("sources", SafeText, nullable=False, default="[]"),
    Column("seq", BigInteger, nullable=False),
    Index("ix_stories_run_last_ms", "run", "last_ms"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("id", SafeString, primary_key=True),
    Column("subscription", IndexedString, nullable=False),
    Column("story", SafeString, nullable=False),
    Column("article", SafeString, nullable=False),
    Column("place", PlaceString, nullable=False),
    Column("record", Text, nullable=False),
    # What the alert rule treats as already reported in it, as JSON, if an editor's decision changed that
    # (``pipeline.ledger.decisions``).
    Column("mark", Text),
    Column("seq", BigInteger, nullable=False),
    Index("ix_alerts_run_place", "run", "place"),
    Index("ix_alerts_run_seq", "run", "seq"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("scope", SafeString, primary_key=True),
    Column("id", SafeString, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("effective_from_ms", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("query", SafeText, nullable=False),
    Column("name", SafeText, nullable=False, default=""),
    Column("owner", SafeText, nullable=False, default=""),
    Column("saved_ms", BigInteger, nullable=False),
    # Filters, delivery, schedule and so on as JSON; defaults are left out.
    Column("rules", Text, nullable=False, default="{}"),
    Column("edited_by", SafeText, nullable=False, default=""),
)

topics = Table(
    "topics",
    metadata,
    Column("scope", SafeString, primary_key=True),
    Column("name", SafeString, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("effective_from_ms", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("definition", SafeText, nullable=False),
    Column("saved_ms", BigInteger, nullable=False),
    # Who saved it on the desk; empty: it comes from a file.
    Column("saved_by", SafeString, nullable=False, default="", server_default=sa.text("''")),
)

label_versions = Table(
    "label_versions",
    metadata,
    Column("scope", SafeString, primary_key=True),
    # Case-folded: names of outlets ignore case.
    Column("outlet", SafeString, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("effective_from_ms", BigInteger, nullable=False),
    # All its labels from then on, as a sorted JSON list.
    Column("labels", SafeText, nullable=False),
    Column("saved_ms", BigInteger, nullable=False),
    Column("saved_by", SafeText, nullable=False, default=""),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run", SafeString, nullable=False),
    Column("destination", SafeString, nullable=False),
    Column("key", SafeString, nullable=False),
    Column("payload", Text, nullable=False),
    Column("status", SafeString, nullable=False, default="waiting"),
    Column("leased_by", SafeString),
    Column("lease_until_ms", BigInteger),
    Index("ix_outbox_status_id", "status", "id"),
    Index("ix_outbox_destination_run_id", "destination", "run", "id"),
    # What waits of an article whose text goes: the key has the run in it.
    Index("ix_outbox_key", "key"),
    # Every second a process looks for leases: among few rows, even while a million wait for a stream that can't be
    # reached.
    Index("ix_outbox_leased_by", "leased_by", sqlite_where=is_leased, postgresql_where=is_leased),
    # No id is used twice, as on PostgreSQL: a process that was suspended would delete a later row instead of the one it
    # sent.
    sqlite_autoincrement=True,
)

takedowns = Table(
    "takedowns",
    metadata,
    Column("article", SafeString, primary_key=True),
    # Rises with every takedown, so that readers notice the change.
    Column("stamp", BigInteger, nullable=False),
    Column("url", SafeText, nullable=False),
    Column("reason", SafeText, nullable=False),
    Column("by", SafeText, nullable=False, default=""),
    Column("taken_ms", BigInteger, nullable=False),
    Index("ix_takedowns_stamp", "stamp"),
)

text_limits = Table(
    "text_limits",
    metadata,
    # Empty: all outlets without a limit of their own.
    Column("source", IndexedString, primary_key=True),
    Column("effective_from_ms", BigInteger, primary_key=True, autoincrement=False),
    # 0: no limit; null: the default applies again.
    Column("keep_ms", BigInteger),
    Column("set_by", SafeText, nullable=False, default=""),
)

story_decisions = Table(
    "story_decisions",
    metadata,
    Column("run", SafeString, primary_key=True),
    # Rises from 1 in each run; a replay uses the numbers of the run that it replays.
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The place that the run had reached.
    Column("place", PlaceString, nullable=False),
    # The story that lost articles, so that links to it still work.
    Column("story", SafeString, nullable=False),
    Column("into", SafeString, nullable=False),
    # The decision that it undoes.
    Column("undoes", Integer),
    # As JSON: the decision and its changes.
    Column("record", SafeText, nullable=False),
    Column("effects", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("ix_story_decisions_run_story", "run", "story"),
)

story_links = Table(
    "story_links",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("article", SafeString, primary_key=True),
    # The other article, through which the story was found.
    Column("other", SafeString, primary_key=True),
    # Whether the article joined the story through it; otherwise that story is only related.
    Column("joined", Boolean, nullable=False),
    # In hundredths, as are its parts in ``inputs``, JSON by name.
    Column("score", Integer, nullable=False),
    Column("inputs", Text, nullable=False),
    Index("ix_story_links_run_other", "run", "other"),
)

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
    # Only new articles: versions, copies and so on don't count.
    Column("articles", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_article", SafeString, nullable=False),
)

pruned = Table(
    "pruned",
    metadata,
    Column("run", SafeString, primary_key=True),
    # outcomes, articles, commits, texts
    Column("what", SafeString, primary_key=True),
    # Rows from before are gone: event time, or the wall clock for commits.
    Column("before_ms", BigInteger, nullable=False),
    # The time of the first row that ever was there.
    Column("first_ms", BigInteger),
    # Rises with every deletion; for commits, the seq up to which they were thinned out.
    Column("upto", BigInteger, nullable=False),
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

# The desk lists the newest articles of an outlet, and the alerts of a subscription; nothing else needs these.
articles_by_source = Index("ix_articles_run_source_place", articles.c.run, articles.c.source, articles.c.place)
alerts_by_subscription = Index("ix_alerts_run_subscription_place", alerts.c.run, alerts.c.subscription, alerts.c.place)
# The rows of a story or an article, in order. If the index ended before the place, SQLite would prefer to scan the
# whole run by place: a story's page took minutes on a million articles.
articles_by_story = Index("ix_articles_run_story_place", articles.c.run, articles.c.story, articles.c.place)
alerts_by_story = Index("ix_alerts_run_story_place", alerts.c.run, alerts.c.story, alerts.c.place)
outcomes_by_article = Index("ix_outcomes_run_article_place", outcomes.c.run, outcomes.c.article, outcomes.c.place)
# Readers that follow changes select by seq, also for stories.
stories_by_seq = Index("ix_stories_run_seq", stories.c.run, stories.c.seq)
