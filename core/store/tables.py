"""The tables that several packages share. Every row belongs to a run; times are event times in whole milliseconds, UTC.

Only types and constraints that SQLite and PostgreSQL share. Records are stored whole as JSON in ``record``; what is searched,
joined or ordered by has a column of its own. ``place`` is an order key in its sortable form (``OrderKey.sortable``). Times of
counts and canaries are wall-clock times, except ``last_ms`` of ``source_activity``.

=====================  ============================================================================================
runs                   one row a run: its owner and how far it is (``seq`` rises by one with every transaction of results)
commits                when each of those transactions was stored, and which number of its epoch it reached
outcomes               how each raw record ended; ``lost`` covers a range; the first write wins
articles               the current version of each article, enriched
versions               every version of each article, with the story stage's index entry for it
article_aliases        addresses whose records belong to the article of another address: its forms for print, sharing
page_requests          pages that are to be fetched again: walls, and what a person asked for; see ``core.store.page_requests``
retries                rejected records that go through again; see ``core.store.retries``
stories                one row a story, updated with every article
alerts                 one row an alert
subscriptions          every version of every stored query, by scope (``live``, or a run given its own)
topics                 every version of every topic, likewise
outbox                 records waiting to be relayed to streams or people
text_limits            how long texts are kept, by outlet; see ``core.store.text_limits``
takedowns              articles that were taken down: their text is deleted, and what comes of them again is rejected
story_decisions        what editors decided about stories, each with its place in the run and what it changed
story_links            for new articles: through which others they joined a story, or nearly did, and the score's reasons
counters               sums that only rise, by run, name and label; see ``core.store.counts``
gauges                 latest values by run and name, with their times
source_activity        how many articles came from each source, and the latest of them
pruned                 how far a run was pruned, by table; see ``pipeline.ledger.pruning``
canaries               when each canary passed each stage; kept for some days
=====================  ============================================================================================
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from core.store.metadata import IndexedString, PlaceString, SafeString, SafeText, metadata

# SQLite numbers rows by itself only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

is_rejected = sa.text("kind = 'rejected'")
is_late = sa.text("late")
is_leased = sa.text("leased_by IS NOT NULL")
"""Of an outcome, and of a row of the outbox; as texts and not as parameters, or a partial index would not be found."""

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
    # New rejections, which are few, for readers that follow the run.
    Index("ix_outcomes_rejected", "run", "seq", sqlite_where=is_rejected, postgresql_where=is_rejected),
    # Those that came late, for replays.
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
    # The id of the address, and that of the article to which it belongs.
    Column("alias", SafeString, primary_key=True),
    Column("article", SafeString, nullable=False),
    # From which place on.
    Column("place", PlaceString, nullable=False),
    Index("ix_article_aliases_run_article", "run", "article"),
)

page_requests = Table(
    "page_requests",
    metadata,
    Column("run", SafeString, primary_key=True),
    # The id of its address.
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
    # Of the new record: its partition, where that ended before the append, and its offset.
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
    # What the alert rule takes it to have told, as JSON, if an editor's decision changed that (``pipeline.ledger.decisions``).
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
    # Filters, delivery, schedule and the like as JSON; defaults are left out.
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
    # Who saved it on the desk; empty: it is from a file.
    Column("saved_by", SafeString, nullable=False, default="", server_default=sa.text("''")),
)

label_versions = Table(
    "label_versions",
    metadata,
    Column("scope", SafeString, primary_key=True),
    # Case-folded: case does not count in the names of outlets.
    Column("outlet", SafeString, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("effective_from_ms", BigInteger, nullable=False),
    # All labels that it has from then on, as a JSON list; sorted.
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
    # Each second a process asks who holds leases: on few rows, also while a million wait for a stream that is away.
    Index("ix_outbox_leased_by", "leased_by", sqlite_where=is_leased, postgresql_where=is_leased),
    # No id is given twice, as on PostgreSQL: who stood still would strike off a later row instead of the one it had sent.
    sqlite_autoincrement=True,
)

takedowns = Table(
    "takedowns",
    metadata,
    Column("article", SafeString, primary_key=True),
    # Rises with every takedown, so that readers see that something changed.
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
    # 0: without limit; null: the default counts again.
    Column("keep_ms", BigInteger),
    Column("set_by", SafeText, nullable=False, default=""),
)

story_decisions = Table(
    "story_decisions",
    metadata,
    Column("run", SafeString, primary_key=True),
    # Rises from 1 in each run; a replay gives the numbers of the run that it replays.
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The place that the run had reached.
    Column("place", PlaceString, nullable=False),
    # Of the story that lost articles, so that its address still leads somewhere.
    Column("story", SafeString, nullable=False),
    Column("into", SafeString, nullable=False),
    # The decision that it takes back.
    Column("undoes", Integer),
    # As JSON: the decision, and what it changed.
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
    # Another article, as which's story was found near.
    Column("other", SafeString, primary_key=True),
    # Whether the article joined its story through it; else its story is only related.
    Column("joined", Boolean, nullable=False),
    # In hundredths, as what it was made of in ``inputs``, JSON by name.
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
    # New articles only: versions, copies and the like don't count.
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
    # Of older ones rows are gone: event time, for commits the wall clock.
    Column("before_ms", BigInteger, nullable=False),
    # When the oldest that was there began.
    Column("first_ms", BigInteger),
    # Rises with every deletion: for commits it is the seq up to which they were thinned out.
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

# The desk lists the newest articles of one outlet, and alerts of one subscription; nothing else asks for these.
articles_by_source = Index("ix_articles_run_source_place", articles.c.run, articles.c.source, articles.c.place)
alerts_by_subscription = Index("ix_alerts_run_subscription_place", alerts.c.run, alerts.c.subscription, alerts.c.place)
# The rows of one story, or of one article, in order. With an index that ends before the place, SQLite prefers to walk the
# whole run by place: a story's page took minutes on a million articles.
articles_by_story = Index("ix_articles_run_story_place", articles.c.run, articles.c.story, articles.c.place)
alerts_by_story = Index("ix_alerts_run_story_place", alerts.c.run, alerts.c.story, alerts.c.place)
outcomes_by_article = Index("ix_outcomes_run_article_place", outcomes.c.run, outcomes.c.article, outcomes.c.place)
# Readers that follow changes ask by seq, for stories too.
stories_by_seq = Index("ix_stories_run_seq", stories.c.run, stories.c.seq)
