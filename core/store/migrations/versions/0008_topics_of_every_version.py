"""topics of every version, when it was fetched; indexes that 0007 superseded"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SUPERSEDED = (
    ("ix_articles_run_story", "articles", "story"),
    ("ix_alerts_run_story", "alerts", "story"),
    ("ix_outcomes_run_article", "outcomes", "article"),
)


def upgrade() -> None:
    # Null for versions that were stored before: nobody knows any more.
    op.add_column("versions", sa.Column("topics", sa.Text()))
    op.add_column("versions", sa.Column("fetched_ms", sa.BigInteger()))
    for name, table, _ in _SUPERSEDED:
        op.drop_index(name, table)


def downgrade() -> None:
    for name, table, column in _SUPERSEDED:
        op.create_index(name, table, ["run", column])
    op.drop_column("versions", "fetched_ms")
    op.drop_column("versions", "topics")
