"""``wirewatch trace URL``: what happened to an article that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from connectors.base import PageFailure
from core.errors import FailureKind, UsageError
from core.query.explain import Explanation
from core.settings import load_settings
from core.store import open_store
from wirewatch import console
from wirewatch.commands.options import JsonObject, Run, known_run, reads_store
from wirewatch.replay.spec import scope_of
from wirewatch.trace import FeedTrace, QueryTrace, Trace, Tracer

app = typer.Typer()
# A desk has hundreds of queries; people ask about those that nearly matched.
SHOWN_QUERIES = 12
# The polls of a feed matter if it never listed the article.
SHOWN_FEEDS, SHOWN_POLLS = 3, 3
# Feeds read less recently than this are stale.
STALE = timedelta(days=2)
_ROBOTS = frozenset({FailureKind.ROBOTS, FailureKind.ROBOTS_UNREAD})
_WIDTH = 14


@app.command("trace")
@reads_store
def trace(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The article's address.")],
    run: Run = "",
    query: Annotated[str, typer.Option(help="Show each clause of this subscription's query.")] = "",
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Show all subscriptions, feeds and polls, not only the most relevant.")
    ] = False,
    as_json: JsonObject = False,
) -> None:
    """Follow a URL from its feed to its alerts. Exit 1 if it was never seen."""
    if "://" not in url:
        raise UsageError("give the article's full address", hint="wirewatch trace https://…")
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    name = known_run(store, run) if run else settings.run
    found = Tracer(store, name, scope=scope_of(store, name)).trace(url, explained=bool(query), asked=query)
    found = describe(found, console.utc_now())
    if query:
        found = msgspec.structs.replace(found, queries=tuple(one for one in found.queries if one.subscription == query))
    if as_json:
        console.put(found)
    else:
        for line in _lines(found, every=every):
            console.out.print(line)
    store.close()
    if found.article is None and not found.ends and found.taken_down is None:
        raise typer.Exit(1)


def describe(trace: Trace, now: datetime) -> Trace:
    """Add ``verdict`` and, if the URL was never seen, ``maybe``, the likeliest reason first. ``now`` is UTC. Pure."""
    seen = trace.article is not None or bool(trace.ends) or trace.taken_down is not None
    maybe = () if seen else _why_never_seen(trace, now)
    return msgspec.structs.replace(trace, verdict=_verdict(trace), maybe=maybe)


def _verdict(trace: Trace) -> str:
    if trace.taken_down is not None:
        return f"taken down: {trace.taken_down}"
    article = trace.article
    if article is not None:
        words = "a copy" if article.duplicate_of else "an article"
        topics = ", ".join(one.topic for one in trace.topics if one.held) or "no topic"
        held = [one for one in trace.queries if one.held]
        alerted = sum(one.alert == "alerted" for one in held)
        tried = len(trace.queries) - sum(bool(one.not_then) for one in trace.queries)
        return f"{words} of {article.source}, {topics}; it matched {len(held)} of {tried} queries, {alerted} alerted"
    if trace.ends:
        last = trace.ends[-1]
        return f"it came {'once' if len(trace.ends) == 1 else f'{len(trace.ends)} times'} and ended as {last.kind}" + (
            f" by {last.stage}: {last.reason}" if last.stage else ""
        )
    waiting = [item for item in trace.items if item.status == "pending"]
    if waiting:
        return f"seen in a feed, but its page has not been fetched yet: {waiting[-1].problem or 'it is queued'}"
    if trace.items:
        return "seen in a feed and appended; the pipeline has not processed it yet, or it has another address"
    return "nothing is stored about it: it never came, or its records were pruned" if trace.pruned else "never seen"


def _why_never_seen(trace: Trace, now: datetime) -> tuple[str, ...]:
    if trace.items:
        return tuple(f"its page could not be fetched: {item.problem}" for item in trace.items if item.problem)
    found = [
        f"{poll.last_at:%Y-%m-%d %H:%M} UTC: {_page_problem(poll.pages, trace.url)}" for poll in trace.failed_pages
    ]
    if found:
        return tuple(found)
    if not trace.feeds:
        return (
            "no feed of this host is watched: wirewatch feed discover finds its feeds, wirewatch feed add adds one",
        )
    return tuple(reason for feed in trace.feeds for reason in _reasons(feed, now))


def _page_problem(pages: tuple[PageFailure, ...], url: str) -> str:
    return next((page.problem for page in pages if page.url == url), "its page could not be fetched")


def _reasons(feed: FeedTrace, now: datetime) -> Iterator[str]:
    if not feed.active:
        yield f"{feed.url} is no longer watched"
        return
    if feed.health in ("failing", "gone", "ended"):
        since = f" since {feed.last_ok_at:%Y-%m-%d %H:%M} UTC" if feed.last_ok_at else ""
        yield f"{feed.url} is {feed.health}{since}: {feed.problem or 'it lists nothing more'}"
        return
    if feed.health == "new":
        yield f"{feed.url} has not been polled yet"
        return
    if any(page.kind in _ROBOTS for poll in feed.polls for page in poll.pages):
        yield f"{feed.url}: its site's robots.txt disallows pages"
    news = [poll for poll in feed.polls if poll.new]
    if feed.last_ok_at is not None and now - feed.last_ok_at > STALE:
        yield f"{feed.url} was last read at {feed.last_ok_at:%Y-%m-%d %H:%M} UTC"
    elif not news:
        yield f"{feed.url} answers, but has shown nothing new in its last {sum(poll.times for poll in feed.polls)} polls"
    crowded = [poll for poll in news if poll.unchanged == 0 and poll.new > 5]
    if crowded:
        yield f"{feed.url}: at {crowded[0].last_at:%Y-%m-%d %H:%M} UTC all its items were new, so it may have missed some"
    yield f"{feed.url} may not list it: outlets leave some articles out of their feeds"


def _lines(found: Trace, *, every: bool) -> Iterator[Text]:
    yield Text(found.verdict, style="bold")
    yield _line("id", found.id)
    feeds = [feed for feed in found.feeds if feed.named] or list(found.feeds[:SHOWN_FEEDS])
    for feed in found.feeds if every else feeds:
        yield from _feed(feed, len(feed.polls) if every else 0 if feed.named else SHOWN_POLLS)
    if not every and len(feeds) < len(found.feeds):
        more = len(found.feeds) - len(feeds)
        yield _line("", f"… and {more} more {'feed' if more == 1 else 'feeds'} of this outlet (--all)", "dim")
    for item in found.items:
        words = f"{item.status}, first {_when(item.first_seen_at)}"
        words += f", appended {_when(item.appended_at)}" if item.appended_at else ""
        words += f", gone from the feed {_when(item.left_at)}" if item.left_at else ""
        words += ", listed at the first poll" if item.backfill else ""
        yield _line("in a feed", words + (f": {item.problem}" if item.problem else ""))
    for end in found.ends:
        words = f"{_when(end.event_at)}, seen {_when(end.seen_at)}: {end.kind}"
        words += f", version {end.version}" if end.version else ""
        words += " (came late)" if end.late else ""
        yield _line("record", words + (f" by {end.stage}: {end.reason}" if end.stage else ""))
    if found.article:
        yield from _article(found, every=every)
    for words in found.pruned:
        yield _line("gone", words, "yellow")
    for reason in found.maybe:
        yield _line("maybe", reason, "yellow")


def _feed(feed: FeedTrace, polls: int) -> Iterator[Text]:
    state = feed.health if feed.active else "removed"
    words = f"{feed.url}: {state}" + (f", {feed.problem}" if feed.problem else "")
    yield _line("feed", f"{words}; last read {_when(feed.last_ok_at)}")
    for poll in feed.polls[:polls]:
        times = f" ×{poll.times} to {_when(poll.last_at)}" if poll.times > 1 else ""
        what = poll.problem or f"{poll.new} new, {poll.changed} changed, {poll.appended} appended"
        yield _line("  polled", f"{_when(poll.first_at)}{times}: {what}", "dim")


def _article(found: Trace, *, every: bool) -> Iterator[Text]:
    article = found.article
    if article is None:
        return
    yield _line("fetched", _when(article.fetched_at))
    origins = article.origins
    yield _line("extracted", f"{article.title} ({article.text_chars} characters, version {article.version})")
    whole = "cut off by the page, " if article.partial else ""
    wall = f"; its page is a wall ({article.wall})" if article.wall else ""
    yield _line("text", f"{whole}from {article.text_from}; title from {origins.get('title', 'text')}{wall}")
    if article.text_gone:
        yield _line("", article.text_gone, "yellow")
    if article.authors:
        yield _line("authors", f"{', '.join(article.authors)} (from {origins.get('authors', 'unknown')})")
    published = _when(article.published_at) if article.published_at else "not said"
    notes = [
        note
        for note in (article.published_flag, f"from {origins['published']}" if "published" in origins else "")
        if note
    ]
    yield _line("published", f"{published} ({', '.join(notes)})" if notes else published)
    if article.modified_at:
        yield _line("modified", f"{_when(article.modified_at)} (from {origins.get('modified', 'unknown')})")
    confidence = f"{article.language_confidence:.0%}, by {article.language_decided_by}"
    yield _line("language", f"{article.language or 'unknown'} ({confidence})")
    if article.duplicate_of:
        yield _line("copy of", article.duplicate_title or f"{article.duplicate_of} (taken down, or not stored)")
    yield _line("story", article.story_headline or article.story or "–")
    for topic in found.topics:
        if topic.held or topic.score:
            mark = "✓" if topic.held else "✗"
            style = "green" if topic.held else ""
            yield _line("topic", f"{mark} {topic.topic}: {topic.score:g} of {topic.threshold:g}", style)
    shown = found.queries if every else found.queries[:SHOWN_QUERIES]
    for query in shown:
        yield from _query(query)
    if len(shown) < len(found.queries):
        yield _line("", f"… and {len(found.queries) - len(shown)} more that did not match (--all)", "dim")


def _query(query: QueryTrace) -> Iterator[Text]:
    if query.not_then:
        would = "would not have matched" if query.failed else "would have matched"
        yield _line("query", f"– {query.subscription}: {query.not_then}; its query {would}", "yellow")
    elif query.held:
        yield _line("query", f"✓ {query.subscription}: {query.alert}", "green")
    else:
        yield _line("query", f"✗ {query.subscription}: failed: {'; '.join(query.failed)}")
    if query.explanation is not None:
        yield from _clauses(query.explanation, 0)


def _clauses(one: Explanation, depth: int) -> Iterator[Text]:
    found = ", ".join(dict.fromkeys(match.text for match in one.matches))
    line = Text.assemble(" " * (_WIDTH + 2 * depth), _sign(one), one.clause)
    yield line.append(f"  {found[:80]}" if found else "", "dim")
    for part in one.parts:
        yield from _clauses(part, depth + 1)


def _sign(one: Explanation) -> tuple[str, str]:
    return ("✓ ", "green") if one.held else ("? ", "yellow") if one.undecided else ("✗ ", "red")


def _line(what: str, words: str, style: str = "") -> Text:
    shown = "".join(char if char.isprintable() else "\ufffd" for char in words)
    return Text.assemble((f"{what:<{_WIDTH}}", "cyan"), (shown, style))


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
