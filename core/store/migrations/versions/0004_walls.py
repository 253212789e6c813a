"""texts that rest at several addresses of a host, addresses of one article, and how many walls came from each outlet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# As in the baseline: sorted by code point whatever the database's collation.
PLACE = sa.String().with_variant(sa.String(collation="C"), "postgresql")

revision = "walls"
down_revision = "alert_work"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_sightings",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("place", PLACE, nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("announced", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run", "digest", "place", name="pk_text_sightings"),
        if_not_exists=True,
    )
    op.create_index("ix_text_sightings_run_place", "text_sightings", ["run", "place"], if_not_exists=True)
    op.create_table(
        "article_aliases",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("place", PLACE, nullable=False),
        sa.PrimaryKeyConstraint("run", "alias", name="pk_article_aliases"),
        if_not_exists=True,
    )
    op.create_index("ix_article_aliases_run_article", "article_aliases", ["run", "article"], if_not_exists=True)
    op.create_table(
        "wall_counts",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("walls", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "source", "kind", "day", name="pk_wall_counts"),
        if_not_exists=True,
    )
