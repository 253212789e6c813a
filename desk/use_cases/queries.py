"""Queries before they are stored: preview on stored articles, explain on one article, translate from another vendor's."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import NamedTuple

from core.durations import DAY_MS
from core.errors import QueryError, UsageError
from core.query import Document, LintFinding, document_of, lint
from core.query.importing import DIALECTS, Imported, import_query
from core.records import Subscription, article_id
from core.search import BacktestReport, Comparison, Filters, SearchIndex, Stopped, backtest, compare, filters_of, never
from core.search.usage import usage_findings
from desk.language import gettext
from desk.use_cases.desk import Desk
from desk.use_cases.subscriptions import check
from desk.views.query_preview import DAYS, QueryPreview, preview_of
from desk.views.wording import Outlets

PREVIEW_BUDGET_MS = 400.0
"""The user is typing: an immediate answer about the newest part is better than a complete one later."""
BACKTEST_BUDGET_MS = 2_000.0
EXAMPLES = 6


class Backtested(NamedTuple):
    """What a query would have alerted. ``change`` compares it with the stored subscription; its ``after`` is ``report``."""

    report: BacktestReport
    change: Comparison | None


def backtested(
    index: SearchIndex,
    query: str | None,
    since_ms: int,
    until_ms: int,
    *,
    stored: Subscription | None = None,
    filters: Filters | None = None,
    budget_ms: float | None = None,
    examples: int = EXAMPLES,
    stopped: Stopped = never,
) -> Backtested:
    """What a query would have alerted, from ``since_ms`` (inclusive) to ``until_ms`` (exclusive). All backtests use this.

    With ``stored``, that subscription's filters apply (unless ``filters`` is given), and the answer also has the change against
    it; without a query, it tests the subscription itself. Raises QueryError, and UsageError if there is neither.
    """
    if stored is None or query is None:
        text = query if stored is None else stored.query
        if text is None:
            raise UsageError(gettext("give a query, or a subscription"))
        chosen = filters if filters is not None else filters_of(stored) if stored is not None else Filters()
        report = backtest(
            index,
            text,
            since_ms,
            until_ms,
            filters=chosen,
            budget_ms=budget_ms,
            examples=examples,
            stopped=stopped,
        )
        return Backtested(report, None)
    before = filters_of(stored)
    change = compare(
        index,
        stored.query,
        query,
        since_ms,
        until_ms,
        filters=before if filters is None else filters,
        filters_before=before,
        budget_ms=budget_ms,
        examples=examples,
        stopped=stopped,
    )
    return Backtested(change.after, change)


def preview(
    index: SearchIndex,
    wanted: Subscription,
    before: Subscription | None,
    outlets: Outlets,
    *,
    now_ms: int,
    zone: tzinfo = UTC,
    stopped: Stopped = never,
) -> QueryPreview:
    """What ``wanted`` would have found in the past days. ``before``: the stored version, None for a new subscription.

    Never raises: if the subscription can't be stored, the answer has a problem.
    """
    try:
        findings = check(wanted)
    except QueryError as error:
        return QueryPreview(tuple(lint(wanted.query)), problem=error.pointer())
    except UsageError as error:
        return QueryPreview(problem=error.message)
    report, change = backtested(
        index,
        wanted.query,
        now_ms - DAYS * DAY_MS,
        now_ms + 1,
        stored=before,
        filters=filters_of(wanted),
        budget_ms=PREVIEW_BUDGET_MS,
        stopped=stopped,
    )
    usage: tuple[LintFinding, ...] = ()
    if before is None or before.query != wanted.query:
        usage = tuple(usage_findings(index, wanted.query, now_ms, filters=filters_of(wanted), stopped=stopped))
    return preview_of((*findings, *usage), report, change, outlets, days=DAYS, zone=zone)


def translated(query: str, dialect: str) -> Imported:
    """Another vendor's query in our language. Raises QueryError naming what has no equivalent, UsageError."""
    if dialect not in DIALECTS:
        raise UsageError(gettext("There is no dialect %(name)s.", name=repr(dialect)))
    return import_query(query, dialect)


def document_for(desk: Desk, text: str) -> tuple[str, Document]:
    """The document for a text, and its name: a stored article (address or id), or the text itself with its first line as title.

    Raises UsageError for an empty text, or for the address of an article that is not stored.
    """
    if not text:
        raise UsageError(gettext("Paste an article's address, its id, or a text."))
    single = "\n" not in text and " " not in text
    address = single and text.lower().startswith(("http://", "https://"))
    if single and (address or len(text) == len(article_id("https://a.example/"))):
        row = desk.reader.article(article_id(text) if address else text)
        if row is None and address:
            raise UsageError(gettext("That article is not stored."))
        if row is not None:
            return row.article.title, document_of(row.article)
    title, _, body = text.partition("\n")
    return gettext("the pasted text"), Document(title, body)
