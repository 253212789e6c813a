"""devices of people that are notified by Web Push, and the key that its messages are signed with"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import online

revision = "push"
down_revision = "outbox_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.add_column("channels", sa.Column("person", sa.String(32), nullable=True))
    op.create_table(
        "delivery_keys",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_delivery_keys"),
        if_not_exists=True,
    )
