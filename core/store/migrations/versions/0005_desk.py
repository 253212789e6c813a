"""the desk: people, sessions, tokens, audit, marks, shifts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_sessions_person_people"), ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_person", "sessions", ["person"])
    op.create_index("ix_sessions_ends_ms", "sessions", ["ends_ms"])
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.Column("ends_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_access_tokens_hash")),
        sa.ForeignKeyConstraint(
            ["person"], ["people.id"], name=op.f("fk_access_tokens_person_people"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_access_tokens_person", "access_tokens", ["person"])
    op.create_table(
        "audit",
        sa.Column("id", _row_id, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(32)),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"])
    op.create_table(
        "story_marks",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("story", sa.String(), nullable=False),
        sa.Column("read_seq", sa.BigInteger()),
        sa.Column("starred_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("person", "run", "story", name=op.f("pk_story_marks")),
    )
    op.create_index("ix_story_marks_person_run_starred_ms", "story_marks", ["person", "run", "starred_ms"])
    op.create_index("ix_articles_run_source_place", "articles", ["run", "source", "place"])
    op.create_index("ix_alerts_run_subscription_place", "alerts", ["run", "subscription", "place"])
    op.create_index("ix_stories_run_seq", "stories", ["run", "seq"])
    op.create_table(
        "shift_stories",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("story", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(32)),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "story", name=op.f("pk_shift_stories")),
    )
    op.create_index("ix_shift_stories_run_state_changed_ms", "shift_stories", ["run", "state", "changed_ms"])
    op.create_table(
        "shift_notes",
        sa.Column("id", _row_id, autoincrement=True, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("story", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_notes")),
    )
    op.create_index("ix_shift_notes_run_at_ms", "shift_notes", ["run", "at_ms"])
    op.create_index("ix_shift_notes_run_story", "shift_notes", ["run", "story"])
    op.create_index("ix_deliveries_run_planned_ms", "deliveries", ["run", "planned_ms"])
