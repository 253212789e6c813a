"""Search for the page and its exports: from a form, in the desk's time zone, within the time that a reader waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from core.search import Hit, Results, Stopped, never
from desk.use_cases.desk import Desk
from desk.use_cases.labels import sources_with
from desk.views.forms import SearchForm

PAGE, EXPORTED, ATOM = 40, 10_000, 100
_BUDGET_MS, _COUNT_MS = 150.0, 50.0
"""A page that needs the exact matcher takes the first to find its hits, but only the second to estimate their number."""
_EXPORT_BUDGET_MS, _EXPORT_PAGE = 5_000.0, 200


def search_page(desk: Desk, form: SearchForm, at_ms: int, cursor: str | None, stopped: Stopped) -> Results:
    """One page with facets, as of ``at_ms``. Raises QueryError, Unavailable, and UsageError for another search's cursor."""
    return _ask(desk, form, at_ms, cursor, limit=PAGE, budget_ms=_BUDGET_MS, stopped=stopped, facets=True)


def first_export_page(desk: Desk, form: SearchForm, at_ms: int, stopped: Stopped) -> Results:
    """The newest 100 of an export. Raises QueryError for an invalid query here, before a file begins."""
    return _ask(desk, form, at_ms, None, limit=ATOM, budget_ms=_EXPORT_BUDGET_MS, stopped=stopped)


def export_pages(
    desk: Desk, form: SearchForm, at_ms: int, first: Results, stopped: Stopped
) -> Iterator[tuple[Hit, ...]]:
    """All pages of an export, including ``first``; at most 10,000 articles. Ends early if ``stopped``."""

    def ask(cursor: str | None, limit: int) -> Results:
        return _ask(desk, form, at_ms, cursor, limit=limit, budget_ms=_EXPORT_BUDGET_MS, stopped=stopped)

    return pages_of(ask, EXPORTED, size=_EXPORT_PAGE, first=first, stopped=stopped)


def pages_of(
    ask: Callable[[str | None, int], Results],
    most: int | None,
    *,
    size: int,
    first: Results | None = None,
    stopped: Stopped = never,
) -> Iterator[tuple[Hit, ...]]:
    """The hits of a search, page by page, at most ``most`` (None: all). ``ask`` takes a cursor and a limit."""
    left, found = most, first
    while left is None or left > 0:
        if found is None or first is None:
            found = ask(None if found is None else found.cursor, size if left is None else min(size, left))
        first = None
        yield found.hits if left is None else found.hits[:left]
        left = None if left is None else left - len(found.hits)
        if found.cursor is None or stopped():
            return


def _ask(
    desk: Desk,
    form: SearchForm,
    at_ms: int,
    cursor: str | None,
    *,
    limit: int,
    budget_ms: float,
    stopped: Stopped,
    facets: bool = False,
) -> Results:
    since_ms, until_ms = form.period(desk.zone, at_ms)
    filters = form.filters
    if form.label:
        wanted = set(sources_with(desk, form.label)).intersection(form.source or desk.follower.labels)
        # No outlet's id is a blank. So a label that no outlet has finds nothing, instead of everything.
        filters = msgspec.structs.replace(filters, sources=tuple(sorted(wanted)) or (" ",))
    return desk.index.search(
        form.q,
        since_ms=since_ms,
        until_ms=until_ms,
        filters=filters,
        order=form.order,
        limit=limit,
        cursor=cursor,
        facets=facets,
        budget_ms=budget_ms,
        count_ms=_COUNT_MS,
        now_ms=at_ms,
        stopped=stopped,
    )
