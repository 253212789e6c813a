"""The one MetaData that all tables of the store hang on, and column types that SQLite and PostgreSQL share."""

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

# PostgreSQL's text holds no NUL, and neither database a half of a surrogate pair: pages and file names bring both.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` with U+FFFD for each character that no database takes."""
    return text if text.isascii() and "\0" not in text else _UNSTORABLE.sub("\ufffd", text)


class SafeString(TypeDecorator[str]):
    """A short text of any origin; see ``storable``."""

    impl: type[String] = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Applies to what is written and to what is compared, so a row is found by what it was stored under."""
        return None if value is None else storable(value)


INDEXED = 300
"""Characters of a text of any origin that an index takes: PostgreSQL's rows of an index hold 2,704 bytes."""


class IndexedString(SafeString):
    """The beginning of a text of any origin, as long as an index takes; written and compared alike."""

    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """The first ``INDEXED`` characters."""
        return None if value is None else storable(value[:INDEXED])


class SafeText(SafeString):
    """Text of any origin; see ``storable``."""

    impl = Text
    cache_ok = True


class Place(SafeString):
    """A sortable order key. Sorted by code point also where PostgreSQL's own collation is a language's."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The type on a dialect."""
        kind = String(collation="C") if dialect.name == "postgresql" else String()
        return dialect.type_descriptor(kind)
