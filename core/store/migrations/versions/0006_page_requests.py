"""pages that are to be fetched again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "page_requests"
down_revision = "story_decisions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "page_requests",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("feed_url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ask_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "article", name="pk_page_requests"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_page_requests_run_state_ask_ms", "page_requests", ["run", "state", "ask_ms"], if_not_exists=True
    )
