"""Alembic's entry: runs the migrations on the connection it is given.

A migration is a transaction, unless it uses ``core.store.online``, whose steps are some of their own; with SQLite all are
part of the caller's.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], render_as_batch=True, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
