"""Bringing a store to the current schema by Alembic, inside the caller's transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
HEAD = KNOWN[-1]
_MIGRATIONS = Path(__file__).parent / "migrations"


class UnknownSchema(Exception):
    """The store has a schema that this version doesn't know."""


def upgrade(connection: sa.Connection) -> None:
    """Apply what is missing. Several processes may do so at once: SQLite's write lock or an advisory lock serialises them.

    A store that is current costs one query, since Alembic takes a while to load. Raises UnknownSchema where a later
    version made the store.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7791843)"))
    version = _version(connection)
    if version == HEAD:
        return
    if version is not None and version not in KNOWN:
        raise UnknownSchema(f"its schema is {version}, this version knows {HEAD} at most")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return version
