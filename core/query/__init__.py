"""The query language: one for search, subscriptions, topics and backtests (docs/queries.md).

``parse`` (text → tree) → ``compile_query`` (tree → compiled nodes) → ``CompiledQuery.match`` on a ``Document``; a
``QueryIndex`` matches many queries at once. ``format_query`` turns a tree back into text, ``lint`` reports probable
mistakes, ``explain`` shows which clauses matched and where. Pure: no files, no clock.
"""

from core.query.ast import Query
from core.query.budget import NotDecided
from core.query.compile import CompiledQuery, compile_query
from core.query.document import Document, document_of, text_of
from core.query.explain import Explanation, explain, format_query
from core.query.index import Decided, IndexResult, QueryFailure, QueryIndex
from core.query.lint import LintFinding, lint
from core.query.parse import parse

__all__ = [
    "CompiledQuery",
    "Decided",
    "Document",
    "Explanation",
    "IndexResult",
    "LintFinding",
    "NotDecided",
    "Query",
    "QueryFailure",
    "QueryIndex",
    "compile_query",
    "document_of",
    "explain",
    "format_query",
    "lint",
    "parse",
    "text_of",
]
