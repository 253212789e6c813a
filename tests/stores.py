"""The schema of an empty store, made once a run by the real migrations and copied from then on.

A migration of an empty store costs 80 ms of CPU with SQLite and more with PostgreSQL; thousands of tests open one each.
Tests of the migrations themselves ask for the fixture ``real_migrations``. For PostgreSQL, databases are copied from a
template, emptied and used again (``tests.servers.postgres``).
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import sqlalchemy as sa

from core.store import engine, open_store, upgrade

_STATEMENTS = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"


class SchemaCopier:
    """Stands for ``core.store.engine.bring_up_to_date``: an empty SQLite store gets the schema of ``template`` first.

    Then the real function runs in any case, and finds a current store. ``template``: a file, which is made when the first
    store is opened.
    """

    def __init__(self, template: Path) -> None:
        self._template, self._real = template, engine.bring_up_to_date
        self._script: list[str] = []
        self._making = threading.RLock()

    def __call__(self, opened: sa.Engine, url: str) -> None:
        if opened.dialect.name == "sqlite" and opened.url.database != str(self._template):
            self._copy(opened)
        self._real(opened, url)

    def _copy(self, opened: sa.Engine) -> None:
        script = self._made()
        with opened.execution_options(wirewatch_write=True).connect() as connection, connection.begin():
            if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
                for statement in script:
                    connection.exec_driver_sql(statement)
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (upgrade.SCHEMAS[-1],))

    def _made(self) -> list[str]:
        with self._making:
            if not self._script:
                open_store(f"sqlite:///{self._template}").close()
                made = sqlite3.connect(self._template)
                self._script = [statement for (statement,) in made.execute(_STATEMENTS)]
                made.close()
            return self._script
