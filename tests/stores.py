"""The schema of an empty store, made once a run by the real migrations and copied from then on.

A migration of an empty store costs 80 ms of CPU with SQLite and more with PostgreSQL; thousands of tests open one each.
Tests of the migrations themselves ask for the fixture ``real_migrations``. For PostgreSQL, databases are copied from a
template, emptied and used again (``tests.servers.postgres``).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import sqlalchemy as sa

from core.store import open_store, upgrade


class SchemaCopier:
    """Stands for ``core.store.engine.bring_up_to_date``: an empty SQLite store gets the schema of ``template`` first.

    Then the real function runs in any case, and finds a current store. ``template``: a file, which is made when the first
    store is opened.
    """

    def __init__(self, template: Path) -> None:
        self._template, self._real = template, upgrade.bring_up_to_date
        self._made: sqlite3.Connection | None = None
        self._one_at_a_time = threading.RLock()

    def __call__(self, opened: sa.Engine, url: str) -> None:
        if opened.dialect.name == "sqlite" and opened.url.database != str(self._template):
            self._copy(opened)
        self._real(opened, url)

    def _copy(self, opened: sa.Engine) -> None:
        with self._one_at_a_time, opened.connect() as connection:
            copy = connection.connection.driver_connection
            assert isinstance(copy, sqlite3.Connection)
            # Of what can't be opened, the real function says why.
            with contextlib.suppress(sqlite3.Error):
                # Page by page: to execute the statements again would take longer than all else at opening.
                if not copy.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self._source().backup(copy)

    def _source(self) -> sqlite3.Connection:
        if self._made is None:
            open_store(f"sqlite:///{self._template}").close()
            self._made = sqlite3.connect(self._template, check_same_thread=False)
        return self._made
