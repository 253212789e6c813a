"""The store: the state that all services share, in SQLite (embedded) or PostgreSQL, by SQLAlchemy Core and Alembic."""

from core.store.engine import Store, open_store
from core.store.results import StoreReader
from core.store.subscriptions import StoredTopic, SubscriptionStore

__all__ = ["Store", "StoreReader", "StoredTopic", "SubscriptionStore", "open_store"]
