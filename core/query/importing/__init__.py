"""Translates queries of other vendors into this language (docs/queries.md lists the differences). Pure.

One module per dialect has its tokens and their meaning. ``reader`` has the shared grammar, ``tree`` the neutral form
and its text. A new dialect needs a module, its name in ``Dialect`` and ``DIALECTS``, and a table of cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from core.errors import QueryError
from core.query.importing.brandwatch import Brandwatch
from core.query.importing.cision import Cision
from core.query.importing.factiva import Factiva
from core.query.importing.google import Google
from core.query.importing.meltwater import Meltwater
from core.query.importing.reader import DialectReader, ImportNote
from core.query.importing.tree import show
from core.query.parse import parse

__all__ = ["DIALECTS", "Dialect", "ImportNote", "Imported", "import_query"]


Dialect = Literal["brandwatch", "cision", "factiva", "google", "meltwater"]
"""The vendors, by the names that the API and the command line take."""

_READERS: Mapping[Dialect, type[DialectReader]] = {
    "brandwatch": Brandwatch,
    "cision": Cision,
    "factiva": Factiva,
    "google": Google,
    "meltwater": Meltwater,
}
DIALECTS: Mapping[str, type[DialectReader]] = {str(name): reader for name, reader in _READERS.items()}


class Imported(NamedTuple):
    """A query in this language, with notes on the differences from the vendor's text, in its order, each note once."""

    query: str
    changes: tuple[ImportNote, ...]


def import_query(query: str, dialect: str) -> Imported:
    """Translate ``query`` from the dialect of that name (a key of ``DIALECTS``) to this language.

    Raises QueryError, with the position in the vendor's text, if it does not parse in the dialect or has a construct
    without equivalent: nothing that affects matching is dropped. Also raises it if the result is too large for one
    query. Raises KeyError for an unknown dialect.
    """
    reader = DIALECTS[dialect](query)
    try:
        made = show(reader.read())
    except RecursionError as error:
        # Chains within groups within chains: not a query that a person wrote.
        raise QueryError("it is nested too deeply", query=query, position=0) from error
    parse(made)
    changes = sorted(ImportNote(position, text) for text, position in reader.changes.items())
    return Imported(made, tuple(changes))
