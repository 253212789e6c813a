"""``wirewatch subscriptions``: stored queries that raise alerts."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from desk.subscriptions import Saved, Subscriptions, changed, read, to_json_lines, to_toml
from desk.terminal import harmless
from pipeline.errors import QueryError, UsageError
from pipeline.records import Subscription
from pipeline.records.alert import ALL_NEWS, Level
from pipeline.settings import load_settings
from pipeline.store import open_store
from wirewatch import console
from wirewatch.commands.subscription_history import history, when
from wirewatch.commands.subscription_known import known_topics, outlets_never_seen
from wirewatch.commands.subscription_trial import not_relevant, trial

app = typer.Typer(help="Subscriptions: stored queries that raise alerts.", no_args_is_help=True, rich_markup_mode=None)
app.command("test")(trial)
app.command("not-relevant")(not_relevant)
app.command("history")(history)

Json = Annotated[bool, typer.Option("--json", help="JSON Lines.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")]
By = Annotated[str, typer.Option("--by", help="Who makes the change (default: the user of this machine).")]
Name = Annotated[str | None, typer.Option(help="A name for people.")]
Owner = Annotated[str | None, typer.Option(help="Whose it is.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only these topics; may be repeated, - for any.")]
Languages = Annotated[list[str] | None, typer.Option("--language", help="Only these languages (en, ar …), - for any.")]
Outlets = Annotated[list[str] | None, typer.Option("--outlet", help="Only these outlets (source names), - for any.")]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="A channel to deliver to; - for none.")]
News = Annotated[
    list[str] | None, typer.Option("--news", help=f"What raises a further alert: {', '.join(ALL_NEWS)}; - for nothing.")
]
Digest = Annotated[str | None, typer.Option(help="immediate, hourly, or the local time of a daily digest (07:30).")]
Zone = Annotated[str | None, typer.Option(help="Time zone, such as Europe/Berlin.")]
Quiet = Annotated[str | None, typer.Option(help="Quiet hours, local, as 22:00-07:00; - for none.")]
Breakthrough = Annotated[str | None, typer.Option(help="Level that goes out whatever the hour: low … urgent, never.")]
PerHour = Annotated[int | None, typer.Option(help="Most messages an hour; the rest comes in a digest. 0: no limit.")]
AlertLevel = Annotated[str | None, typer.Option("--level", help="Level of its alerts: low, normal, high, urgent.")]
Note = Annotated[str | None, typer.Option(help="Why: kept with this version.")]


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
    changes = _changes(name, owner, topic, language, outlet, channel, news, level, note)
    changes |= _schedule(digest, zone, quiet, breakthrough, per_hour)
    service = _service(context, checks=True)
    if not replace and any(one.id == identity for one in service.all()):
        hint = f"wirewatch subscriptions edit {identity} changes it; --replace stores this in its place"
        raise UsageError(f"there is a subscription {identity!r} already", hint=hint)
    _show(context, service.save(changed(Subscription(id=identity, query=query), changes), by=by or _me()))


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
    changes = _changes(name, owner, topic, language, outlet, channel, news, level, note)
    changes |= _schedule(digest, zone, quiet, breakthrough, per_hour)
    if query is not None:
        changes["query"] = query
    if not changes:
        raise UsageError("nothing to change", hint="wirewatch subscriptions edit --help lists what can be")
    _show(context, _service(context, checks=True).edit(identity, changes, by=by or _me()))


@app.command("pause")
def pause(
    context: typer.Context,
    identity: Identity,
    *,
    mute: Annotated[bool, typer.Option("--mute", help="Go on raising alerts for the desk, send none.")] = False,
    by: By = "",
) -> None:
    """Raise no alerts until it is resumed."""
    _show(context, _service(context).edit(identity, {"state": "muted" if mute else "paused"}, by=by or _me()))


@app.command("resume")
def resume(context: typer.Context, identity: Identity, by: By = "") -> None:
    """End a pause. What came meanwhile is not alerted afterwards; wirewatch subscriptions test shows it."""
    _show(context, _service(context).edit(identity, {"state": "active"}, by=by or _me()))


@app.command("remove")
def remove(context: typer.Context, identity: Identity, by: By = "") -> None:
    """End a subscription. Its history and its alerts stay."""
    _service(context).remove(identity, by=by or _me())
    console.note(f"{identity} is removed")


@app.command("list")
def list_all(
    context: typer.Context,
    *,
    as_json: Json = False,
    ended: Annotated[bool, typer.Option("--all", help="Also those that were removed.")] = False,
) -> None:
    """List the newest version of each subscription."""
    found = _service(context).all(ended=ended)
    if as_json:
        for one in found:
            typer.echo(msgspec.json.encode(one).decode())
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
    one = _service(context).get(identity)
    if as_json:
        typer.echo(msgspec.json.encode(one).decode())
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
    saved = _service(context, checks=True).save_all(read_subscriptions(file), by=by or _me())
    for one in saved:
        for warning in one.warnings:
            console.note(f"{one.subscription.id}: {warning.severity}: {warning.message}", "yellow")
    _warn_of_outlets(context, sorted({outlet for one in saved for outlet in one.subscription.outlets}))
    count = sum(one.changed for one in saved)
    console.note(f"{count} saved, {len(saved) - count} as they were")


@app.command("export")
def export(
    context: typer.Context,
    identities: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which (default: all).")] = None,
    form: Annotated[Form, typer.Option("--format", help="JSON Lines, or TOML for people.")] = Form.JSONL,
) -> None:
    """Print subscriptions, for import elsewhere."""
    found = [_service(context).get(one) for one in identities] if identities else _service(context).all()
    typer.echo(to_toml(found) if form is Form.TOML else to_json_lines(found), nl=False)


def read_subscriptions(file: Path) -> list[Subscription]:
    """The subscriptions of a file. Raises UsageError naming the line, QueryError with the position."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    return read(data, str(file), toml=file.suffix == ".toml")


