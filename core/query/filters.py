"""A subscription's filters (topics, languages, outlets) as part of its query. They ignore case.

As a conjunction they become required terms, so the index of stored queries rules out most articles without running the
query; checking them afterwards would save nothing. But a query can't express every value: ``source:`` searches for
words, so "Post" would also find "Morning Post", and ``*``, ``?`` and quotes have special meanings. So topics and
outlets are also compared in full (``admits``). ``core.search.filters_of`` gives the same filters to a search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.errors import QueryError
from core.normal import normalized
from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.compile import compile_query
from core.query.document import document_of
from core.query.folding import fold
from core.query.parse import QUOTES, parse
from core.records.alert import Subscription
from core.records.article import Article

_MEANINGS = re.compile(rf"[*?\\{QUOTES}]")
"""Characters with a special meaning in a query, even between quotation marks."""


def effective_query(subscription: Subscription) -> Query:
    """The query and the filters combined into one query. Raises QueryError.

    A topic or outlet that no query can express is left to ``admits``.
    """
    own = parse(subscription.query)
    parts = [
        _any("topic", subscription.topics),
        _any("lang", [one.lower() for one in subscription.languages]),
        _any("source", subscription.outlets),
    ]
    wanted = [part for part in parts if part]
    return parse(" AND ".join([f"({subscription.query})", *wanted])) if wanted else own


def admits(subscription: Subscription, article: Article) -> bool:
    """Whether the subscription's outlets and topics admit the article, compared in full."""
    outlets, topics = subscription.outlets, subscription.topics
    return (not outlets or article.source.casefold() in {one.casefold() for one in outlets}) and (
        not topics or not {fold(one.topic) for one in article.topics}.isdisjoint(map(fold, topics))
    )


def meets(subscription: Subscription, article: Article) -> bool:
    """Whether the article matches the query and all filters, as the live matcher decides it. Raises QueryError."""
    if not admits(subscription, article):
        return False
    try:
        return compile_query(effective_query(subscription)).holds(document_of(article))
    except NotDecided:
        return False


def _any(field: str, values: Sequence[str]) -> str:
    terms = []
    for value in values:
        term = f'{field}:"{value}"'
        # A value that no query can express must not exclude every article.
        if _MEANINGS.search(normalized("NFKC", value)):
            return ""
        try:
            parse(term)
        except QueryError:
            return ""
        terms.append(term)
    return f"({' OR '.join(terms)})" if terms else ""
