"""delivery: rules of subscriptions, what was sent to whom"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _string(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=null)


def _ms(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null)


def upgrade() -> None:
    with op.batch_alter_table("subscriptions") as batch_op:
        batch_op.add_column(sa.Column("rules", sa.Text(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("edited_by", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "story_facts",
        _string("run"),
        _string("story"),
        _text("record"),
        sa.PrimaryKeyConstraint("run", "story", name=op.f("pk_story_facts")),
    )
    op.create_table(
        "channels",
        _string("name"),
        _string("kind"),
        _text("owner"),
        _text("config"),
        _whole("per_minute"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _ms("added_ms"),
        _string("health"),
        _text("problem", null=True),
        _whole("failures"),
        _ms("last_ok_ms", null=True),
        _ms("last_failed_ms", null=True),
        _ms("not_before_ms"),
        _string("leased_by", null=True),
        _ms("lease_until_ms"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channels")),
    )
    op.create_table(
        "mutes",
        _string("id"),
        _string("subscription"),
        _text("owner"),
        _string("kind"),
        _text("value"),
        _ms("until_ms", null=True),
        _text("muted_by"),
        _ms("muted_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mutes")),
    )
    op.create_index("ix_mutes_subscription", "mutes", ["subscription"])
    op.create_table(
        "deliveries",
        _string("id"),
        _string("run"),
        _string("alert"),
        _string("subscription"),
        _string("story"),
        _string("article"),
        _string("channel"),
        _string("kind"),
        _string("level"),
        _string("status"),
        _text("why"),
        _ms("due_ms"),
        _ms("planned_ms"),
        _string("message", null=True),
        _ms("sent_ms", null=True),
        _text("record"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    for columns in (["status", "due_ms"], ["alert"], ["message"], ["subscription", "story"], ["article"]):
        op.create_index(f"ix_deliveries_{'_'.join(columns)}", "deliveries", columns)
    op.create_table(
        "messages",
        _string("id"),
        _string("channel"),
        _string("subscription"),
        _string("kind"),
        _string("level"),
        _string("status"),
        _ms("due_ms"),
        _ms("queued_ms"),
        _whole("attempts"),
        _text("problem", null=True),
        _ms("sent_ms", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    for columns in (["status", "channel", "due_ms"], ["subscription", "channel", "queued_ms"]):
        op.create_index(f"ix_messages_{'_'.join(columns)}", "messages", columns)
    op.create_table(
        "delivery_state",
        _string("name"),
        _ms("stamp"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_delivery_state")),
    )
