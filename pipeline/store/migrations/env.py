"""Alembic's entry: runs the migrations on the connection it is given."""

from __future__ import annotations

from alembic import context

import pipeline.store.feed_tables
import pipeline.store.tables  # noqa: F401
from pipeline.store.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
