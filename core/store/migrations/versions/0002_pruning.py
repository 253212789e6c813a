"""what a store needs to grow old: how far it was pruned, and indexes for what is asked all the time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import online

revision = "pruning"
down_revision = "baseline"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pruned",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("before_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=True),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "what", name="pk_pruned"),
        if_not_exists=True,
    )
    online.add_column(
        "contiguous_offsets", sa.Column("pruned_below", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    # Relays and delivery ask for their rows each second, also while a million others wait for a stream that is away.
    online.add_index("ix_outbox_destination_run_id", "outbox", ["destination", "run", "id"])
    # A replay begins with the records that came late, which are few.
    late = sa.text("late")
    online.add_index("ix_outcomes_late", "outcomes", ["run", "stream", "partition", "first_offset"], where=late)
    # Each bundle asks for the newest.
    online.add_index("ix_takedowns_stamp", "takedowns", ["stamp"])
