"""``wirewatch texts``: how long the full text of articles is kept, by outlet."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from core.durations import DAY_MS
from core.records import from_ms
from core.records.text_limits import DEFAULT
from core.settings import Settings, load_settings
from core.store import Store, open_store
from core.store.text_limits import keep_texts, limits_as_saved
from wirewatch import console
from wirewatch.commands.options import JsonLines, reads_store

app = typer.Typer()
texts = typer.Typer(
    name="texts",
    help="Set how long full texts are kept, by outlet. Title, link and facts stay.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(texts)
Outlet = Annotated[str, typer.Argument(help="The outlet: the source of its articles.")]
By = Annotated[str, typer.Option(help="Who requested it.")]


@texts.command("list")
@reads_store
def list_limits(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List the limits in force: the default, then those of outlets."""
    settings, store = _opened(context)
    found = limits_as_saved(store, console.now_ms())
    rows = [(DEFAULT, settings.texts_keep_days, 0, "settings")]
    rows += [
        (source, (one.keep_ms or 0) / DAY_MS, one.effective_from_ms, one.by)
        for source, one in sorted(found.items())
        if source != DEFAULT
    ]
    if as_json:
        for source, days, since_ms, by in rows:
            console.put(
                {"outlet": source or None, "days": days, "since": from_ms(since_ms) if since_ms else None, "by": by}
            )
        return
    table = console.table("outlet", "kept", "since", "set by")
    for source, days, since_ms, by in rows:
        since = f"{from_ms(since_ms):%Y-%m-%d %H:%M}" if since_ms else "–"
        table.add_row(Text(source or "all others"), _kept(days).removeprefix("for "), since, Text(by))
    console.out.print(table)


@texts.command("keep")
@reads_store
def keep(
    context: typer.Context,
    outlet: Outlet,
    days: Annotated[float, typer.Argument(help="Days to keep its texts, at least 7; 0: no limit.", min=0)],
    by: By = "",
) -> None:
    """Keep an outlet's texts for this many days from now on; older ones are deleted."""
    settings, store = _opened(context)
    keep_texts(store, _named(outlet), days, by=by, now_ms=console.now_ms())
    console.note(f"texts of {outlet} are kept {_kept(days)}; texts that are already deleted do not come back")
    if 0 < days < settings.retention_days:
        console.note(f"the raw stream keeps its pages for {settings.retention_days:g} days (retention_days)", "yellow")


@texts.command("default")
@reads_store
def default(context: typer.Context, outlet: Outlet, by: By = "") -> None:
    """From now on, keep an outlet's texts as long as those of all others (setting texts_keep_days)."""
    settings, store = _opened(context)
    keep_texts(store, _named(outlet), None, by=by, now_ms=console.now_ms())
    console.note(f"texts of {outlet} are kept {_kept(settings.texts_keep_days)}, like all others")


def _kept(days: float) -> str:
    return f"for {days:g} days" if days else "without limit"


def _opened(context: typer.Context) -> tuple[Settings, Store]:
    settings = load_settings(context.obj)
    return settings, open_store(settings.store)


def _named(outlet: str) -> str:
    if not outlet.strip():
        raise typer.BadParameter("name an outlet; the default is the setting texts_keep_days")
    return outlet.strip()
