"""All tables of the store: importing this fills ``metadata``."""

from __future__ import annotations

from pipeline.store import delivery_tables, desk_tables, feed_tables, history_tables, operation_tables, tables
from pipeline.store.metadata import metadata

__all__ = [
    "delivery_tables",
    "desk_tables",
    "feed_tables",
    "history_tables",
    "metadata",
    "operation_tables",
    "tables",
]
