"""The tables of the desk: people, sessions, tokens, audit, marks, shifts; and the desk's indexes on the pipeline's tables.

Times are milliseconds since the epoch, UTC. Passwords, sessions and tokens lie here only as hashes.

=====================  ============================================================================================
people                 one row an account; ``password`` is an Argon2 hash, or null for one that signs in by a proxy
sessions               one row a browser that is signed in; ``hash`` is that of the cookie
access_tokens          one row a token of a program; ``hash`` is that of the token
audit                  who did what, when, from where; rows are only ever added
story_marks            what one person has read or starred: ``read_seq`` is the story's ``seq`` when it was read
shift_stories          one row a story that somebody took on, or had to: who has it, and whether it is done
shift_notes            what people wrote down for the next shift, and every claim and handover; rows are only ever added
=====================  ============================================================================================
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table

from pipeline.store import delivery_tables as delivery
from pipeline.store import tables as t
from pipeline.store.metadata import SafeString, SafeText, metadata

# SQLite numbers rows by itself only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", SafeString(32), primary_key=True),
    # As it is compared: folded. What the person typed when it was made is ``shown``.
    Column("name", SafeString(100), nullable=False, unique=True),
    Column("shown", SafeText, nullable=False),
    # reader, editor, admin
    Column("role", SafeString(16), nullable=False),
    Column("password", SafeText),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", SafeString(64), primary_key=True),
    Column("person", SafeString(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("address", SafeText, nullable=False, default=""),
    Column("agent", SafeText, nullable=False, default=""),
    Index("ix_sessions_person", "person"),
    Index("ix_sessions_ends_ms", "ends_ms"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", SafeString(32), primary_key=True),
    Column("hash", SafeString(64), nullable=False, unique=True),
    Column("person", SafeString(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("name", SafeText, nullable=False),
    # read, write
    Column("scope", SafeString(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("ends_ms", BigInteger),
    Index("ix_access_tokens_person", "person"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    # The person's id; null before sign-in and for the command line. ``name`` stays when the account goes.
    Column("person", SafeString(32)),
    Column("name", SafeText, nullable=False, default=""),
    Column("address", SafeText, nullable=False, default=""),
    Column("action", SafeString(60), nullable=False),
    Column("subject", SafeText, nullable=False, default=""),
    Column("detail", SafeText, nullable=False, default=""),
    Index("ix_audit_at_ms", "at_ms"),
)

story_marks = Table(
    "story_marks",
    metadata,
    # No foreign key: the demo's person has no account.
    Column("person", SafeString(32), primary_key=True),
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # Null: never read. Less than the story's seq: it has changed since. -1: marked as unread. In the row of story "":
    # the seq up to which everything counts as read.
    Column("read_seq", BigInteger),
    Column("starred_ms", BigInteger),
    Index("ix_story_marks_person_run_starred_ms", "person", "run", "starred_ms"),
)

shift_stories = Table(
    "shift_stories",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # claimed, assigned, done, open (given back)
    Column("state", SafeString(16), nullable=False),
    # The name as shown, too: the demo's person has no account, and names stay when an account goes.
    Column("holder", SafeString(32)),
    Column("holder_name", SafeText, nullable=False, default=""),
    Column("by_name", SafeText, nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_shift_stories_run_state_changed_ms", "run", "state", "changed_ms"),
)

shift_notes = Table(
    "shift_notes",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run", SafeString, nullable=False),
    # Empty: of the shift as a whole.
    Column("story", SafeString, nullable=False, default=""),
    Column("at_ms", BigInteger, nullable=False),
    Column("person", SafeString(32), nullable=False),
    Column("name", SafeText, nullable=False),
    # note, claimed, assigned, done, open, handover
    Column("kind", SafeString(16), nullable=False),
    Column("text", SafeText, nullable=False, default=""),
    Index("ix_shift_notes_run_at_ms", "run", "at_ms"),
    Index("ix_shift_notes_run_story", "run", "story"),
)

# The desk lists the newest articles of one outlet, and alerts of one subscription; nothing else asks for these.
articles_by_source = Index("ix_articles_run_source_place", t.articles.c.run, t.articles.c.source, t.articles.c.place)
alerts_by_subscription = Index(
    "ix_alerts_run_subscription_place", t.alerts.c.run, t.alerts.c.subscription, t.alerts.c.place
)
# What belongs to one story, or to one article, in order. With an index that stops before the place, SQLite rather walks the
# whole run by place: a story's page took minutes on a million articles.
articles_by_story = Index("ix_articles_run_story_place", t.articles.c.run, t.articles.c.story, t.articles.c.place)
alerts_by_story = Index("ix_alerts_run_story_place", t.alerts.c.run, t.alerts.c.story, t.alerts.c.place)
outcomes_by_article = Index("ix_outcomes_run_article_place", t.outcomes.c.run, t.outcomes.c.article, t.outcomes.c.place)
# Changes are followed by seq, stories too.
stories_by_seq = Index("ix_stories_run_seq", t.stories.c.run, t.stories.c.seq)
# A handover asks which deliveries were held back since a moment.
deliveries_by_time = Index("ix_deliveries_run_planned_ms", delivery.deliveries.c.run, delivery.deliveries.c.planned_ms)
