"""Queries of other vendors in our language (FIELD has the differences). Pure.

One module a dialect: its tokens and what they mean. ``reader`` has the grammar that they share, ``tree`` the neutral form
and its text. A new dialect is one module, a line in ``dialects`` and a table of cases.
"""

from core.query.importing.dialects import DIALECTS, Imported, import_query
from core.query.importing.reader import Change

__all__ = ["DIALECTS", "Change", "Imported", "import_query"]
