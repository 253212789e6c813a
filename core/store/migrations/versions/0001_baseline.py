"""the schema of the first release: every table of every package"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

# Not "0001": that was the first of eight migrations before the first release, and a store of then must not pass for one of now.
revision = "baseline"
down_revision = None
branch_labels = None
depends_on = None

_TYPES = {
    "string": sa.String(),
    "text": sa.Text(),
    "int": sa.Integer(),
    "big": sa.BigInteger(),
    "bool": sa.Boolean(),
    "bytes": sa.LargeBinary(),
    # Sorted by code point, whatever the collation of the database.
    "place": sa.String().with_variant(sa.String(collation="C"), "postgresql"),
    # SQLite numbers rows by itself only for INTEGER keys.
    "row_id": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
}
_COLUMN = re.compile(
    r"(?P<name>\w+) (?P<type>\w+)(\((?P<length>\d+)\))?(?P<null>\?)?(?P<unique> unique)?( -> (?P<of>\w+))?"
)


def _table(name: str, columns: str, *, key: str, indexes: tuple[str, ...] = ()) -> None:
    """Make a table. A column is ``name type``, with ``?`` where it may be null, ``-> table`` where it is that table's id."""
    parts: list[sa.Column[object] | sa.Constraint] = []
    for text in columns.split(", "):
        found = _COLUMN.fullmatch(text)
        if found is None:
            raise ValueError(f"{name}: {text!r} is not a column")
        column = found["name"]
        kind = sa.String(int(found["length"])) if found["length"] else _TYPES[found["type"]]
        # Only a row_id counts by itself.
        parts.append(sa.Column(column, kind, nullable=bool(found["null"]), autoincrement=found["type"] == "row_id"))
        if found["unique"]:
            parts.append(sa.UniqueConstraint(column, name=op.f(f"uq_{name}_{column}")))
        if other := found["of"]:
            constraint = op.f(f"fk_{name}_{column}_{other}")
            parts.append(sa.ForeignKeyConstraint([column], [f"{other}.id"], name=constraint, ondelete="CASCADE"))
    op.create_table(name, *parts, sa.PrimaryKeyConstraint(*key.split(), name=op.f(f"pk_{name}")))
    for index in indexes:
        op.create_index(f"ix_{name}_{'_'.join(index.split())}", name, index.split())


