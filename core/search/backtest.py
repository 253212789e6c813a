"""What a query would have found and alerted in the past, computed from the index: nothing is fetched or extracted again.

Articles are matched as they are now (their newest version, at its event time), with the topics that they got then. Each
story with a match that is not backfill counts as one alert, which is what the pipeline raises for a subscription in
force from the beginning of the period.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tantivy
from numpy.typing import NDArray

from core.durations import DAY_MS
from core.query import compile_query, parse
from core.query.budget import Interrupted
from core.query.required_terms import guessed_weight, required_terms
from core.search.index import SearchIndex
from core.search.question import Deadline, Question, Stopped, ask, counted, day_of, never, news_since, order_range
from core.search.results import BacktestReport, Comparison, Cost, Count, DayCount, Filters, Hit, StoryHit
from core.search.schema import BACKFILL, time_of

_EXACT_PART, _CHECKED_PART = 30_000, 256
"""Articles read from the index in the first part; each further part is twice as large."""
_LOOK = 16
"""Articles checked between two readings of the clock."""
_TIMED = 24
"""Matches that are run through the matcher only to measure its speed, if the index's result needs no check."""
_TERMS_SHOWN = 12
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
    part: int | None = None,
    stopped: Stopped = never,
) -> BacktestReport:
    """Report what ``query`` would have found from ``since_ms`` (inclusive) to ``until_ms`` (exclusive), event time, UTC.

    ``budget_ms``: return in about this time with what was found by then, newest first, marked ``at_least`` (None: run
    until complete). ``examples``: number of newest stories to return. ``filters``: a subscription's (``filters_of``).
    ``part``: articles read from the index in the first part. ``stopped`` is called during the work; True ends it as if
    the time had run out. Raises QueryError.
    """
    deadline = _deadline(clock, budget_ms, stopped)
    question, found = _gathered(index, query, since_ms, until_ms, filters, deadline, part)
    return _report(question, found, query, since_ms, until_ms, examples)


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
    stopped: Stopped = never,
) -> Comparison:
    """Compare the stories that the query ``before`` would have alerted with those of ``after``. See ``backtest``.

    ``filters_before``: the filters of ``before`` (None: the same ones). Each query gets half of ``budget_ms``. If one
    was not complete, only the time that both covered is compared, and the counts are ``at_least``. Raises QueryError
    for either.
    """
    half = None if budget_ms is None else budget_ms / 2
    held = filters if filters_before is None else filters_before
    question_before, was = _gathered(index, before, since_ms, until_ms, held, _deadline(clock, half, stopped))
    question_after, now = _gathered(index, after, since_ms, until_ms, filters, _deadline(clock, half, stopped))
    covered = max(was.covered_since_ms, now.covered_since_ms)
    alerts_was, alerts_now = _alerting(was.since(covered)), _alerting(now.since(covered))
    won = alerts_now[~np.isin(now.stories[alerts_now], was.stories[alerts_was])]
    lost = alerts_was[~np.isin(was.stories[alerts_was], now.stories[alerts_now])]
    certainty = "exact" if was.complete and now.complete else "at_least"
    return Comparison(
        before=_report(question_before, was, before, since_ms, until_ms, examples),
        after=_report(question_after, now, after, since_ms, until_ms, examples),
        won=Count(len(won), certainty),  # type: ignore[arg-type]
        lost=Count(len(lost), certainty),  # type: ignore[arg-type]
        won_examples=_examples(question_after, now, won, examples),
        lost_examples=_examples(question_before, was, lost, examples),
    )


class _Gathered(NamedTuple):
    """The matches of a period, newest first; each column has one element per article.

    ``addresses`` are document addresses in the snapshot. If not ``complete``, it has all matches from
    ``covered_since_ms`` on and none before.
    """

    times_ms: NDArray[np.int64]
    stories: NDArray[np.uint64]
    backfill: NDArray[np.bool_]
    addresses: list[tantivy.DocAddress]
    candidates: int
    checked: int
    check_s: float
    timed: int
    complete: bool
    covered_since_ms: int

    def since(self, time_ms: int) -> _Gathered:
        """The part at ``time_ms`` or later."""
        size = int(np.searchsorted(-self.times_ms, -time_ms, side="right"))
        return self._replace(
            times_ms=self.times_ms[:size],
            stories=self.stories[:size],
            backfill=self.backfill[:size],
            addresses=self.addresses[:size],
            covered_since_ms=max(self.covered_since_ms, time_ms),
        )


