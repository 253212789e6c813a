"""What a query would have found and alerted in the past, from the index alone: nothing is fetched or extracted again.

Judged are the articles as they stand now (their newest version, at its event time), with the topics that they were given
then. One alert counts for each story with a match that isn't backfill, as the pipeline raises them for a subscription
that holds from the beginning of the period.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.query import compile_query, parse
from core.query.anchors import guess, necessary
from core.search.ask import DAY_MS, Asked, ask, counted, day_of
from core.search.gather import Gathered, gather
from core.search.index import SearchIndex
from core.search.results import BacktestReport, Comparison, Cost, Count, DayCount, Filters, Hit, StoryHit

_ANCHORS_SHOWN = 12
Clock = Callable[[], float]


def backtest(
    index: SearchIndex,
    query: str,
    since_ms: int,
    until_ms: int,
    *,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    budget_ms: float | None = None,
    examples: int = 5,
    clock: Clock = time.perf_counter,
) -> BacktestReport:
    """What ``query`` would have found from ``since_ms`` (in) to ``until_ms`` (out), event time.

    ``budget_ms``: answer in about this time with what was seen by then, newest first, said to be ``at_least`` (None: until
    it is complete). ``examples``: newest stories to show. ``filters``: a subscription's topics, languages and outlets.
    Raises QueryError.
    """
    asked, found = _gathered(index, query, since_ms, until_ms, filters, budget_ms, clock)
    return _report(asked, found, query, since_ms, until_ms, examples)


def compare(
    index: SearchIndex,
    before: str,
    after: str,
    since_ms: int,
    until_ms: int,
    *,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    filters_before: Filters | None = None,
    budget_ms: float | None = None,
    examples: int = 5,
    clock: Clock = time.perf_counter,
) -> Comparison:
    """What changing the query ``before`` into ``after`` would have won and lost, in stories alerted. See ``backtest``.

    ``filters_before``: where the filters change too (None: they stay).
    Each of the two gets half of ``budget_ms``. Where one was not complete, the stories are compared over the time that
    both covered, and are ``at_least``. Raises QueryError for either.
    """
    half = None if budget_ms is None else budget_ms / 2
    held = filters if filters_before is None else filters_before
    asked_before, was = _gathered(index, before, since_ms, until_ms, held, half, clock)
    asked_after, now = _gathered(index, after, since_ms, until_ms, filters, half, clock)
    covered = max(was.covered_since_ms, now.covered_since_ms)
    alerts_was, alerts_now = _alerting(was.since(covered)), _alerting(now.since(covered))
    won = alerts_now[~np.isin(now.stories[alerts_now], was.stories[alerts_was])]
    lost = alerts_was[~np.isin(was.stories[alerts_was], now.stories[alerts_now])]
    certainty = "exact" if was.complete and now.complete else "at_least"
    return Comparison(
        before=_report(asked_before, was, before, since_ms, until_ms, examples),
        after=_report(asked_after, now, after, since_ms, until_ms, examples),
        won=Count(len(won), certainty),  # type: ignore[arg-type]
        lost=Count(len(lost), certainty),  # type: ignore[arg-type]
        won_examples=_examples(asked_after, now, won, examples),
        lost_examples=_examples(asked_before, was, lost, examples),
    )


def _gathered(
    index: SearchIndex,
    query: str,
    since_ms: int,
    until_ms: int,
    filters: Filters,
    budget_ms: float | None,
    clock: Clock,
) -> tuple[Asked, Gathered]:
    deadline = None if budget_ms is None else clock() + budget_ms / 1000
    parse(query)
    asked = ask(index.snapshot(), query, since_ms, until_ms, filters)
    return asked, gather(asked, since_ms, until_ms, clock, deadline)


def _alerting(found: Gathered) -> NDArray[np.int64]:
    """Rows of the articles that would raise an alert: of each story the oldest that isn't backfill; newest first."""
    news = np.flatnonzero(~found.backfill)[::-1]
    _, first = np.unique(found.stories[news], return_index=True)
    return np.sort(news[first])


def _report(asked: Asked, found: Gathered, query: str, since_ms: int, until_ms: int, examples: int) -> BacktestReport:
    alerting = _alerting(found)
    certainty = "exact" if found.complete else "at_least"
    days = max((until_ms - found.covered_since_ms) / DAY_MS, 1 / 24)
    return BacktestReport(
        query=query,
        since_ms=since_ms,
        until_ms=until_ms,
        articles=Count(found.candidates) if asked.exact else Count(len(found.times_ms), certainty),  # type: ignore[arg-type]
        stories=Count(len(np.unique(found.stories)), certainty),  # type: ignore[arg-type]
        alerts=Count(len(alerting), certainty),  # type: ignore[arg-type]
        alerts_a_day=round(len(alerting) / days, 2),
        days=_days(found, alerting, until_ms),
        examples=_examples(asked, found, alerting, examples),
        cost=_cost(asked, found, query, since_ms, until_ms),
        complete=found.complete,
        covered_since_ms=found.covered_since_ms,
    )


def _days(found: Gathered, alerting: NDArray[np.int64], until_ms: int) -> tuple[DayCount, ...]:
    """Every day that was covered, those without any too."""
    first, last = found.covered_since_ms // DAY_MS, max(until_ms - 1, found.covered_since_ms) // DAY_MS
    days, size = found.times_ms // DAY_MS - first, int(last - first + 1)
    articles = np.bincount(days, minlength=size)
    alerts = np.bincount(days[alerting], minlength=size)
    return tuple(
        DayCount(day_of(int(first + i) * DAY_MS), int(articles[i]), int(alerts[i]))
        for i in range(min(size, len(articles)))
    )


def _examples(asked: Asked, found: Gathered, rows: NDArray[np.int64], most: int) -> tuple[StoryHit, ...]:
    shown = []
    for row in rows[:most]:
        article = asked.article(found.addresses[row])
        size = int(np.count_nonzero(found.stories == found.stories[row]))
        shown.append(StoryHit(story=article.story, articles=size, hit=Hit(article, asked.check(article) or ())))
    return tuple(shown)


def _cost(asked: Asked, found: Gathered, query: str, since_ms: int, until_ms: int) -> Cost:
    anchors = necessary(compile_query(parse(query)).core, guess)
    period = ask(asked.snapshot, "", since_ms, until_ms)
    return Cost(
        articles=counted(asked.snapshot, period.wanted),
        candidates=found.candidates,
        checked=found.checked,
        ms_per_check=round(found.check_s / found.timed * 1000, 3) if found.timed else None,
        filterable=anchors is not None,
        anchors=(anchors or ())[:_ANCHORS_SHOWN],
    )
