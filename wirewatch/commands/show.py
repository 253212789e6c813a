"""``wirewatch show``: articles, stories or alerts of a run, now or as they were at a moment."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from core.errors import UsageError
from core.records import from_ms
from core.records.article import Story
from core.settings import load_settings
from core.store import open_store
from pipeline.replay.runs import run_names
from wirewatch.replay.as_of import AsOf, SeenAlert, SeenArticle
from wirewatch.terminal import console, json_lines
from wirewatch.terminal.moments import desk_zone, parse_moment


class What(StrEnum):
    """What can be shown."""

    ARTICLES = "articles"
    STORIES = "stories"
    ALERTS = "alerts"


def show(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="{articles|stories|alerts}", help="articles, stories or alerts.")],
    as_of: Annotated[
        str,
        typer.Option(
            "--as-of",
            help="What was known then: 2026-03-05T10:00Z, 3h (ago), 07:20 or yesterday 07:20 (in desk_zone), yesterday (at "
            "this time).",
        ),
    ] = "now",
    run: Annotated[str, typer.Option(help="The run (default: the continuous one).")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest first; 0: all.", min=0)] = 50,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """Show what the desk knew at a moment: what had been fetched and seen by then, and which alerts had gone out."""
    kind = _kind(what)
    settings = load_settings(context.obj)
    zone, now = desk_zone(settings), console.utc_now()
    moment = parse_moment(as_of, now, zone)
    if moment > now:
        console.note(f"--as-of {as_of} is still to come: this is what is known by now", "yellow")
    store = open_store(settings.store)
    name = run or settings.run
    if name not in run_names(store):
        raise UsageError(f"there is no run {name!r}", hint="wirewatch runs list shows them")
    past = AsOf(store, name, moment)
    machine = json_lines.wanted(as_json=as_json)
    found = _found(past, kind)
    count = 0
    for one in islice(found, limit or None):
        count += 1
        if machine:
            json_lines.put(one)
        else:
            console.out.print(_line(one, zone))
    if not machine:
        console.note(
            f"{count} {kind.value} as of {_when(moment, zone)} {moment.astimezone(zone):%Z}"
            + (" (more with --limit)" if count == limit else "")
        )
    store.close()


def _kind(what: str) -> What:
    try:
        return What(what)
    except ValueError as error:
        near = difflib.get_close_matches(what, list(What), n=1)
        hint = f"did you mean wirewatch show {near[0]}?" if near else "wirewatch show articles, stories or alerts"
        raise UsageError(f"{what!r} can't be shown", hint=hint) from error


def _found(past: AsOf, what: What) -> Iterator[SeenArticle | SeenAlert | Story]:
    match what:
        case What.ARTICLES:
            return past.articles()
        case What.STORIES:
            return past.stories()
        case What.ALERTS:
            return past.alerts()


def _line(one: SeenArticle | SeenAlert | Story, zone: tzinfo) -> Text:
    if isinstance(one, Story):
        facts = f"{one.articles} articles, {len(one.sources)} sources"
        return Text.assemble(
            (f"{_when(from_ms(one.last_ms), zone)}  ", "dim"), (one.headline, "bold"), (f"  {facts}", "dim")
        )
    if isinstance(one, SeenAlert):
        sent = f"  sent {_when(one.delivered_at, zone)}" if one.delivered_at else "  not sent"
        head = f"{_when(one.seen_at, zone)}  "
        return Text.assemble((head, "dim"), (f"{one.alert.subscription}  ", "yellow"), one.alert.title, (sent, "dim"))
    facts = "  ".join([f"version {one.version}"] * (one.version > 1) + list(one.topics))
    head = f"{_when(one.event_at, zone)}  seen {one.seen_at.astimezone(zone):%H:%M:%S}  "
    return Text.assemble((head, "dim"), (f"{one.source}  ", "cyan"), one.title, (f"  {facts}", "dim"))


def _when(moment: datetime | None, zone: tzinfo) -> str:
    return "–" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
