"""labels of outlets as versions, by which queries decide"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "label_versions"
down_revision = "overview"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    fresh = not sa.inspect(bind).has_table("label_versions")
    op.create_table(
        "label_versions",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("outlet", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("saved_ms", sa.BigInteger(), nullable=False),
        sa.Column("saved_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "outlet", "version", name="pk_label_versions"),
        if_not_exists=True,
    )
    if not fresh:
        return
    # What outlets are called already holds from the beginning: no query could ask for it before.
    known: dict[str, set[str]] = {}
    labels = sa.table("outlet_labels", sa.column("source", sa.String()), sa.column("label", sa.String()))
    for source, label in bind.execute(sa.select(labels.c.source, labels.c.label)):
        known.setdefault(source.casefold(), set()).add(label)
    names = ("scope", "outlet", "version", "effective_from_ms", "labels", "saved_ms", "saved_by")
    versions = sa.table("label_versions", *(sa.column(name) for name in names))
    rows = [("live", outlet, 1, 0, msgspec.json.encode(sorted(each)).decode(), 0, "") for outlet, each in known.items()]
    if rows:
        bind.execute(sa.insert(versions), [dict(zip(names, row, strict=True)) for row in rows])
