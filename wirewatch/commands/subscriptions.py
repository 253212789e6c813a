"""``wirewatch subscriptions``: stored queries that raise alerts."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from core.errors import QueryError, UsageError
from core.records import Subscription
from core.settings import load_settings
from core.store import Store, SubscriptionStore, open_store
from desk.terminal import harmless
from desk.use_cases.subscriptions import Saved, Subscriptions, changed, read, to_json_lines, to_toml
from wirewatch.commands.subscription_history import history, subscription_fields, when
from wirewatch.commands.subscription_known import known_topics, outlets_never_seen
from wirewatch.commands.subscription_options import (
    AlertLevel,
    Breakthrough,
    Channels,
    Digest,
    Languages,
    Name,
    News,
    Note,
    Outlets,
    Owner,
    PerHour,
    Quiet,
    Topics,
    Zone,
    changes_of,
    schedule_of,
)
from wirewatch.commands.subscription_trial import not_relevant, trial
from wirewatch.terminal import console, json_lines

app = typer.Typer(help="Subscriptions: stored queries that raise alerts.", no_args_is_help=True, rich_markup_mode=None)
app.command("test")(trial)
app.command("not-relevant")(not_relevant)
app.command("history")(history)

Json = Annotated[bool, typer.Option("--json", help="JSON Lines (default where stdout is no terminal).")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")]
By = Annotated[str, typer.Option("--by", help="Who makes the change (default: the user of this machine).")]


class Form(StrEnum):
    """Of an export."""

    JSONL = "jsonl"
    TOML = "toml"


@app.command("add")
def add(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query; docs/queries.md tells the language.")],
    identity: Annotated[str, typer.Option("--id", help="Its id; one that is not there yet, or --replace.")],
    name: Name = None,
    owner: Owner = None,
    topic: Topics = None,
    language: Languages = None,
    outlet: Outlets = None,
    channel: Channels = None,
    news: News = None,
    digest: Digest = None,
    zone: Zone = None,
    quiet: Quiet = None,
    breakthrough: Breakthrough = None,
    per_hour: PerHour = None,
    level: AlertLevel = None,
    note: Note = None,
    by: By = "",
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Where the id is there, make this its new version.")
    ] = False,
) -> None:
    """Store a query. It holds from now on; the running pipeline takes it up within seconds.

    The language of queries: docs/queries.md. One that is stored already is changed with edit.
    """
    changes = changes_of(name, owner, topic, language, outlet, channel, news, level, note)
    changes |= schedule_of(digest, zone, quiet, breakthrough, per_hour)
    opened = _open(context, checks=True)
    before = None if replace else SubscriptionStore(opened.store).newest(identity)
    if before is not None and before.active:
        hint = f"wirewatch subscriptions edit {identity} changes it; --replace stores this in its place"
        raise UsageError(f"there is a subscription {identity!r} already", hint=hint)
    wanted = changed(Subscription(id=identity, query=query), changes)
    _show_checked(opened, opened.service.save(wanted, by=by or _me()), changes)


@app.command("edit")
def edit(
    context: typer.Context,
    identity: Identity,
    query: Annotated[str | None, typer.Option(help="Another query.")] = None,
    name: Name = None,
    owner: Owner = None,
    topic: Topics = None,
    language: Languages = None,
    outlet: Outlets = None,
    channel: Channels = None,
    news: News = None,
    digest: Digest = None,
    zone: Zone = None,
    quiet: Quiet = None,
    breakthrough: Breakthrough = None,
    per_hour: PerHour = None,
    level: AlertLevel = None,
    note: Note = None,
    by: By = "",
) -> None:
    """Change what is given; all else stays. A new version, which the history shows."""
    changes = changes_of(name, owner, topic, language, outlet, channel, news, level, note)
    changes |= schedule_of(digest, zone, quiet, breakthrough, per_hour)
    if query is not None:
        changes["query"] = query
    if not changes:
        raise UsageError("nothing to change", hint="wirewatch subscriptions edit --help lists what can be")
    opened = _open(context, checks=True)
    _show_checked(opened, opened.service.edit(identity, changes, by=by or _me()), changes)


@app.command("pause")
def pause(
    context: typer.Context,
    identity: Identity,
    *,
    mute: Annotated[bool, typer.Option("--mute", help="Go on raising alerts for the desk, send none.")] = False,
    by: By = "",
) -> None:
    """Raise no alerts until it is resumed."""
    _show(_open(context).service.edit(identity, {"state": "muted" if mute else "paused"}, by=by or _me()))


@app.command("resume")
def resume(context: typer.Context, identity: Identity, by: By = "") -> None:
    """End a pause. What came meanwhile is not alerted afterwards; wirewatch subscriptions test shows it."""
    _show(_open(context).service.edit(identity, {"state": "active"}, by=by or _me()))


@app.command("remove")
def remove(context: typer.Context, identity: Identity, by: By = "") -> None:
    """End a subscription. Its history and its alerts stay."""
    _open(context).service.remove(identity, by=by or _me())
    console.note(f"{identity} is removed")


@app.command("list")
def list_all(
    context: typer.Context,
    *,
    as_json: Json = False,
    ended: Annotated[bool, typer.Option("--all", help="Also those that were removed.")] = False,
) -> None:
    """List the newest version of each subscription."""
    found = _open(context).service.all(ended=ended)
    if json_lines.wanted(as_json=as_json):
        for one in found:
            json_lines.put(subscription_fields(one))
        return
    table = Table("id", "version", "state", "name", "owner", "delivery", "query", box=None, header_style="bold")
    for one in found:
        state = one.state if one.active else "removed"
        when = one.schedule.kind if one.schedule.kind != "daily" else f"daily at {one.schedule.at}"
        delivery = f"{', '.join(one.delivery)} ({when})" if one.delivery else "-"
        cells = (one.id, str(one.version), state, one.name, one.owner, delivery, one.query)
        table.add_row(*(Text(harmless(cell)) for cell in cells))
    console.out.print(table)


@app.command("show")
def show(context: typer.Context, identity: Identity, *, as_json: Json = False) -> None:
    """Show one subscription with all its settings."""
    one = _open(context).service.get(identity)
    if json_lines.wanted(as_json=as_json):
        json_lines.put(subscription_fields(one))
        return
    plain: dict[str, Any] = msgspec.to_builtins(one)
    plain |= {f"schedule.{name}": value for name, value in plain.pop("schedule").items()}
    for name, value in plain.items():
        text = (
            ", ".join(value) if isinstance(value, list | tuple) else when(value) if name.endswith("_ms") else str(value)
        )
        console.out.print(Text(f"{name:<22}", style="dim").append(harmless(text) or "-", style="default"))


@app.command("import")
def import_file(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="JSON Lines, or TOML (.toml).")], by: By = ""
) -> None:
    """Store the subscriptions of a file; lines are {"id", "query", "name"?, "owner"? …}. All or none."""
    opened = _open(context, checks=True)
    saved = opened.service.save_all(read_subscriptions(file), by=by or _me())
    for one in saved:
        for warning in one.warnings:
            console.note(f"{one.subscription.id}: {warning.severity}: {warning.message}", "yellow")
    _warn_of_outlets(opened, sorted({outlet for one in saved for outlet in one.subscription.outlets}))
    count = sum(one.changed for one in saved)
    console.note(f"{count} saved, {len(saved) - count} as they were")


@app.command("export")
def export(
    context: typer.Context,
    identities: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which (default: all).")] = None,
    form: Annotated[Form, typer.Option("--format", help="JSON Lines, or TOML for people.")] = Form.JSONL,
) -> None:
    """Print subscriptions, for import elsewhere."""
    service = _open(context).service
    found = [service.get(one) for one in identities] if identities else service.all()
    typer.echo(to_toml(found) if form is Form.TOML else to_json_lines(found), nl=False)


def read_subscriptions(file: Path) -> list[Subscription]:
    """The subscriptions of a file. Raises UsageError naming the line, QueryError with the position."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    return read(data, str(file), toml=file.suffix == ".toml")