def upgrade() -> None:
    # core.store
    _table(
        "runs",
        "name string, kind string, owner string, epoch int, seq big, last_place place?, spec text, created_ms big",
        key="name",
    )
    _table(
        "commits",
        "run string, seq big, stored_ms big, epoch int, handled big",
        key="run seq",
    )
    _table(
        "run_offsets",
        "run string, stream string, partition int, first_offset big",
        key="run stream partition",
    )
    _table(
        "contiguous_offsets",
        "run string, stream string, partition int, next_offset big",
        key="run stream partition",
    )
    _table(
        "outcomes",
        "run string, stream string, partition int, first_offset big, last_offset big, kind string, item text, "
        "article string?, version int?, stage string?, reason string?, place place?, late bool, seq big",
        key="run stream partition first_offset",
        indexes=("run article place", "run place"),
    )
    # A terminal that follows the run asks for new rejections each second; they are few, and an index on all outcomes is not.
    rejected = sa.text("kind = 'rejected'")
    op.create_index(
        "ix_outcomes_rejected", "outcomes", ["run", "seq"], sqlite_where=rejected, postgresql_where=rejected
    )
    _table(
        "articles",
        "run string, id string, version int, place place, story string, source string, record text, seq big",
        key="run id",
        indexes=("run place", "run seq", "run source place", "run story place"),
    )
    _table(
        "versions",
        "run string, article string, version int, version_hash string, text_hash string, place place, "
        "event_ms big, story string, duplicate_of string?, source string, language string?, fingerprint bytes, "
        "difference text?, backfill bool, title text, text text, topics text, fetched_ms big, seq big",
        key="run article version",
        indexes=("run event_ms", "run seq"),
    )
    _table(
        "stories",
        "run string, id string, headline text, first_ms big, last_ms big, articles int, copies int, sources text, "
        "seq big",
        key="run id",
        indexes=("run last_ms", "run seq"),
    )
    _table(
        "alerts",
        "run string, id string, subscription string, story string, article string, place place, record text, seq big",
        key="run id",
        indexes=("run place", "run seq", "run story place", "run subscription place"),
    )
    _table(
        "subscriptions",
        "scope string, id string, version int, effective_from_ms big, active bool, query text, name text, "
        "owner text, saved_ms big, rules text, edited_by text",
        key="scope id version",
    )
    _table(
        "topics",
        "scope string, name string, version int, effective_from_ms big, active bool, definition text, saved_ms big",
        key="scope name version",
    )
    _table(
        "outbox",
        "id row_id, run string, destination string, key string, payload text, status string, taken_by string?, "
        "taken_ms big?",
        key="id",
        indexes=("status id",),
    )
    _table(
        "takedowns",
        "article string, stamp big, url text, reason text, by text, taken_ms big",
        key="article",
    )
    _table(
        "counters",
        "run string, name string, label string, value big",
        key="run name label",
    )
    _table(
        "gauges",
        "run string, name string, value big, at_ms big",
        key="run name",
    )
    _table(
        "source_activity",
        "run string, source string, articles big, last_ms big, last_article string",
        key="run source",
    )
    _table(
        "canaries",
        "run string, id string, token string, made_ms big, appended_ms big?, handled_ms big?, outcome string?, "
        "reason text?, alert string?, relayed_ms big?, delivered_ms big?",
        key="run id",
        indexes=("run made_ms",),
    )
    # pipeline.ledger
    _table(
        "story_facts",
        "run string, story string, record text",
        key="run story",
    )
    _table(
        "replays",
        "name string, spec text, base string?, from_ms big, to_ms big, no_claim text?, state string, done big, "
        "total big?, delivers bool, started_ms big, finished_ms big?",
        key="name",
    )
    # connectors.store
    _table(
        "feeds",
        "id string(32), kind string(64), url text, source text, active bool, added_at big, revision int, next_poll_at big, "
        "health string(16), problem text?, problem_kind string(16)?, failures int, last_ok_at big?, title text?, "
        "state text?, host string(255), "
        "leased_by string(100)?, lease_until big, requested_at big, verified_at big?, about text?",
        key="id",
        indexes=("active next_poll_at", "host lease_until"),
    )
    _table(
        "hub_subscriptions",
        "feed string(32) -> feeds, token string(64) unique, secret string(200), hub text, topic text, "
        "status string(16), asked_at big, lease_until big, pushed_at big?, problem text?",
        key="feed",
    )
    _table(
        "host_pace",
        "host string(255), free_at big",
        key="host",
    )
    _table(
        "feed_items",
        "feed string(32) -> feeds, key string(32), digest string(32), first_seen_at big, status string(16), "
        "backfill bool, place int, attempts int, retry_at big, done_at big, left_at big?, problem text?, "
        "problem_kind string(16)?, item text?",
        key="feed key",
    )
    _table(
        "polls",
        "feed string(32), first_ms big, last_ms big, times int, problem text?, "
        "problem_kind string(16)?, new int, changed int, unchanged int, appended int, pages text?",
        key="feed first_ms",
        indexes=("last_ms",),
    )
    # desk.delivery.store
    _table(
        "channels",
        "name string, kind string, owner text, config text, per_minute int, active bool, added_ms big, "
        "health string, problem text?, failures int, last_ok_ms big?, last_failed_ms big?, not_before_ms big, "
        "leased_by string?, lease_until_ms big",
        key="name",
    )
    _table(
        "mutes",
        "id string, subscription string, owner text, kind string, value text, until_ms big?, muted_by text, "
        "muted_ms big",
        key="id",
        indexes=("subscription",),
    )
    _table(
        "deliveries",
        "id string, run string, alert string, subscription string, story string, article string, channel string, "
        "kind string, level string, status string, why text, due_ms big, planned_ms big, message string?, "
        "sent_ms big?, record text",
        key="id",
        indexes=("alert", "article", "message", "run planned_ms", "status due_ms", "subscription story"),
    )
    _table(
        "messages",
        "id string, channel string, subscription string, kind string, level string, status string, due_ms big, "
        "queued_ms big, attempts int, problem text?, sent_ms big?",
        key="id",
        indexes=("status channel due_ms", "subscription channel queued_ms"),
    )
    _table(
        "delivery_state",
        "name string, stamp big",
        key="name",
    )
    # desk.people, desk.live, desk.shifts
    _table(
        "people",
        "id string(32), name string(100) unique, shown text, role string(16), password text?, active bool, "
        "created_ms big",
        key="id",
    )
    _table(
        "sessions",
        "hash string(64), person string(32) -> people, created_ms big, seen_ms big, ends_ms big, address text, "
        "agent text",
        key="hash",
        indexes=("ends_ms", "person"),
    )
    _table(
        "access_tokens",
        "id string(32), hash string(64) unique, person string(32) -> people, name text, scope string(16), "
        "created_ms big, used_ms big?, ends_ms big?",
        key="id",
        indexes=("person",),
    )
    _table(
        "audit",
        "id row_id, at_ms big, person string(32)?, name text, address text, action string(60), subject text, "
        "detail text",
        key="id",
        indexes=("at_ms",),
    )
    _table(
        "story_marks",
        "person string(32), run string, story string, read_seq big?, starred_ms big?",
        key="person run story",
        indexes=("person run starred_ms",),
    )
    _table(
        "shift_stories",
        "run string, story string, state string(16), holder string(32)?, holder_name text, by_name text, "
        "changed_ms big",
        key="run story",
        indexes=("run state changed_ms",),
    )
    _table(
        "shift_notes",
        "id row_id, run string, story string, at_ms big, person string(32), name text, kind string(16), text text",
        key="id",
        indexes=("run at_ms", "run story"),
    )
