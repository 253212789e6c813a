"""``wirewatch briefing``: the stories of a period by topic, each with two sentences of a named article."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from core.errors import UsageError
from core.settings import load_settings
from core.store import open_store
from core.visible import shown
from desk.use_cases.briefing import LONGEST_HOURS, Period, briefing, last_hours, printed, written
from desk.views.wording import known_outlets
from wirewatch import console
from wirewatch.commands.options import From, To, desk_zone, parse_period, reads_store
from wirewatch.feeds import ConnectorFeeds

app = typer.Typer()


class Form(StrEnum):
    """The format of a briefing."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"


@app.command("briefing")
@reads_store
def show_briefing(
    context: typer.Context,
    hours: Annotated[int, typer.Option(help="Number of hours up to now.", min=1, max=LONGEST_HOURS)] = 24,
    since: From = "",
    until: To = "",
    form: Annotated[
        Form, typer.Option("--format", help="Markdown, a page to print or mail, or PDF (wirewatch[pdf]).")
    ] = Form.TEXT,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the briefing: new and changed stories by topic, each with two sentences quoted word for word."""
    settings = load_settings(context.obj)
    zone, now_ms = desk_zone(settings), console.now_ms()
    period = last_hours(hours, now_ms)
    if since or until:
        begin, end = parse_period(since, until, zone=zone)
        if begin is None:
            raise UsageError("--to needs --from", hint="or give --hours alone")
        period = Period(begin, end if end is not None else now_ms)
    store = open_store(settings.store)
    outlets = known_outlets(ConnectorFeeds(settings, store).outlets())
    made = briefing(store, settings.run, period, outlets=outlets, now_ms=now_ms)
    store.close()
    if as_json:
        console.put(made)
        return
    if form is Form.PDF:
        if sys.stdout.isatty():
            raise UsageError(
                "a PDF can't be written to a terminal", hint="wirewatch briefing --format pdf > briefing.pdf"
            )
        page = printed(made, str(zone), templates=settings.delivery_templates, link=settings.desk_public_url)
        typer.echo(page, nl=False)
        return
    notice = written(made, str(zone), templates=settings.delivery_templates, link=settings.desk_public_url)
    typer.echo(shown(notice.html if form is Form.HTML else notice.text).rstrip("\n"))
