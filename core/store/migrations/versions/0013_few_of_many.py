"""indexes for the few rows that are asked for all the time: under a lease, and waiting for their pages"""

from __future__ import annotations

import sqlalchemy as sa

from core.store import online

revision = "few_of_many"
down_revision = "preferences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.add_index("ix_outbox_leased_by", "outbox", ["leased_by"], where=sa.text("leased_by IS NOT NULL"))
    online.add_index("ix_feed_items_pending", "feed_items", ["feed"], where=sa.text("status = 'pending'"))
