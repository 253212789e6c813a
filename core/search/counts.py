"""ATLEAST as a question to the index alone: how often a word stands in a document is a term of its own.

A word that stands in title and text ``n`` times in all has the terms ``word×2`` to ``word×n`` in the field ``often``, at most
``word×MOST_TIMES``. So ATLEAST/3 of a word is one term, and of a list of words that three of all their terms are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import tantivy

from core.query.core import AnyOf, Core
from core.query.leaves import Word

MOST_TIMES = 6
"""Above that the matcher decides: hardly anybody asks for more, and each time is a term."""
TIMES = "\N{MULTIPLICATION SIGN}"
"""Stands between a word and its number; no key holds it."""
_MOST_WORDS = 48


def often_terms(counts: Mapping[str, int]) -> Iterator[str]:
    """The terms of a document's words, by their terms: for each word from 2 to as often as it stands there."""
    for term, count in counts.items():
        for times in range(2, min(count, MOST_TIMES) + 1):
            yield f"{term}{TIMES}{times}"


def counted_words(part: Core) -> Sequence[Word] | None:
    """The words that an ATLEAST counts; None where it counts anything else."""
    words = [part] if isinstance(part, Word) else part.parts if isinstance(part, AnyOf) else ()
    several = [word for word in words if isinstance(word, Word)]
    return several if several and len(several) == len(words) <= _MOST_WORDS else None


def at_least(schema: tantivy.Schema, terms: Sequence[str], count: int) -> tantivy.Query:
    """Documents in which the words of these terms stand ``count`` times or more (2 to MOST_TIMES), all taken together."""
    clauses = [
        tantivy.Query.term_query(schema, "often", f"{term}{TIMES}{times}")
        for term in terms
        for times in range(2, count + 1)
    ]
    if len(terms) == 1:
        return clauses[-1]
    # That a word is there at all counts once.
    clauses += [
        tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(schema, name, term)) for name in ("title", "text")]
        )
        for term in terms
    ]
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Should, one) for one in clauses], minimum_number_should_match=count
    )
