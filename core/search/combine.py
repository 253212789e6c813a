"""Queries of the index put together."""

from __future__ import annotations

import tantivy


def both(*queries: tantivy.Query | None) -> tantivy.Query | None:
    """All of them; None rules nothing out."""
    needed = [query for query in queries if query is not None]
    if len(needed) < 2:
        return needed[0] if needed else None
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in needed])


def either(queries: list[tantivy.Query]) -> tantivy.Query:
    """Any of them; of none, nothing."""
    if len(queries) == 1:
        return queries[0]
    if not queries:
        return tantivy.Query.empty_query()
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def none(query: tantivy.Query | None) -> tantivy.Query:
    """All but what it finds."""
    if query is None:
        return tantivy.Query.empty_query()
    everything = tantivy.Query.const_score_query(tantivy.Query.all_query(), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, everything), (tantivy.Occur.MustNot, query)])
