"""Search over all stored articles of a run, in the query language, and backtests on the same index.

::

    store ──► indexer (by seq) ──► folder of the index ──► SearchIndex.search / backtest / compare

A query becomes a query of the inverted index (``plan``) whose result is either exact or a superset; a superset is
filtered by the exact matcher of ``core.query``. Terms are the folded keys of ``core.query.words``, positions its
places. One process writes at a time: the first to call ``refresh`` keeps the writer's lock until it closes the index or
ends. Any number of processes can read. The folder is a copy: it can be deleted at any time and is rebuilt from the
store.

Use::

    index = SearchIndex.open(search_folder(settings), run=settings.run)
    index.refresh(StoreReader(store, settings.run))        # in a background thread, every second
    page = index.search("syria NEAR/5 aid", since_ms=…, limit=20)
    page = index.search("syria NEAR/5 aid", since_ms=…, limit=20, cursor=page.cursor, facets=False)
    report = backtest(index, "syria NEAR/5 aid", since_ms, until_ms, budget_ms=250)
    change = compare(index, before, after, since_ms, until_ms, budget_ms=250)

Thread-safe. Raises QueryError for a query that does not parse, UsageError for a cursor of another query, StoreError if
the folder can't be read or written.
"""

from core.search.backtest import backtest, compare
from core.search.index import SearchIndex, search_folder
from core.search.question import Stopped, filters_of, never
from core.search.results import (
    NO_NEWS,
    BacktestReport,
    Comparison,
    Cost,
    Count,
    DayCount,
    Facets,
    FacetValue,
    Filters,
    Hit,
    Order,
    Results,
    StoryHit,
    Volume,
)
from core.search.schema import FoundArticle

__all__ = [
    "NO_NEWS",
    "BacktestReport",
    "Comparison",
    "Cost",
    "Count",
    "DayCount",
    "FacetValue",
    "Facets",
    "Filters",
    "FoundArticle",
    "Hit",
    "Order",
    "Results",
    "SearchIndex",
    "Stopped",
    "StoryHit",
    "Volume",
    "backtest",
    "compare",
    "filters_of",
    "never",
    "search_folder",
]
