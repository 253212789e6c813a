"""Brings a store's schema up to date: one process at a time, while services of the previous version may be running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import structlog

from core.errors import StoreError

log = structlog.get_logger()

SCHEMAS = (
    "baseline",
    "pruning",
    "alert_work",
    "walls",
    "story_decisions",
    "page_requests",
    "retries",
    "overview",
    "label_versions",
    "languages",
    "text_limits",
    "preferences",
    "few_of_many",
    "outbox_keys",
    "push",
)
"""The revisions of ``migrations``, oldest first."""
_BEFORE = tuple(f"{number:04}" for number in range(1, 9))
"""The revisions from before the first release: no user has such a store, so they are not migrated."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7791843
_POLL_S, _SAY_S = 0.1, 5.0


def bring_up_to_date(engine: sa.Engine, url: str, to: str = SCHEMAS[-1]) -> None:
    """Apply missing migrations. Several processes may call it at once: one does the work, the others wait.

    For a current store it only makes one query and takes no lock, since Alembic takes a while to load. ``to``: an
    earlier revision, for tests. Raises StoreError for a schema that this version doesn't know, otherwise SQLAlchemy's
    errors.
    """
    if engine.dialect.name != "postgresql":
        # SQLite's write lock lets one in.
        with engine.execution_options(wirewatch_write=True).connect() as connection, connection.begin():
            if not _is_current(connection, url):
                _migrate(connection, to)
        return
    with engine.connect() as connection:
        if _is_current(connection, url):
            return
        connection.rollback()
        with _alone(connection, url):
            # Some steps are transactions of their own, so this can't be one.
            if not _is_current(connection, url):
                connection.rollback()
                _migrate(connection, to)


def _is_current(connection: sa.Connection, url: str) -> bool:
    version: str | None = None
    if sa.inspect(connection).has_table("alembic_version"):
        version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if version in _BEFORE:
        raise StoreError(
            f"{url}: this store is from before the first release (schema {version}) and can't be used",
            hint="move it away and start again: this creates a new store and processes the raw stream again",
        )
    if version is not None and version not in SCHEMAS:
        raise StoreError(
            f"{url}: its schema is {version}, but this version supports at most {SCHEMAS[-1]}",
            hint="upgrade Wirewatch, or use another store",
        )
    return version == SCHEMAS[-1]


def _migrate(connection: sa.Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@contextmanager
def _alone(connection: sa.Connection, url: str) -> Iterator[None]:
    """Hold the lock for migrations. It belongs to the session, so a process that dies releases it.

    It polls for the lock: a statement that waits for a lock has a snapshot, and building an index beside writers waits
    for all snapshots, so a waiting process would block the one that it waits for.
    """
    begun, said = time.monotonic(), False
    while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK))).scalar():
        connection.rollback()
        if not said and time.monotonic() - begun > _SAY_S:
            log.info("waiting for another process that is upgrading the store", store=url)
            said = True
        time.sleep(_POLL_S)
    connection.rollback()
    try:
        yield
    finally:
        if not connection.closed and not connection.invalidated:
            connection.rollback()
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
            connection.rollback()
