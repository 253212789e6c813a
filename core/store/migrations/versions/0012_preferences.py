"""what people set for themselves: settings, and views of pages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "preferences"
down_revision = "text_limits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_settings",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "name", name="pk_person_settings"),
        if_not_exists=True,
    )
    op.create_table(
        "saved_views",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("page", sa.String(16), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("saved_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "page", "name", name="pk_saved_views"),
        if_not_exists=True,
    )
