"""what the hours brought, when people last looked, labels of outlets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "overview"
down_revision = "retries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hour_counts",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "hour_ms", name="pk_hour_counts"),
        if_not_exists=True,
    )
    op.create_table(
        "looks",
        sa.Column("person", sa.String(32), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("before_ms", sa.BigInteger(), nullable=False),
        sa.Column("latest_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "run", name="pk_looks"),
        if_not_exists=True,
    )
    op.create_table(
        "outlet_labels",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "label", name="pk_outlet_labels"),
        if_not_exists=True,
    )
