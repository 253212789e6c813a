"""A subscription's filters (topics, languages, outlets) as a part of its query. Case does not count in any of them.

As a conjunction they are required terms, so the index of stored queries refuses most articles without running the query;
checked afterwards they would save nothing. ``topic:`` and ``lang:`` compare whole values. ``source:`` searches for words,
so outlets are also compared in full (``admits``): "Post" is not "Morning Post". ``core.search.filters_of`` gives the
same filters to a search.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import QueryError
from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.compile import compile_query
from core.query.document import document_of
from core.query.parse import parse
from core.records.alert import Subscription
from core.records.article import Article


def effective_query(subscription: Subscription) -> Query:
    """The query and the filters as one query. Raises QueryError.

    An outlet whose name has no word that ``source:`` could search for is left to ``admits``.
    """
    own = parse(subscription.query)
    parts = [
        _any("topic", subscription.topics),
        _any("lang", [one.lower() for one in subscription.languages]),
        _any("source", subscription.outlets),
    ]
    wanted = [part for part in parts if part]
    return parse(" AND ".join([f"({subscription.query})", *wanted])) if wanted else own


def admits(subscription: Subscription, source: str) -> bool:
    """Whether the subscription's outlets admit an article of the outlet ``source``."""
    return not subscription.outlets or source.casefold() in {one.casefold() for one in subscription.outlets}


def meets(subscription: Subscription, article: Article) -> bool:
    """Whether the article matches the query and all filters, as the live matcher decides it. Raises QueryError."""
    if not admits(subscription, article.source):
        return False
    try:
        return compile_query(effective_query(subscription)).holds(document_of(article))
    except NotDecided:
        return False


def _any(field: str, values: Sequence[str]) -> str:
    terms = []
    for value in values:
        term = f'{field}:"{value.replace(chr(34), " ")}"'
        try:
            parse(term)
        except QueryError:
            # A value that no query can express must not exclude every article.
            return ""
        terms.append(term)
    return f"({' OR '.join(terms)})" if terms else ""
