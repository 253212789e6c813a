"""Queries of other vendors in our language (FIELD has the differences). Pure.

One module a dialect: its tokens and what they mean. ``reader`` has the grammar that they share, ``tree`` the neutral form
and its text. A new dialect is one module, a line in ``dialects`` and a table of cases.
"""

from __future__ import annotations

from typing import NamedTuple

from core.query.importing.brandwatch import Brandwatch
from core.query.importing.cision import Cision
from core.query.importing.factiva import Factiva
from core.query.importing.google import Google
from core.query.importing.meltwater import Meltwater
from core.query.importing.reader import DialectReader, ImportNote
from core.query.importing.tree import show

__all__ = ["DIALECTS", "ImportNote", "Imported", "import_query"]


DIALECTS: dict[str, type[DialectReader]] = {
    "meltwater": Meltwater,
    "factiva": Factiva,
    "brandwatch": Brandwatch,
    "cision": Cision,
    "google": Google,
}


class Imported(NamedTuple):
    """A query in our language, and what reads differently from the vendor's text, in its order, each remark once."""

    query: str
    changes: tuple[ImportNote, ...]


def import_query(query: str, dialect: str) -> Imported:
    """``query``, written in the dialect of that name (a key of ``DIALECTS``), in our language.

    Raises QueryError, with the position in the vendor's text, for what does not parse in the dialect and for what has no
    equivalent here: nothing is left out that decides what matches. KeyError for a dialect that is not known.
    """
    reader = DIALECTS[dialect](query)
    tree = reader.read()
    changes = sorted(ImportNote(position, text) for text, position in reader.changes.items())
    return Imported(show(tree), tuple(changes))
