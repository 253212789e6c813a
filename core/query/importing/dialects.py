"""The dialects by name, and the way in."""

from __future__ import annotations

from typing import NamedTuple

from core.query.importing.brandwatch import Brandwatch
from core.query.importing.cision import Cision
from core.query.importing.factiva import Factiva
from core.query.importing.google import Google
from core.query.importing.meltwater import Meltwater
from core.query.importing.reader import Change, Reader
from core.query.importing.tree import show

DIALECTS: dict[str, type[Reader]] = {
    "meltwater": Meltwater,
    "factiva": Factiva,
    "brandwatch": Brandwatch,
    "cision": Cision,
    "google": Google,
}


class Imported(NamedTuple):
    """A query in our language, and what reads differently from the vendor's text, in its order, each remark once."""

    query: str
    changes: tuple[Change, ...]


def import_query(query: str, dialect: str) -> Imported:
    """``query``, written in the dialect of that name (a key of ``DIALECTS``), in our language.

    Raises QueryError, with the position in the vendor's text, for what does not parse in the dialect and for what has no
    equivalent here: nothing is left out that decides what matches. KeyError for a dialect that is not known.
    """
    reader = DIALECTS[dialect](query)
    tree = reader.read()
    changes = sorted(Change(position, text) for text, position in reader.changes.items())
    return Imported(show(tree), tuple(changes))