def _service(context: typer.Context, *, checks: bool = False) -> Subscriptions:
    """``checks``: what is saved may name topics that were not asked for before."""
    settings = load_settings(context.obj)
    topics = known_topics(settings) if checks else ()
    return Subscriptions(open_store(settings.store), console.now_ms, topics=topics)


def _me() -> str:
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""


def _changes(
    name: str | None,
    owner: str | None,
    topic: Sequence[str] | None,
    language: Sequence[str] | None,
    outlet: Sequence[str] | None,
    channel: Sequence[str] | None,
    news: Sequence[str] | None,
    level: Level | str | None,
    note: str | None,
) -> dict[str, Any]:
    given: dict[str, Any] = {"name": name, "owner": owner, "level": level, "note": note}
    lists = {"topics": topic, "languages": language, "outlets": outlet, "delivery": channel, "news": news}
    given |= {key: [one for one in value if one != "-"] for key, value in lists.items() if value}
    return {key: value for key, value in given.items() if value is not None}


def _schedule(
    digest: str | None, zone: str | None, quiet: str | None, breakthrough: str | None, per_hour: int | None
) -> dict[str, Any]:
    given: dict[str, Any] = {"zone": zone, "breakthrough": breakthrough, "per_hour": per_hour}
    if digest is not None:
        given |= {"kind": digest} if digest in ("immediate", "hourly") else {"kind": "daily", "at": digest}
    if quiet is not None:
        given["quiet"] = "" if quiet == "-" else quiet
    given = {key: value for key, value in given.items() if value is not None}
    return {"schedule": given} if given else {}


def _warn_of_outlets(context: typer.Context, outlets: Sequence[str]) -> None:
    for outlet in outlets_never_seen(load_settings(context.obj), outlets):
        console.note(
            f"warning: no feed or article has an outlet {outlet!r} (names count whole, without case)", "yellow"
        )


def _show(context: typer.Context, saved: Saved) -> None:
    one = saved.subscription
    _warn_of_outlets(context, one.outlets)
    for finding in saved.warnings:
        console.note(f"{finding.severity}: {finding.message}", "yellow")
        if finding.severity == "warning":
            console.note(QueryError(finding.message, query=one.query, position=finding.position).pointer())
        if finding.suggestion:
            console.note(f"instead: {finding.suggestion}", "green")
    console.note(f"{one.id}: version {one.version} saved" if saved.changed else f"{one.id}: as it was")
