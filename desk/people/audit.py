"""The audit trail: who did what at the desk. Rows are only ever added."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from core.store.engine import Store
from desk.people import tables as d

PAGE = 100


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One act. ``person`` None: nobody was signed in, or the command line did it. ``id`` is set when it is read."""

    at_ms: int
    action: str
    person: str | None = None
    name: str = ""
    address: str = ""
    subject: str = ""
    detail: str = ""
    id: int | None = None


class Audit:
    """Writes and reads the trail. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def note(self, line: AuditLine) -> None:
        """Add a line."""
        values = msgspec.structs.asdict(line)
        del values["id"]
        with self.store.writing() as connection:
            connection.execute(d.audit.insert().values(**values))

    def page(self, *, before: int | None = None, limit: int = PAGE) -> list[AuditLine]:
        """The newest lines first; ``before``: only those with a smaller id."""
        query = sa.select(d.audit).order_by(d.audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(d.audit.c.id < before)
        with self.store.reading() as connection:
            return [AuditLine(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name
