"""Checks a query against recent articles: warns of words that occur in none, and of a query that finds too many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.durations import DAY_MS
from core.errors import QueryError
from core.query import Document, LintFinding, parse
from core.query.ast import Field, Node, Not, Phrase, Term, children, walk
from core.query.compile import compile_node
from core.query.explain import format_node
from core.saying import counting, saying
from core.search.backtest import backtest
from core.search.index import SearchIndex
from core.search.question import Stopped, ask, never
from core.search.results import Filters

USAGE_DAYS = 30
BROAD_SHARE = 0.1
"""Share of all articles above which a query gets a warning."""
FEWEST_ARTICLES = 200
"""With fewer articles there are no warnings: that a word does not occur in them means little."""
_MOST_LOOKED_UP, _MOST_SHOWN = 200, 5
_BUDGET_MS = 400.0
_MOST_LABELS = 12


def usage_findings(
    index: SearchIndex,
    query: str,
    now_ms: int,
    *,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    stopped: Stopped = never,
) -> list[LintFinding]:
    """Warnings for ``query``, from the articles of the last 30 days before ``now_ms`` (event time, ms, UTC).

    One for each word or phrase that occurred in no article (at most five), whatever else the query contains, and one if
    the query, with ``filters``, matches more than a tenth of all articles. Parts below NOT are skipped. With fewer than
    200 articles there are none of these. One more for each label (``kind:``) that no outlet has. Empty for a query that
    does not parse.
    """
    since_ms, until_ms = now_ms - USAGE_DAYS * DAY_MS, now_ms + 1
    snapshot = index.snapshot()
    try:
        root = parse(query).root
    except QueryError:
        return []
    unknown = _unknown_labels(root, snapshot.labels)
    total = ask(snapshot, "", since_ms, until_ms).size()
    if total < FEWEST_ARTICLES:
        return unknown
    try:
        leaves = {format_node(node): node.start for node in reversed(list(_leaves(root)))}
        lacking = sorted(
            (start, text)
            for text, start in list(leaves.items())[:_MOST_LOOKED_UP]
            if not stopped() and not ask(snapshot, text, since_ms, until_ms).size()
        )
        report = backtest(
            index, query, since_ms, until_ms, filters=filters, budget_ms=_BUDGET_MS, examples=0, stopped=stopped
        )
    except QueryError:
        return []
    among = {"total": total, "days": USAGE_DAYS}
    found = unknown
    for start, text in lacking[:_MOST_SHOWN]:
        message = saying(
            "%(text)s occurs in none of the %(total)s articles of the last %(days)s days", text=text, **among
        )
        found.append(LintFinding(start, "warning", message))
    if more := len(lacking) - _MOST_SHOWN if len(lacking) > _MOST_SHOWN else 0:
        message = counting(
            "%(num)s further word occurs in none of them either",
            "%(num)s further words occur in none of them either",
            more,
        )
        found.append(LintFinding(lacking[_MOST_SHOWN][0], "warning", message))
    if report.articles.value > BROAD_SHARE * total:
        message = saying(
            "matches %(share)s %% of the %(total)s articles of the last %(days)s days: results of more than %(most)s %% are "
            "rarely read",
            share=round(100 * report.articles.value / total),
            most=round(100 * BROAD_SHARE),
            **among,
        )
        found.append(LintFinding(0, "warning", message))
    return found


def _unknown_labels(root: Node, labels: Mapping[str, Sequence[str]]) -> list[LintFinding]:
    """A warning for each ``kind:`` label that no outlet has at present."""
    asked = [node for node in walk(root) if isinstance(node, Field) and node.name == "kind"]
    known = [Document("", "", labels=each) for each in set(map(tuple, labels.values()))]
    there = ", ".join(sorted({label for each in labels.values() for label in each})[:_MOST_LABELS])
    hint = (
        saying("labels in use: %(labels)s", labels=there)
        if there
        else saying("no outlet has one: editors assign them on the page Outlets")
    )
    return [
        LintFinding(
            node.start,
            "warning",
            saying("no outlet has the label in %(part)s; %(hint)s", part=format_node(node), hint=hint),
        )
        for node in asked
        if not any(compile_node(node).holds(document) for document in known)
    ]


def _leaves(node: Node) -> Iterator[Term | Phrase]:
    """The words and phrases that a match may need in title or text."""
    if isinstance(node, Term | Phrase):
        yield node
    elif not isinstance(node, Not) and not (isinstance(node, Field) and node.name not in ("title", "body")):
        for part in children(node):
            yield from _leaves(part)
