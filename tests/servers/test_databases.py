"""Databases that tests use one after the other: each is like a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import StoreError
from core.store import Store, open_store
from core.store import tables as t
from tests.servers.postgres import Databases

pytestmark = pytest.mark.postgres
ROW = {"run": "live", "destination": "d", "status": "waiting", "key": "1", "payload": "p"}


def sent(store: Store) -> list[int]:
    """The numbers of all rows of the outbox after one more."""
    with store.writing() as connection:
        connection.execute(t.outbox.insert(), [ROW])
        return list(connection.execute(sa.select(t.outbox.c.id)).scalars())


def test_one_that_is_used_again_has_no_rows_and_counts_from_the_beginning(postgres_server: Path) -> None:
    databases = Databases(postgres_server)
    with databases.lent() as first:
        store = open_store(first)
        assert sent(store) == [1]
    with databases.lent() as second:
        again = open_store(second)
        assert sent(again) == [1]
        again.close()
        # What the first test left running reaches nothing.
        with pytest.raises(StoreError):
            sent(store)
    store.close()
    assert len(databases.empty) == 1


@pytest.mark.parametrize("change", ["DROP INDEX ix_outbox_key", "UPDATE alembic_version SET version_num = '0'"])
def test_one_whose_schema_was_changed_is_not_used_again(postgres_server: Path, change: str) -> None:
    databases = Databases(postgres_server)
    with databases.lent() as url:
        store = open_store(url)
        with store.writing() as connection:
            connection.execute(sa.text(change))
        store.close()
    assert databases.empty == []
