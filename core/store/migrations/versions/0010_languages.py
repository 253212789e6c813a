"""the language in which a person reads the desk"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "languages"
down_revision = "label_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("people")}
    if "language" not in there:
        op.add_column("people", sa.Column("language", sa.String(16), nullable=True))
