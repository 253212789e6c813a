"""Each test of the store runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store import Store, open_store
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.transforms.support import NOON_MS


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path}/склад ü 1%20.db"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    made = open_store(store_url)
    yield made
    made.close()


@pytest.fixture
def ledger(store: Store) -> RunLedger:
    """The ledger of a run that its owner has just taken."""
    made = RunLedger(store, "live", "me")
    made.take(kind="live", now_ms=NOON_MS)
    return made
