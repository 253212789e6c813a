"""The MetaData of all tables of the store, and column types with the same behaviour on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Dialect, MetaData, String, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# PostgreSQL stores no NULs in text, and neither database stores lone surrogates; pages and file names contain both.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` with U+FFFD in place of each character that a database does not accept."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


class SafeString(TypeDecorator[str]):
    """Short text of any origin; see ``storable``."""

    impl: type[String] = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Applied to both written and compared values, so a row is found by the value it was stored with."""
        return None if value is None else storable(value)


INDEXED = 300
"""Most characters of indexed text: a row of a PostgreSQL index has at most 2,704 bytes."""


class IndexedString(SafeString):
    """The first ``INDEXED`` characters of text of any origin, both when written and when compared."""

    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """The first ``INDEXED`` characters."""
        return None if value is None else storable(value[:INDEXED])


class SafeText(SafeString):
    """Text of any origin; see ``storable``."""

    impl = Text
    cache_ok = True


class PlaceString(SafeString):
    """A sortable order key, which sorts by code point whatever the collation of the PostgreSQL database."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The type in a dialect."""
        kind = String(collation="C") if dialect.name == "postgresql" else String()
        return dialect.type_descriptor(kind)