class _Opened(NamedTuple):
    store: Store
    run: str
    service: Subscriptions


def _open(context: typer.Context, *, checks: bool = False) -> _Opened:
    """``checks``: what is saved may name topics that were not asked for before."""
    settings = load_settings(context.obj)
    topics = known_topics(settings) if checks else ()
    store = open_store(settings.store)
    return _Opened(store, settings.run, Subscriptions(store, console.now_ms, topics=topics))


def _me() -> str:
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""


def _warn_of_outlets(opened: _Opened, outlets: Sequence[str]) -> None:
    for outlet in outlets_never_seen(opened.store, opened.run, outlets):
        console.note(
            f"warning: no feed or article has an outlet {outlet!r} (names count whole, without case)", "yellow"
        )


def _show_checked(opened: _Opened, saved: Saved, changes: dict[str, Any]) -> None:
    for name in ("topics", "languages"):
        stored = getattr(saved.subscription, name)
        if name in changes and set(changes[name]) != set(stored):
            console.note(f"{name} are stored in lower case: {', '.join(stored)}")
    _warn_of_outlets(opened, saved.subscription.outlets)
    _show(saved)


def _show(saved: Saved) -> None:
    one = saved.subscription
    for finding in saved.warnings:
        console.note(f"{finding.severity}: {finding.message}", "yellow")
        if finding.severity == "warning":
            console.note(QueryError(finding.message, query=one.query, position=finding.position).pointer())
        if finding.suggestion:
            console.note(f"instead: {finding.suggestion}", "green")
    console.note(f"{one.id}: version {one.version} saved" if saved.changed else f"{one.id}: as it was")
