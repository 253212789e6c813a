"""``wirewatch subscriptions``: stored queries that raise alerts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from msgspec import structs
from rich.text import Text

from core.counted import counted
from core.durations import DAY_MS
from core.errors import Conflict, QueryError, StoreError, Unconfirmed, UsageError
from core.records import Subscription, from_ms
from core.records.alert import ALL_NEWS
from core.search import SearchIndex, filters_of, search_folder
from core.search.usage import usage_findings
from core.settings import Settings, load_settings
from core.store import Store, StoreReader, open_store
from core.topics.definitions import definitions_with
from desk.terminal import harmless
from desk.use_cases import alerts
from desk.use_cases.alert_work import marked_articles
from desk.use_cases.queries import backtested
from desk.use_cases.subscriptions import (
    Saved,
    Subscriptions,
    changed,
    differences,
    outlets_never_seen,
    read,
    to_json_lines,
    to_toml,
)
from wirewatch import console
from wirewatch.commands.backtest import alerts_over, report_fields, story_fields
from wirewatch.commands.options import JsonLines, JsonObject, expand_options, me, reads_store
from wirewatch.commands.search import open_index
from wirewatch.feeds import ConnectorFeeds

app = typer.Typer(
    name="subscriptions",
    help="Manage subscriptions: stored queries that raise alerts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Identity = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")]
By = Annotated[str, typer.Option("--by", help="Who makes the change (default: this machine's user).")]
_INDEXED_FIRST = 20_000
"""How many articles the search index takes in before a query that was just stored is tried on it."""
Days = Annotated[int, typer.Option(help="Number of past days to test on.", min=1, max=3_650)]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Also store a query that is probably a mistake, such as one with Or for OR.")
]


class Form(StrEnum):
    """The format of an export."""

    JSONL = "jsonl"
    TOML = "toml"


@dataclass(frozen=True)
class Fields:
    """What ``add`` sets and ``edit`` changes. None: not given. In lists, a single ``-`` means none."""

    name: Annotated[str | None, typer.Option(help="Display name.")] = None
    owner: Annotated[str | None, typer.Option(help="Owner.")] = None
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="Only this topic (stored in lower case); repeatable; - for any.")
    ] = None
    languages: Annotated[
        list[str] | None,
        typer.Option("--language", help="Only this language (en, ar …; stored in lower case); repeatable; - for any."),
    ] = None
    outlets: Annotated[
        list[str] | None, typer.Option("--outlet", help="Only this outlet (source name); repeatable; - for any.")
    ] = None
    delivery: Annotated[
        list[str] | None, typer.Option("--channel", help="Channel to deliver to; repeatable; - for none.")
    ] = None
    news: Annotated[
        list[str] | None,
        typer.Option(help=f"What raises a further alert: {', '.join(ALL_NEWS)}; repeatable; - for nothing."),
    ] = None
    level: Annotated[str | None, typer.Option(help="Level of its alerts: low, normal, high, urgent.")] = None
    digest: Annotated[
        str | None, typer.Option(help="immediate, hourly, or the local time of a daily digest (07:30).")
    ] = None
    zone: Annotated[str | None, typer.Option(help="Time zone of these times, such as Europe/Berlin.")] = None
    quiet: Annotated[str | None, typer.Option(help="Quiet hours, local, as 22:00-07:00; - for none.")] = None
    breakthrough: Annotated[
        str | None, typer.Option(help="Level from which alerts ignore quiet hours: low … urgent, never.")
    ] = None
    per_hour: Annotated[
        int | None, typer.Option(help="Maximum messages per hour; the rest comes as a digest; 0: no limit.")
    ] = None
    note: Annotated[str | None, typer.Option(help="Reason, stored with this version.")] = None

    def changes(self) -> dict[str, Any]:
        """The given fields, as ``desk.use_cases.subscriptions.changed`` takes them."""
        given: dict[str, Any] = {
            name: [one for one in value if one != "-"] if isinstance(value, list) else value
            for name, value in vars(self).items()
            if value is not None
        }
        schedule: dict[str, Any] = {
            name: given.pop(name) for name in ("zone", "breakthrough", "per_hour") if name in given
        }
        if (digest := given.pop("digest", None)) is not None:
            schedule |= {"kind": digest} if digest in ("immediate", "hourly") else {"kind": "daily", "at": digest}
        if (quiet := given.pop("quiet", None)) is not None:
            schedule["quiet"] = "" if quiet == "-" else quiet
        return given | ({"schedule": schedule} if schedule else {})


@app.command("add")
@expand_options
def add(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query; docs/queries.md describes the language.")],
    identity: Annotated[str, typer.Option("--id", help="Its id; must not be in use unless --replace is given.")],
    fields: Fields,
    by: By = "",
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="If the id is in use, store this as its new version.")
    ] = False,
    anyway: Anyway = False,
) -> None:
    """Store a query. The running pipeline applies it within seconds, to new articles only.

    Change it later with wirewatch subscriptions edit.
    """
    changes = fields.changes()
    opened = opened_store(context, checks=True)
    wanted = changed(Subscription(id=identity, query=query), changes)
    save = opened.service.save if replace else opened.service.save_new
    try:
        with _confirming():
            saved = save(wanted, by=by or me(), anyway=anyway)
    except Conflict as error:
        hint = f"wirewatch subscriptions edit {identity} changes it; --replace stores this in its place"
        raise UsageError(error.message, hint=hint) from error
    _show_checked(opened, saved, changes | {"query": query})


@app.command("edit")
@reads_store
@expand_options
def edit(
    context: typer.Context,
    identity: Identity,
    fields: Fields,
    query: Annotated[str | None, typer.Option(help="New query.")] = None,
    by: By = "",
    *,
    anyway: Anyway = False,
) -> None:
    """Change the given fields and keep the others. Stores a new version, which the history shows."""
    changes = fields.changes() | ({} if query is None else {"query": query})
    if not changes:
        raise UsageError("nothing to change", hint="wirewatch subscriptions edit --help lists the options")
    opened = opened_store(context, checks=True)
    with _confirming():
        saved = opened.service.edit(identity, changes, by=by or me(), anyway=anyway)
    _show_checked(opened, saved, changes)


@app.command("pause")
@reads_store
def pause(
    context: typer.Context,
    identity: Identity,
    *,
    mute: Annotated[bool, typer.Option("--mute", help="Keep raising alerts for the desk, but send none.")] = False,
    by: By = "",
) -> None:
    """Stop raising alerts until resumed."""
    _show(opened_store(context).service.set_state(identity, "muted" if mute else "paused", by=by or me()))


@app.command("resume")
@reads_store
def resume(context: typer.Context, identity: Identity, by: By = "") -> None:
    """End a pause. Articles that came during it raise no alerts; wirewatch subscriptions test shows them."""
    _show(opened_store(context).service.set_state(identity, "active", by=by or me()))


@app.command("remove")
@reads_store
def remove(context: typer.Context, identity: Identity, by: By = "") -> None:
    """Remove a subscription. Its history and its alerts stay."""
    opened_store(context).service.remove(identity, by=by or me())
    console.note(f"{identity} is removed")


@app.command("list")
@reads_store
def list_all(
    context: typer.Context,
    *,
    as_json: JsonLines = False,
    ended: Annotated[bool, typer.Option("--all", help="Include removed ones.")] = False,
) -> None:
    """List the newest version of each subscription."""
    found = opened_store(context).service.all(ended=ended)
    if as_json:
        for one in found:
            console.put(subscription_fields(one))
        return
    table = console.table("id", "version", "state", "name", "owner", "delivery", "query")
    for one in found:
        state = one.state if one.active else "removed"
        when = one.schedule.kind if one.schedule.kind != "daily" else f"daily at {one.schedule.at}"
        delivery = f"{', '.join(one.delivery)} ({when})" if one.delivery else "-"
        cells = (one.id, str(one.version), state, one.name, one.owner, delivery, one.query)
        table.add_row(*(Text(harmless(cell)) for cell in cells))
    console.out.print(table)


@app.command("show")
@reads_store
def show(context: typer.Context, identity: Identity, *, as_json: JsonLines = False) -> None:
    """Show one subscription with all its settings."""
    one = opened_store(context).service.get(identity)
    if as_json:
        console.put(subscription_fields(one))
        return
    plain: dict[str, Any] = msgspec.to_builtins(one)
    plain |= {f"schedule.{name}": value for name, value in plain.pop("schedule").items()}
    for name, value in plain.items():
        console.out.print(
            Text(f"{name.removesuffix('_ms'):<22}", style="dim").append(_shown(name, value), style="default")
        )


def _shown(name: str, value: Any) -> str:
    """A field of a subscription, for people; "-" if it is empty."""
    if name.endswith("_ms"):
        return when(value)
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    return harmless(str(value)) or "-"


@app.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON Lines, or TOML (.toml).")],
    by: By = "",
    *,
    anyway: Anyway = False,
) -> None:
    """Store the subscriptions of a file, all or none. Lines are {"id", "query", "name"?, "owner"? …}."""
    opened = opened_store(context, checks=True)
    with _confirming():
        saved = opened.service.save_all(read_subscriptions(file), by=by or me(), anyway=anyway)
    for one in saved:
        for warning in one.warnings:
            console.note(f"{one.subscription.id}: {warning.severity}: {warning.message}", "yellow")
    _warn_of_outlets(opened, sorted({outlet for one in saved for outlet in one.subscription.outlets}))
    count = sum(one.changed for one in saved)
    console.note(f"{count} saved, {len(saved) - count} unchanged")


@app.command("export")
@reads_store
def export(
    context: typer.Context,
    identities: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids (default: all).")] = None,
    form: Annotated[Form, typer.Option("--format", help="JSON Lines, or TOML for editing by hand.")] = Form.JSONL,
) -> None:
    """Print subscriptions in the form that import reads."""
    service = opened_store(context).service
    found = [service.get(one) for one in identities] if identities else service.all()
    typer.echo(to_toml(found) if form is Form.TOML else to_json_lines(found), nl=False)


@app.command("history")
@reads_store
def history(context: typer.Context, identity: Identity, *, as_json: JsonLines = False) -> None:
    """Show all versions, newest first: who changed what, and when."""
    versions = Subscriptions(open_store(load_settings(context.obj).store), console.now_ms).history(identity)
    if as_json:
        for one in versions:
            console.put(subscription_fields(one))
        return
    for one, before in zip(versions, [*versions[1:], None], strict=True):
        line = Text(f"version {one.version}", style="bold")
        line.append(
            f"  {when(one.saved_ms)}  {harmless(one.edited_by) or 'unknown'}  {harmless(one.note)}", style="dim"
        )
        console.out.print(line)
        for name, old, new in differences(one, before):
            shown = Text(f"  {name}: ")
            if before is not None:
                shown.append("was ").append(harmless(old) or "-", style="red").append(" now ")
            console.out.print(shown.append(harmless(new) or "-", style="green"))


@app.command("test")
@reads_store
def past_alerts(
    context: typer.Context,
    identity: Identity,
    days: Days = 7,
    query: Annotated[str | None, typer.Option(help="Test this query in place of its own.")] = None,
    *,
    as_json: JsonObject = False,
) -> None:
    """Show which alerts a subscription would have raised in the past days, from the stored articles."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    one = Subscriptions(store, console.now_ms).get(identity)
    now_ms = console.now_ms()
    report, _ = backtested(
        open_index(settings, settings.run),
        query or one.query,
        now_ms - days * DAY_MS,
        now_ms + 1,
        filters=filters_of(one),
        examples=10,
    )
    if as_json:
        console.put(report_fields(report))
        return
    found = (
        "" if report.no_news else f", from {report.articles} {'article' if report.articles.value == 1 else 'articles'}"
    )
    console.out.print(f"{alerts_over(report)}{found}", style="bold")
    if report.hint is not None:
        console.note(str(report.hint), "yellow")
    for story in report.examples:
        article = story.hit.article
        line = Text(f"{from_ms(article.time_ms):%Y-%m-%d %H:%M}  ", style="dim")
        console.out.print(line.append(harmless(f"{article.source}: {article.title}"), style="default"))


