"""A subscription being edited, tried on what is stored: linted, backtested, compared with how it is now."""

from __future__ import annotations

from core.errors import QueryError, UsageError
from core.query import lint
from core.records import Subscription
from core.search import SearchIndex, backtest, compare, filters_of
from desk.use_cases.subscriptions import check
from desk.views.outlets import Outlets
from desk.views.trials import DAYS, Trial, trial

DAY_MS = 86_400_000
BUDGET_MS = 400.0
"""Somebody is typing: an answer about the newest part now is better than all of it later."""
EXAMPLES = 6


def tried(
    index: SearchIndex,
    wanted: Subscription,
    before: Subscription | None,
    outlets: Outlets,
    *,
    now_ms: int,
    days: int = DAYS,
) -> Trial:
    """What ``wanted`` would have brought in the past days. ``before``: the stored version, None for a new one."""
    try:
        findings = check(wanted)
    except QueryError as error:
        return Trial(tuple(lint(wanted.query)), problem=error.pointer())
    except UsageError as error:
        return Trial(problem=error.message)
    since_ms, until_ms = now_ms - days * DAY_MS, now_ms + 1
    filters = filters_of(wanted)
    if before is None:
        report = backtest(
            index, wanted.query, since_ms, until_ms, filters=filters, budget_ms=BUDGET_MS, examples=EXAMPLES
        )
        return trial(findings, report, None, outlets, days=days)
    change = compare(
        index,
        before.query,
        wanted.query,
        since_ms,
        until_ms,
        filters=filters,
        filters_before=filters_of(before),
        budget_ms=BUDGET_MS,
        examples=EXAMPLES,
    )
    return trial(findings, change.after, change, outlets, days=days)
