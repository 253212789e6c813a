"""A query made ready to run, and its run over one document."""

from __future__ import annotations

from core.query.ast import Query
from core.query.core import AllOf, Core
from core.query.document import Document
from core.query.leaves import Word
from core.query.lower import lower
from core.records.article import Match


class CompiledQuery:
    """A query that can be run over any number of documents; it keeps nothing of them."""

    __slots__ = ("core", "guard", "required", "text", "unguarded")

    def __init__(self, text: str, core: Core) -> None:
        self.text, self.core = text, core
        self.required: frozenset[str] = frozenset()
        """Words that the document must have, ``guard`` some of which it must have one, ``unguarded`` what must hold besides.

        So an index can refuse most candidates without a call.
        """
        self.guard: frozenset[str] | None = None
        self.unguarded: tuple[Core, ...] = (core,)
        if isinstance(core, Word):
            self.required, self.unguarded = frozenset((core.key,)), ()
        elif isinstance(core, AllOf):
            self.required, self.guard, self.unguarded = core.required, core.guard, core.unguarded

    def holds(self, document: Document) -> bool:
        """Whether the document matches, for half the price of what in it does."""
        words = document.words
        return (
            self.required <= words
            and (self.guard is None or not self.guard.isdisjoint(words))
            and self.holds_besides(document)
        )

    def holds_besides(self, document: Document) -> bool:
        """Whether a document that has the ``required`` words and one of ``guard`` matches."""
        for part in self.unguarded:  # noqa: SIM110 - a third quicker than all()
            if not part.holds(document):
                return False
        return True

    def match(self, document: Document) -> tuple[Match, ...] | None:
        """What in ``document`` made the query match, sorted, without repeats; None where it does not match.

        These are the stretches of the leaves (terms and phrases) of every part that holds: of ``(a AND b) OR c`` only c's
        where b is missing; of a NEAR those that are near. Shown are title and text: what is below a NOT, or in another
        field, is not, so a document that matches for its source or for what it lacks gives ``()``. Raises OverflowError
        where a NEAR meets a document made to blow it up.
        """
        return self.shown(document) if self.holds(document) else None

    def shown(self, document: Document) -> tuple[Match, ...]:
        """``match`` for a document that is known to match."""
        found: set[int] = set()
        self.core.show(document, None, found)
        return document.matches_of(found, shown=True)


def compile_query(query: Query) -> CompiledQuery:
    """Make ``query`` ready to run. Depth was limited when it was parsed. The tree isn't kept: it is ten times as large."""
    return CompiledQuery(query.text, lower(query.root))
