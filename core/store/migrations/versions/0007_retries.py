"""rejected records that go through again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "retries"
down_revision = "page_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retries",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("new_partition", sa.Integer(), nullable=True),
        sa.Column("since_offset", sa.BigInteger(), nullable=True),
        sa.Column("new_offset", sa.BigInteger(), nullable=True),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "stream", "partition", "record_offset", name="pk_retries"),
        if_not_exists=True,
    )
    op.create_index("ix_retries_run_state", "retries", ["run", "state"], if_not_exists=True)
    op.create_index("ix_retries_run_new_offset", "retries", ["run", "new_offset"], if_not_exists=True)