def _gather(question: Question, since_ms: int, until_ms: int, deadline: Deadline, part: int | None) -> _Gathered:
    """Everything that ``question`` (which includes the period) finds, or the newest part found by ``deadline``.

    Checks at least one article unless it is stopped.
    """
    orders: list[int] = []
    addresses: list[tantivy.DocAddress] = []
    last: int | None = None
    candidates = question.size()
    checked, spent, complete, late = 0, 0.0, False, False
    searcher = question.snapshot.searcher
    size = part or (_EXACT_PART if question.exact else _CHECKED_PART)
    seen: set[tuple[int, int]] = set()
    while not complete and not late:
        found = searcher.search(_up_to(question, last), limit=size, count=False, order_by_field="order").hits
        # Earlier matches come first: the articles of the last moment of the previous part.
        again = sum(1 for order, one in found[: len(seen)] if (one.segment_ord, one.doc) in seen)
        fresh = found[again:]
        complete = len(found) < size
        size *= 2
        if question.exact:
            orders += [order for order, _ in fresh]
            addresses += [address for _, address in fresh]
            last = fresh[-1][0] if fresh else last
            late = deadline.late()
        else:
            began = deadline.clock()
            for order, address in fresh:
                if deadline.stopped() or (checked % _LOOK == 0 and checked and deadline.late()):
                    complete, late = False, True
                    break
                try:
                    held = question.holds(question.article(address), deadline.look(first=not checked))
                except Interrupted:
                    complete, late = False, True
                    break
                if held:
                    orders.append(order)
                    addresses.append(address)
                checked, last = checked + 1, order
            spent += deadline.clock() - began
        seen = {(one.segment_ord, one.doc) for order, one in found if order == last}
    timed = checked
    if question.exact:
        timed, spent = _price(question, addresses, deadline)
    # Some articles of the moment at which the time ran out are missing.
    covered = since_ms if complete or last is None else time_of(last) + 1
    stories = searcher.fast_field_values("story", addresses) if addresses else []
    flags = searcher.fast_field_values("flags", addresses) if addresses else []
    gathered = _Gathered(
        times_ms=np.fromiter(map(time_of, orders), np.int64, len(orders)),
        stories=np.array(stories, np.uint64),
        backfill=np.array(flags, np.int64) & BACKFILL > 0,
        addresses=addresses,
        candidates=candidates,
        checked=checked,
        check_s=spent,
        timed=timed,
        complete=complete,
        covered_since_ms=min(covered, until_ms),
    )
    return gathered if complete else gathered.since(gathered.covered_since_ms)


def _price(question: Question, addresses: list[tantivy.DocAddress], deadline: Deadline) -> tuple[int, float]:
    sample = [question.article(one) for one in addresses[:: max(1, len(addresses) // _TIMED)][:_TIMED]]
    began, timed = deadline.clock(), 0
    for article in sample:
        if deadline.stopped():
            break
        question.holds(article)
        timed += 1
    return timed, deadline.clock() - began


def _up_to(question: Question, last: int | None) -> tantivy.Query:
    if last is None:
        return question.wanted
    return question.within(order_range(question.snapshot.schema, None, last, to_the_end=True))


def _gathered(
    index: SearchIndex,
    query: str,
    since_ms: int,
    until_ms: int,
    filters: Filters,
    deadline: Deadline,
    part: int | None = None,
) -> tuple[Question, _Gathered]:
    parse(query)
    question = ask(index.snapshot(), query, since_ms, until_ms, filters)
    return question, _gather(question, since_ms, until_ms, deadline, part)


def _deadline(clock: Clock, budget_ms: float | None, stopped: Stopped) -> Deadline:
    return Deadline(clock, None if budget_ms is None else clock() + budget_ms / 1000, stopped)


def _alerting(found: _Gathered) -> NDArray[np.int64]:
    """Rows of the articles that would raise an alert: the oldest of each story that is not backfill; newest first."""
    news = np.flatnonzero(~found.backfill)[::-1]
    _, first = np.unique(found.stories[news], return_index=True)
    return np.sort(news[first])


def _report(
    question: Question, found: _Gathered, query: str, since_ms: int, until_ms: int, examples: int
) -> BacktestReport:
    alerting = _alerting(found)
    certainty = "exact" if found.complete else "at_least"
    begins_ms = news_since(question.snapshot)
    covered_ms = max(found.covered_since_ms, begins_ms or 0)
    days = max((until_ms - covered_ms) / DAY_MS, 1 / 24)
    return BacktestReport(
        query=query,
        since_ms=since_ms,
        until_ms=until_ms,
        articles=Count(found.candidates) if question.exact else Count(len(found.times_ms), certainty),  # type: ignore[arg-type]
        stories=Count(len(np.unique(found.stories)), certainty),  # type: ignore[arg-type]
        alerts=Count(len(alerting), certainty),  # type: ignore[arg-type]
        alerts_a_day=round(len(alerting) / days, 2),
        days=_days(found, alerting, until_ms),
        examples=_examples(question, found, alerting, examples),
        cost=_cost(question, found, query, since_ms, until_ms),
        complete=found.complete,
        covered_since_ms=found.covered_since_ms,
        store_since_ms=begins_ms if begins_ms is not None and begins_ms > found.covered_since_ms else None,
        no_news=begins_ms is None,
    )


def _days(found: _Gathered, alerting: NDArray[np.int64], until_ms: int) -> tuple[DayCount, ...]:
    """All covered days, including those without articles."""
    first, last = found.covered_since_ms // DAY_MS, max(until_ms - 1, found.covered_since_ms) // DAY_MS
    days, size = found.times_ms // DAY_MS - first, int(last - first + 1)
    articles = np.bincount(days, minlength=size)
    alerts = np.bincount(days[alerting], minlength=size)
    return tuple(
        DayCount(day_of(int(first + i) * DAY_MS), int(articles[i]), int(alerts[i]))
        for i in range(min(size, len(articles)))
    )


def _examples(question: Question, found: _Gathered, rows: NDArray[np.int64], most: int) -> tuple[StoryHit, ...]:
    shown = []
    for row in rows[:most]:
        article = question.article(found.addresses[row])
        size = int(np.count_nonzero(found.stories == found.stories[row]))
        shown.append(StoryHit(story=article.story, articles=size, hit=Hit(article, question.check(article) or ())))
    return tuple(shown)


def _cost(question: Question, found: _Gathered, query: str, since_ms: int, until_ms: int) -> Cost:
    terms = required_terms(compile_query(parse(query)).root, guessed_weight)
    period = ask(question.snapshot, "", since_ms, until_ms)
    return Cost(
        articles=counted(question.snapshot, period.wanted),
        candidates=found.candidates,
        checked=found.checked,
        ms_per_check=round(found.check_s / found.timed * 1000, 3) if found.timed else None,
        filterable=terms is not None,
        required_terms=(terms or ())[:_TERMS_SHOWN],
    )
