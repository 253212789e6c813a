"""how long texts are kept, by outlet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "text_limits"
down_revision = "languages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_limits",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("effective_from_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("keep_ms", sa.BigInteger(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "effective_from_ms", name="pk_text_limits"),
        if_not_exists=True,
    )
