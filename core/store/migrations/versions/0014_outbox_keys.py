"""an index for what waits of an article: its text goes there too"""

from __future__ import annotations

from core.store import online

revision = "outbox_keys"
down_revision = "few_of_many"
branch_labels = None
depends_on = None


def upgrade() -> None:
    online.add_index("ix_outbox_key", "outbox", ["key"])