@app.command("not-relevant")
@reads_store
def not_relevant(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id, or its first characters.")],
    days: Days = 30,
    *,
    as_json: JsonLines = False,
) -> None:
    """Propose small changes to the query that exclude this alert, with the other alerts that each would lose."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    found, subscription, several = alerts.not_relevant(
        store, settings.run, open_index(settings, settings.run), alert, now_ms=console.now_ms(), days=days
    )
    if as_json:
        for one in several:
            console.put(structs.asdict(one) | {"examples": list(map(story_fields, one.examples))})
        return
    console.out.print(Text(f"{harmless(found.title)} ({harmless(found.source)})", style="bold"))
    if not several:
        console.note("no small change excludes it: edit the query, or mute the story", "yellow")
    for number, one in enumerate(several, start=1):
        lost = f"also loses {'at least ' * one.lost_at_least}{counted(one.lost, 'alert')}"
        cost = lost if one.lost else f"loses no other alerts in {days} days"
        line = Text(f"{number}. {harmless(str(one.change))}: ").append(f"{cost}, keeps {one.kept}", style="dim")
        console.out.print(line)
        console.out.print(Text(f"   {harmless(one.query)}", style="green"))
        for story in one.examples[:3]:
            console.out.print(Text(f"     - {harmless(story.hit.article.title)}", style="dim"))
    if several:
        console.note(f"to apply one: wirewatch subscriptions edit {subscription.id} --query '…'")


@app.command("marks")
@reads_store
def marks(context: typer.Context, identity: Identity, *, as_json: JsonLines = False) -> None:
    """Show the alerted articles of a subscription that people marked as relevant or not relevant, latest mark first.

    As JSON Lines, they are examples for evaluating a query or fitting a topic: title, text, language, topics, relevant.
    """
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    Subscriptions(store, console.now_ms).get(identity)
    found = marked_articles(store, settings.run, identity)
    if as_json:
        for one in found:
            console.put(console.with_times(one, marked_ms="marked"))
        return
    number = 0
    for number, one in enumerate(found, start=1):  # noqa: B007 - counted
        word = Text("relevant      " if one.relevant else "not relevant  ", style="green" if one.relevant else "red")
        console.out.print(word.append(harmless(f"{one.source}: {one.title}"), style="default"))
    if not number:
        console.note("none of its alerts is marked: mark them on the desk's alerts page, key x")


def read_subscriptions(file: Path) -> list[Subscription]:
    """Read the subscriptions of a file. Raises UsageError naming the line, QueryError with the position."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    return read(data, str(file), toml=file.suffix == ".toml")


