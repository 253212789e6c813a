"""The store: what the pipeline knows, in SQLite (embedded) or PostgreSQL (a team), by SQLAlchemy Core and Alembic."""

from pipeline.store.engine import Store, open_store
from pipeline.store.ledger import BundleContext, RunLedger, RunState
from pipeline.store.queries import QueryShelf, StoredTopic
from pipeline.store.reading import StoreReader

__all__ = [
    "BundleContext",
    "QueryShelf",
    "RunLedger",
    "RunState",
    "Store",
    "StoreReader",
    "StoredTopic",
    "open_store",
]
