"""``wirewatch search`` and ``export``: stored articles, queried or written to Parquet files."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.text import Text

from core.counted import counted
from core.errors import UsageError
from core.query import lint
from core.records import Match, from_ms
from core.search import (
    Facets,
    Filters,
    Hit,
    Results,
    SearchIndex,
    search_folder,
)
from core.settings import Settings, load_settings
from core.store import StoreReader, open_store
from desk.terminal import harmless, in_context
from desk.use_cases.search import pages_of
from desk.views.exports import csv_cell
from wirewatch import console
from wirewatch.commands.options import From, JsonLines, Run, To, parse_period, reads_store

app = typer.Typer()
# Records that are indexed between two updates of the progress shown.
_PART = 5_000
_PATIENCE_S, _PAUSE_S = 5.0, 0.1
_PAGE = 100
_SHOWN_FACETS = 5
_COLUMNS = ("time", "source", "language", "title", "url", "topics", "story", "matched")


class Ordering(StrEnum):
    """How hits are sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RELEVANCE = "relevance"


def note_doubts(query: str, name: str = "") -> None:
    """Print warnings for words of a query that were probably meant as an operator or a phrase. ``name``: whose query it
    is, if there are several.
    """
    for finding in lint(query) if query.strip() else ():
        if finding.confirm:
            meant = f"; probably meant: {finding.suggestion}" if finding.suggestion else ""
            console.note(f"{name and f'{name}: '}warning: {finding.message}{meant}", "yellow")


@app.command("search")
@reads_store
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query, as one argument; an empty query matches everything.")],
    days: Annotated[
        float | None, typer.Option(help="Only this many past days; can't be combined with --from or --to.", min=0.0)
    ] = None,
    since: From = "",
    until: To = "",
    source: Annotated[list[str] | None, typer.Option(help="Only this outlet; repeatable.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language (en, ar …); repeatable.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; repeatable.")] = None,
    order: Annotated[Ordering, typer.Option(help="Sort order.")] = Ordering.NEWEST,
    limit: Annotated[int, typer.Option(help="Maximum number of hits; 0: all.", min=0)] = 20,
    run: Run = "",
    *,
    copies: Annotated[bool, typer.Option("--copies/--no-copies", help="Include copies of other articles.")] = True,
    as_json: JsonLines = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")] = False,
) -> None:
    """Search the stored articles of a run, each in its newest version. Matched words are highlighted."""
    settings = load_settings(context.obj)
    if as_json and as_csv:
        raise UsageError("--json and --csv can't be combined")
    begin, end = parse_period(since, until, days=days)
    filters = Filters(
        sources=tuple(source or ()), languages=tuple(language or ()), topics=tuple(topic or ()), copies=copies
    )
    note_doubts(query)
    index = open_index(settings, run or settings.run)
    hits = _hits(index, query, begin, end, filters, order, limit)
    if as_csv:
        _write_csv(hits)
    elif as_json:
        for hit in hits:
            console.put(hit_fields(hit))
    else:
        count = 0
        for hit in hits:
            count += 1
            for line in hit_lines(hit):
                console.out.print(line)
        found = index.search(query, since_ms=begin, until_ms=end, filters=filters, limit=1, budget_ms=500)
        console.note(f"{found.total} found, {count} shown")
        if found.facets is not None and count:
            _show_facets(found.facets)


