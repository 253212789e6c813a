"""``wirewatch search``: stored articles that match a query, newest first or best first."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from core.errors import UsageError
from core.records import Match, from_ms, to_ms
from core.search import Facets, Filters, Hit, SearchIndex, search_folder
from core.settings import Settings, load_settings
from core.store import StoreReader, open_store
from desk.terminal import harmless, in_context
from wirewatch.terminal import console, json_lines
from wirewatch.terminal.json_lines import iso
from wirewatch.terminal.moments import parse_moment

_PART = 5_000
_PAGE = 100
_SHOWN_FACETS = 5
_COLUMNS = ("time", "source", "language", "title", "url", "topics", "story", "matched")


class Ordering(StrEnum):
    """How hits are sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RELEVANCE = "relevance"


From = Annotated[
    str, typer.Option("--from", help="2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, 7d (ago); none: all.")
]
To = Annotated[str, typer.Option("--to", help="As --from; the time itself is left out.")]
Run = Annotated[str, typer.Option("--run", help="The run (default: the continuous one).")]


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query, in one argument; an empty one finds everything.")],
    days: Annotated[float | None, typer.Option(help="Of the last so many days.", min=0.0)] = None,
    since: From = "",
    until: To = "",
    source: Annotated[list[str] | None, typer.Option(help="Of this outlet; may be repeated.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="In this language (en, ar …); may be repeated.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Filed under this topic; may be repeated.")] = None,
    order: Annotated[Ordering, typer.Option(help="What comes first.")] = Ordering.NEWEST,
    limit: Annotated[int, typer.Option(help="Most hits; 0: all.", min=0)] = 20,
    run: Run = "",
    *,
    copies: Annotated[bool, typer.Option("--copies/--no-copies", help="With articles that repeat another.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines (default where stdout is no terminal).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line.")] = False,
) -> None:
    """Search the stored articles of a run, each in its newest version. Matched words are marked."""
    settings = load_settings(context.obj)
    if as_json and as_csv:
        raise UsageError("--json and --csv: one of them")
    begin, end = period(days, since, until)
    filters = Filters(
        sources=tuple(source or ()), languages=tuple(language or ()), topics=tuple(topic or ()), copies=copies
    )
    index = open_index(settings, run or settings.run)
    hits = _hits(index, query, begin, end, filters, order, limit)
    if as_csv:
        _write_csv(hits)
    elif json_lines.wanted(as_json=as_json):
        for hit in hits:
            json_lines.put(hit_fields(hit))
    else:
        count = 0
        for hit in hits:
            count += 1
            for line in hit_lines(hit):
                console.out.print(line)
        found = index.search(query, since_ms=begin, until_ms=end, filters=filters, limit=1, budget_ms=500)
        console.note(f"{found.total} found, {count} shown")
        if found.facets is not None and count:
            _facets(found.facets)


def period(days: float | None, since: str, until: str) -> tuple[int | None, int | None]:
    """The period of ``--days`` or ``--from`` and ``--to``, in ms; times of day are this machine's. Raises UsageError."""
    now = console.utc_now()
    if days is not None and (since or until):
        raise UsageError("--days goes without --from and --to")
    if days is not None:
        return to_ms(now) - round(days * 86_400_000), None
    begin = to_ms(parse_moment(since, now, None)) if since else None
    end = to_ms(parse_moment(until, now, None)) if until else None
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--from {since} is not before --to {until}")
    return begin, end


def open_index(settings: Settings, run: str) -> SearchIndex:
    """The search index of a run, brought up to date with the store. Shows how far it is, on a terminal."""
    store = open_store(settings.store)
    index = SearchIndex.open(search_folder(settings), run=run)
    reader = StoreReader(store, run)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as progress:
        task = progress.add_task("bringing the search index up to date")
        while not index.refresh(reader, most=_PART):
            now = index.snapshot().searcher.num_docs
            progress.update(task, description=f"bringing the search index up to date: {now:,} articles")
    if not index.writes and index.behind(reader):
        console.note("another process is bringing the search index up to date: this is what it has so far", "yellow")
    store.close()
    index.close()
    return index


def hit_fields(hit: Hit) -> dict[str, Any]:
    """A hit as one flat record: the article's fields with times in UTC, and what matched."""
    fields = msgspec.to_builtins(hit.article)
    published = fields.pop("published_ms")
    fields["time"] = iso(fields.pop("time_ms"))
    fields["published"] = None if published is None else iso(published)
    return {**fields, "matches": hit.matches, **({} if hit.score is None else {"score": round(hit.score, 4)})}


def hit_lines(hit: Hit) -> Iterator[Text]:
    """A hit for a person: one line with its title, and if the text matched, one with the words in context."""
    article = hit.article
    local = from_ms(article.time_ms).astimezone(datetime.now().astimezone().tzinfo or UTC)
    line = Text(f"{local:%Y-%m-%d %H:%M}  ", style="dim")
    line.append(f"{harmless(article.source):<18.18} {article.language or '??'}  ", style="dim")
    line.append_text(_marked(article.title, [one for one in hit.matches if one.field == "title"]))
    if article.duplicate_of is not None:
        line.append("  copy", style="dim italic")
    for topic in article.topics:
        line.append(f"  {topic}", style="cyan")
    yield line
    if in_text := [one for one in hit.matches if one.field == "text"]:
        # Its title, text and the matches are all that is looked at.
        yield Text("    ").append_text(in_context(cast("Any", article), in_text))


def _marked(text: str, matches: Sequence[Match]) -> Text:
    line, at = Text(), 0
    for match in matches:
        if match.start >= at:
            line.append(harmless(text[at : match.start]), style="bold")
            line.append(harmless(text[match.start : match.end]), style="bold yellow")
            at = match.end
    line.append(harmless(text[at:]), style="bold")
    return line


def _hits(
    index: SearchIndex,
    query: str,
    begin: int | None,
    end: int | None,
    filters: Filters,
    order: Ordering,
    limit: int,
) -> Iterator[Hit]:
    cursor, given = None, 0
    while True:
        size = _PAGE if limit == 0 else min(_PAGE, limit - given)
        found = index.search(
            query,
            since_ms=begin,
            until_ms=end,
            filters=filters,
            order=order.value,
            limit=size,
            cursor=cursor,
            facets=False,
            now_ms=console.now_ms(),
        )
        yield from found.hits
        given += len(found.hits)
        cursor = found.cursor
        if cursor is None or given == limit > 0:
            return


def _write_csv(hits: Iterator[Hit]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for hit in hits:
        one = hit.article
        words = "; ".join(dict.fromkeys(match.text for match in hit.matches))
        row = (iso(one.time_ms), one.source, one.language or "", one.title, one.url, " ".join(one.topics), one.story)
        writer.writerow([_cell(value) for value in (*row, words)])


def _cell(value: str) -> str:
    # A spreadsheet takes a cell that begins so for a formula, and titles come from outside.
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _facets(facets: Facets) -> None:
    named = {"topics": facets.topics, "outlets": facets.sources, "languages": facets.languages}
    for name, values in named.items():
        if values:
            shown = ", ".join(f"{harmless(one.value)} {one.count:,}" for one in values[:_SHOWN_FACETS])
            more = " …" if len(values) > _SHOWN_FACETS else ""
            doubt = "" if facets.certainty == "exact" else f" ({facets.certainty.replace('_', ' ')})"
            console.note(f"{name}{doubt}: {shown}{more}")
