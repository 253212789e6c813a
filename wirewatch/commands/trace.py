"""``wirewatch trace URL``: what became of an article that somebody missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from core.errors import UsageError
from core.query.explain import Explanation
from core.settings import load_settings
from core.store import open_store
from pipeline.replay.runs import run_names
from wirewatch.replay.spec import scope_of
from wirewatch.terminal import console, json_lines
from wirewatch.trace.records import FeedTrace, QueryTrace, Trace
from wirewatch.trace.tracing import Tracer

# A desk has hundreds of queries: those that nearly held are what somebody asks about.
SHOWN_QUERIES = 12
# What a feed was asked matters where it never named the article.
SHOWN_FEEDS, SHOWN_POLLS = 3, 3
_WIDTH = 14


def trace(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The article's address.")],
    run: Annotated[str, typer.Option(help="The run (default: the continuous one).")] = "",
    query: Annotated[str, typer.Option(help="Show each clause of this subscription.")] = "",
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All subscriptions, feeds and polls, not only the nearest.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False,
) -> None:
    """Follow a URL from its feed to its alerts. Exit 1 where it was never seen."""
    if "://" not in url:
        raise UsageError("give the article's whole address", hint="wirewatch trace https://…")
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    name = run or settings.run
    if run and run not in run_names(store):
        raise UsageError(f"there is no run {run!r}", hint="wirewatch runs list shows them")
    tracer = Tracer(store, name, scope=scope_of(store, name), now=console.utc_now())
    found = tracer.trace(url, explained=bool(query), asked=query)
    if query:
        found = msgspec.structs.replace(found, queries=tuple(one for one in found.queries if one.subscription == query))
    if json_lines.wanted(as_json=as_json):
        json_lines.put(found)
    else:
        for line in _lines(found, every=every):
            console.out.print(line)
    store.close()
    if found.article is None and not found.ends and found.taken_down is None:
        raise typer.Exit(1)


def _lines(found: Trace, *, every: bool) -> Iterator[Text]:
    yield Text(found.verdict, style="bold")
    yield _line("id", found.id)
    feeds = [feed for feed in found.feeds if feed.named] or list(found.feeds[:SHOWN_FEEDS])
    for feed in found.feeds if every else feeds:
        yield from _feed(feed, len(feed.polls) if every else 0 if feed.named else SHOWN_POLLS)
    if not every and len(feeds) < len(found.feeds):
        yield _line("", f"… and {_several(len(found.feeds) - len(feeds))} of this outlet (--all)", "dim")
    for item in found.items:
        words = f"{item.status}, first {_when(item.first_seen_at)}"
        words += f", appended {_when(item.appended_at)}" if item.appended_at else ""
        words += f", gone from the feed {_when(item.left_at)}" if item.left_at else ""
        words += ", held at the first poll" if item.backfill else ""
        yield _line("in a feed", words + (f": {item.problem}" if item.problem else ""))
    for end in found.ends:
        words = f"{_when(end.event_at)}, seen {_when(end.seen_at)}: {end.kind}"
        words += f", version {end.version}" if end.version else ""
        words += " (came late)" if end.late else ""
        yield _line("record", words + (f" by {end.stage}: {end.reason}" if end.stage else ""))
    if found.article:
        yield from _article(found, every=every)
    for reason in found.maybe:
        yield _line("maybe", reason, "yellow")


def _several(feeds: int) -> str:
    return "1 more feed" if feeds == 1 else f"{feeds} more feeds"


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
    yield _line("extracted", f"{article.title} ({article.text_chars} characters, version {article.version})")
    confidence = f"{article.language_confidence:.0%}, by {article.language_decided_by}"
    yield _line("language", f"{article.language or 'unknown'} ({confidence})")
    if article.duplicate_of:
        yield _line("copy of", article.duplicate_title or f"{article.duplicate_of} (taken down, or of before)")
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
        yield _line("", f"… and {len(found.queries) - len(shown)} more that did not hold (--all)", "dim")


def _query(query: QueryTrace) -> Iterator[Text]:
    if query.not_then:
        would = "would not have held" if query.failed else "would have held"
        yield _line("query", f"– {query.subscription}: {query.not_then}; its query {would}", "yellow")
    elif query.held:
        yield _line("query", f"✓ {query.subscription}: {query.alert}", "green")
    else:
        yield _line("query", f"✗ {query.subscription}: failed: {'; '.join(query.failed)}")
    if query.explanation is not None:
        yield from _clauses(query.explanation, 0)


def _clauses(one: Explanation, depth: int) -> Iterator[Text]:
    found = ", ".join(dict.fromkeys(match.text for match in one.matches))
    line = Text.assemble(
        " " * (_WIDTH + 2 * depth), ("✓ " if one.held else "✗ ", "green" if one.held else "red"), one.clause
    )
    yield line.append(f"  {found[:80]}" if found else "", "dim")
    for part in one.parts:
        yield from _clauses(part, depth + 1)


def _line(what: str, words: str, style: str = "") -> Text:
    shown = "".join(char if char.isprintable() else "\ufffd" for char in words)
    return Text.assemble((f"{what:<{_WIDTH}}", "cyan"), (shown, style))


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
