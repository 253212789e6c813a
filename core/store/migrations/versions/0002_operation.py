"""operation: counters, gauges, activity of sources, frontiers, canaries"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A store that is in use already: what was counted on demand until now.
FILLED = (
    (
        "INSERT INTO counters (run, name, label, value) "
        "SELECT run, 'outcomes', kind, SUM(last_offset - first_offset + 1) FROM outcomes GROUP BY run, kind"
    ),
    (
        "INSERT INTO source_activity (run, source, articles, last_ms, last_article) "
        "SELECT run, SUBSTR(source, 1, 300), COUNT(*), MAX(CAST(SUBSTR(place, 1, 15) AS BIGINT)), MAX(id) "
        "FROM articles GROUP BY run, SUBSTR(source, 1, 300)"
    ),
)


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "name", "label", name=op.f("pk_counters")),
    )
    op.create_table(
        "gauges",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "name", name=op.f("pk_gauges")),
    )
    op.create_table(
        "source_activity",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("articles", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_article", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run", "source", name=op.f("pk_source_activity")),
    )
    op.create_table(
        "run_frontiers",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "stream", "partition", name=op.f("pk_run_frontiers")),
    )
    op.create_table(
        "canaries",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("appended_ms", sa.BigInteger(), nullable=True),
        sa.Column("handled_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("alert", sa.String(), nullable=True),
        sa.Column("relayed_ms", sa.BigInteger(), nullable=True),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run", "id", name=op.f("pk_canaries")),
    )
    with op.batch_alter_table("canaries", schema=None) as batch_op:
        batch_op.create_index("ix_canaries_run_made_ms", ["run", "made_ms"], unique=False)
    for statement in FILLED:
        op.execute(statement)
