"""what editors decided about stories, and why articles joined them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import online

revision = "story_decisions"
down_revision = "walls"
branch_labels = None
depends_on = None

PLACE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "story_decisions",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("place", PLACE, nullable=False),
        sa.Column("story", sa.String(), nullable=False),
        sa.Column("into", sa.String(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("effects", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_story_decisions"),
        if_not_exists=True,
    )
    op.create_index("ix_story_decisions_run_story", "story_decisions", ["run", "story"], if_not_exists=True)
    op.create_table(
        "story_links",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("other", sa.String(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "article", "other", name="pk_story_links"),
        if_not_exists=True,
    )
    op.create_index("ix_story_links_run_other", "story_links", ["run", "other"], if_not_exists=True)
    online.add_column("alerts", sa.Column("mark", sa.Text(), nullable=True))
