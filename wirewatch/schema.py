"""All tables of the store: importing this fills ``metadata``. Each domain owns its tables; only here they are all named."""

from __future__ import annotations

import pipeline.ledger.tables  # noqa: F401 - all of these are imported for what they register
from core.store.metadata import metadata

__all__ = ["metadata"]
