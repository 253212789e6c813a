"""what a desk did about its alerts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "alert_work"
down_revision = "pruning"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_work",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("alert", sa.String(), nullable=False),
        sa.Column("subscription", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(32), nullable=True),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("relevant", sa.Boolean(), nullable=True),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "alert", name="pk_alert_work"),
        if_not_exists=True,
    )
    op.create_index("ix_alert_work_run_holder", "alert_work", ["run", "holder"], if_not_exists=True)
    op.create_index(
        "ix_alert_work_run_subscription_changed_ms",
        "alert_work",
        ["run", "subscription", "changed_ms"],
        if_not_exists=True,
    )
