"""The query language: one for search, subscriptions, topics and backtests (DESIGN section 10).

``parse`` (text → tree) → ``compile_query`` (tree → evaluator) → ``CompiledQuery.match`` on a ``Document``; a ``QueryIndex``
does it for many queries at once. Pure: no files, no clock.
"""

from pipeline.query.ast import Query
from pipeline.query.document import Document
from pipeline.query.index import IndexResult, QueryFailure, QueryIndex
from pipeline.query.match import CompiledQuery, compile_query
from pipeline.query.parse import parse

__all__ = ["CompiledQuery", "Document", "IndexResult", "Query", "QueryFailure", "QueryIndex", "compile_query", "parse"]
