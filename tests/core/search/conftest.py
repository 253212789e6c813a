"""Stores for the index to follow, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.search import SearchIndex
from core.store import Store, StoreReader
from tests.core.store.conftest import ledger, store, store_url

__all__ = ["ledger", "store", "store_url"]


@pytest.fixture
def reader(store: Store) -> StoreReader:
    return StoreReader(store, "live")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    """An empty index."""
    made = SearchIndex.open(tmp_path / "search")
    yield made
    made.close()