class _Opened(NamedTuple):
    store: Store
    settings: Settings
    service: Subscriptions


def opened_store(context: typer.Context, *, checks: bool = False) -> _Opened:
    """``checks``: whether topics are checked against those of the settings."""
    settings = load_settings(context.obj)
    topics = known_topics(settings) if checks else ()
    store = open_store(settings.store)
    return _Opened(store, settings, Subscriptions(store, console.now_ms, topics=topics))


@contextlib.contextmanager
def _confirming() -> Iterator[None]:
    """Add the option that stores a query that is probably a mistake to the error."""
    try:
        yield
    except Unconfirmed as error:
        meant = f"probably meant: {error.instead}; " if error.instead else ""
        error.hint = f"{meant}--anyway stores it as it is"
        raise


def _warn_of_outlets(opened: _Opened, outlets: Sequence[str]) -> None:
    if not outlets:
        return
    watched = ConnectorFeeds(opened.settings, opened.store).outlets()
    for outlet in outlets_never_seen(opened.store, opened.settings.run, outlets, watched):
        console.note(
            f"warning: no feed or article has an outlet {outlet!r} (outlets match by full name, ignoring case)",
            "yellow",
        )


def _show_checked(opened: _Opened, saved: Saved, changes: dict[str, Any]) -> None:
    for name in ("topics", "languages"):
        stored = getattr(saved.subscription, name)
        if name in changes and set(changes[name]) != set(stored):
            console.note(f"{name} are stored in lower case: {', '.join(stored)}")
    _warn_of_outlets(opened, saved.subscription.outlets)
    if "query" in changes and saved.changed:
        _show_usage(opened, saved.subscription)
    _show(saved)


