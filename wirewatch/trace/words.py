"""A trace in words: what it comes to, which clauses failed, why a URL was never seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.query.explain import Explanation
from wirewatch.trace.records import FeedTrace, Trace

QUIET = timedelta(days=2)


def verdict_of(trace: Trace) -> str:
    """One sentence."""
    if trace.taken_down is not None:
        return f"taken down: {trace.taken_down}"
    article = trace.article
    if article is not None:
        words = "a copy" if article.duplicate_of else "an article"
        topics = ", ".join(one.topic for one in trace.topics if one.held) or "no topic"
        held = [one for one in trace.queries if one.held]
        alerted = sum(one.alert == "alerted" for one in held)
        tried = len(trace.queries) - sum(bool(one.not_then) for one in trace.queries)
        return f"{words} of {article.source}, {topics}; it met {len(held)} of {tried} queries, {alerted} alerted"
    if trace.ends:
        last = trace.ends[-1]
        return f"it came {len(trace.ends)} times and ended as {last.kind}" + (
            f" by {last.stage}: {last.reason}" if last.stage else ""
        )
    waiting = [item for item in trace.items if item.status == "pending"]
    if waiting:
        return f"seen in a feed, its page was not had yet: {waiting[-1].problem or 'it waits for its turn'}"
    if trace.items:
        return "seen in a feed and appended; the pipeline has not ended it yet, or it came under another address"
    return "never seen"


def why_never_seen(trace: Trace, now: datetime) -> tuple[str, ...]:
    """What may be the reason, the likeliest first."""
    if trace.items:
        return tuple(f"its page was not had: {item.problem}" for item in trace.items if item.problem)
    found = [f"{poll.last_at:%Y-%m-%d %H:%M} UTC: {_said(poll.pages, trace.url)}" for poll in trace.pages_not_had]
    if found:
        return tuple(found)
    if not trace.feeds:
        return (
            "no feed of this host is watched: wirewatch feed discover shows what it offers, wirewatch feed add adds it",
        )
    return tuple(reason for feed in trace.feeds for reason in _reasons(feed, now))


def _said(pages: tuple[tuple[str, str], ...], url: str) -> str:
    return next((problem for page, problem in pages if page == url), "its page was not had")


def _reasons(feed: FeedTrace, now: datetime) -> Iterator[str]:
    if not feed.active:
        yield f"{feed.url} is not watched any more"
        return
    if feed.health in ("failing", "gone", "ended"):
        since = f" since {feed.last_ok_at:%Y-%m-%d %H:%M} UTC" if feed.last_ok_at else ""
        yield f"{feed.url} is {feed.health}{since}: {feed.problem or 'nothing more comes of it'}"
        return
    if feed.health == "new":
        yield f"{feed.url} was not polled yet"
        return
    robots = [poll for poll in feed.polls for _, problem in poll.pages if "robots" in problem.lower()]
    if robots:
        yield f"{feed.url}: its site's robots.txt refuses pages"
    news = [poll for poll in feed.polls if poll.new]
    if feed.last_ok_at is not None and now - feed.last_ok_at > QUIET:
        yield f"{feed.url} was last read at {feed.last_ok_at:%Y-%m-%d %H:%M} UTC"
    elif not news:
        yield f"{feed.url} answers, but has shown nothing new in its last {sum(poll.times for poll in feed.polls)} polls"
    crowded = [poll for poll in news if poll.unchanged == 0 and poll.new > 5]
    if crowded:
        yield f"{feed.url}: at {crowded[0].last_at:%Y-%m-%d %H:%M} UTC all its items were new, so some had likely fallen off it"
    yield f"{feed.url} may not list it: outlets put some articles in no feed"


def failed_clauses(tree: Explanation) -> Iterator[str]:
    """The innermost clauses that kept a query from holding, in the query's order: of an AND those that failed, of an OR all."""
    if tree.held:
        return
    if tree.kind == "Not":
        yield f"{tree.clause} (what it excludes is there)"
        return
    inner = [part for part in tree.parts if not part.held]
    if not inner or tree.kind in ("Near", "AtLeast", "Lead") or all(part.held for part in tree.parts):
        yield tree.clause
        return
    for part in inner:
        yield from failed_clauses(part)