@app.command("export")
@reads_store
def export(
    context: typer.Context,
    parquet: Annotated[Path, typer.Option(help="Folder for the files, as articles/day=2026-03-05/…")],
    since: From = "",
    until: To = "",
    run: Run = "",
    *,
    as_json: JsonLines = False,
) -> None:
    """Write articles, stories and alerts as Parquet files by day (docs/data.md explains the columns).

    A later export rewrites only the days for which something was stored since, each in full. With --json it prints the
    files that changed.
    """
    # pyarrow takes half a second to load, and search and backtest don't need it.
    from core.search.parquet import export as export_days

    settings = load_settings(context.obj)
    if parquet.exists() and not parquet.is_dir():
        raise UsageError(f"{parquet} is not a folder")
    begin, end = parse_period(since, until)
    store = open_store(settings.store)
    files, rows = Counter[str](), Counter[str]()
    with console.working("exporting") as progress:
        for one in export_days(StoreReader(store, run or settings.run), parquet, begin, end):
            kind, day = one.path.parent.parent.name, one.path.parent.name.removeprefix("day=")
            progress(f"{kind} of {day}")
            what = "removed" if one.removed else "written" if one.written else "unchanged"
            files[what] += 1
            rows[kind] += one.rows
            if as_json and what != "unchanged":
                console.put({"file": str(one.path), "kind": kind, "day": day, "rows": one.rows, "what": what})
    store.close()
    exported = ", ".join(f"{rows[kind]:,} {kind}" for kind in ("articles", "stories", "alerts"))
    done = ", ".join(f"{files[what]:,} {what}" for what in ("written", "unchanged", "removed") if files[what])
    console.note(f"{exported}; files: {done or 'none'}")


def open_index(settings: Settings, run: str) -> SearchIndex:
    """The search index of a run, brought up to date with the store; progress is shown on a terminal."""
    store = open_store(settings.store)
    index = SearchIndex.open(search_folder(settings), run=run)
    reader = StoreReader(store, run)
    with console.working("updating the search index") as progress:
        while not index.refresh(reader, most=_PART):
            progress(f"updating the search index: {counted(index.snapshot().searcher.num_docs, 'article')}")
        # A running desk updates it every few seconds.
        give_up_at = time.monotonic() + _PATIENCE_S
        while not index.writes and index.behind(reader) and time.monotonic() < give_up_at:
            progress("waiting for the process that updates the search index")
            time.sleep(_PAUSE_S)
            index.refresh(reader, most=_PART)
    if not index.writes and index.behind(reader):
        console.note("another process is updating the search index: this is its current state", "yellow")
    store.close()
    index.close()
    return index


def hit_fields(hit: Hit) -> dict[str, Any]:
    """A hit as one flat record: the article's fields with times in UTC, and the matches."""
    fields = msgspec.to_builtins(hit.article)
    published = fields.pop("published_ms")
    fields["time"] = console.iso(fields.pop("time_ms"))
    fields["published"] = None if published is None else console.iso(published)
    return {**fields, "matches": hit.matches, **({} if hit.score is None else {"score": round(hit.score, 4)})}


def hit_lines(hit: Hit) -> Iterator[Text]:
    """A hit for a terminal: a line with its title and, if the text matched, one with the words in context."""
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
        # Only the title and the text are read.
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
    def ask(cursor: str | None, size: int) -> Results:
        return index.search(
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

    return chain.from_iterable(pages_of(ask, limit or None, size=_PAGE))


def _write_csv(hits: Iterator[Hit]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for hit in hits:
        one = hit.article
        words = "; ".join(dict.fromkeys(match.text for match in hit.matches))
        row = (
            console.iso(one.time_ms),
            one.source,
            one.language or "",
            one.title,
            one.url,
            " ".join(one.topics),
            one.story,
        )
        writer.writerow([csv_cell(value) for value in (*row, words)])


def _show_facets(facets: Facets) -> None:
    named = {"topics": facets.topics, "outlets": facets.sources, "languages": facets.languages}
    for name, values in named.items():
        if values:
            shown = ", ".join(f"{harmless(one.value)} {one.count:,}" for one in values[:_SHOWN_FACETS])
            more = " …" if len(values) > _SHOWN_FACETS else ""
            doubt = "" if facets.certainty == "exact" else f" ({facets.certainty.replace('_', ' ')})"
            console.note(f"{name}{doubt}: {shown}{more}")