def _show_usage(opened: _Opened, one: Subscription) -> None:
    """Warn of words that have not occurred lately, and of a query that matches too much, as far as the index is up to
    date.
    """
    try:
        index = SearchIndex.open(search_folder(opened.settings), run=opened.settings.run)
        index.refresh(StoreReader(opened.store, opened.settings.run), most=_INDEXED_FIRST)
        index.close()
    except StoreError as error:
        console.note(f"can't look up what it would find: {error.message}", "yellow")
        return
    for finding in usage_findings(index, one.query, console.now_ms(), filters=filters_of(one)):
        console.note(f"{finding.severity}: {finding.message}", "yellow")


def _show(saved: Saved) -> None:
    one = saved.subscription
    for finding in saved.warnings:
        console.note(f"{finding.severity}: {finding.message}", "yellow")
        if finding.severity == "warning":
            console.note(QueryError(finding.message, query=one.query, position=finding.position).pointer())
        if finding.suggestion:
            console.note(f"instead: {finding.suggestion}", "green")
    console.note(f"{one.id}: version {one.version} saved" if saved.changed else f"{one.id}: unchanged")


def subscription_fields(one: Subscription) -> dict[str, Any]:
    """A version as one record. ``effective_from``: event time; null if it applies from the very beginning."""
    return console.with_times(one, effective_from_ms="effective_from", saved_ms="saved_at")


def when(value: Any) -> str:
    """A time in ms as text."""
    return f"{from_ms(value):%Y-%m-%d %H:%M:%S} UTC" if value else "-"


def known_topics(settings: Settings) -> set[str]:
    """Names of the topics that a pipeline with these settings tags articles with."""
    return set(definitions_with(settings.topics_dir))
