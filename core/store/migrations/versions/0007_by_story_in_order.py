"""indexes by story, and by article, in order of place"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_articles_run_story_place", "articles", "story"),
    ("ix_alerts_run_story_place", "alerts", "story"),
    ("ix_outcomes_run_article_place", "outcomes", "article"),
)


def upgrade() -> None:
    for name, table, column in _INDEXES:
        op.create_index(name, table, ["run", column, "place"])


def downgrade() -> None:
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
