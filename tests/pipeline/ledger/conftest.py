"""The ledger's tests run on SQLite and on a real PostgreSQL, as the store's do."""

from __future__ import annotations

from tests.core.store.conftest import ledger, store, store_url

__all__ = ["ledger", "store", "store_url"]
