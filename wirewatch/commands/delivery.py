"""``wirewatch channels``, ``deliver`` and ``tail``: where alerts go, the delivery service, alerts on the terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, ProcessCollector
from rich.text import Text

from core.away import Away
from core.counted import counted
from core.durations import DAY_MS
from core.errors import StoreError, UsageError, WirewatchError
from core.processes import process_name
from core.records import Alert, from_ms
from core.settings import Settings, load_settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store.canary import CanaryRepository
from core.store.leases import Heartbeat
from core.tracing import spans_of
from desk.delivery.briefings import Briefings, DailyBriefing
from desk.delivery.metrics import DeliveryMetrics
from desk.delivery.render import Renderer, pieces
from desk.delivery.service import DeliveryService
from desk.terminal import harmless
from desk.use_cases.briefing import Period, briefing, makes_pdf, printed
from desk.use_cases.channels import Channels, options_of, renderer_of
from desk.views.briefing import Briefing
from desk.views.wording import known_outlets
from wirewatch import console
from wirewatch.commands.options import JsonLines, MetricsPort, reads_store
from wirewatch.feeds import ConnectorFeeds
from wirewatch.monitoring.probes import CanaryMetrics, CanaryWatch, Check, Probes, canary_reader, ready_checks
from wirewatch.replay.spec import scope_of
from wirewatch.starting import store_of
from wirewatch.supervisor import stop_on_signals

app = typer.Typer()
channels = typer.Typer(
    name="channels", help="Manage the channels that alerts are sent to.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(channels)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The channel's name.")]
_TIMES = {
    "added_ms": "added_at",
    "last_ok_ms": "last_ok_at",
    "last_failed_ms": "last_failed_at",
    "not_before_ms": "not_before",
}
# Pauses: between two reads of the store, and between attempts while it can't be reached.
TAIL_POLL_S = 0.3
DELIVER_POLL_S = 0.25
RETRY_S = 5.0


@channels.command("add")
def add(
    context: typer.Context,
    name: Name,
    address: Annotated[
        str,
        typer.Argument(
            help="mailto:ann@outlet.example, https://… (a webhook), smtp://…?to=…, or any Apprise address; - prompts for it."
        ),
    ],
    owner: Annotated[str, typer.Option(help="Its owner, who sees its failures.")] = "",
    per_minute: Annotated[
        int | None, typer.Option(help="Maximum messages per minute; 0: no limit (default: by kind).", min=0, max=60_000)
    ] = None,
    secret: Annotated[
        str, typer.Option(help="A webhook's secret, whsec_…; empty: one is generated and shown once.")
    ] = "",
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Option of its kind (wirewatch channels kinds lists them); repeatable."
        ),
    ] = None,
) -> None:
    """Add a channel, or change its address. Sends nothing; wirewatch channels test NAME does."""
    url = typer.prompt("address", hide_input=True) if address == "-" else address
    options = dict(_option(one) for one in given or ()) | ({"secret": secret} if secret else {})
    made = _channels(context).add(name, url, owner=owner, per_minute=per_minute, options=options)
    console.note(f"{name} {'added' if made.new else 'changed'}: {made.channel.kind}, {Channels.shown(made.channel)}")
    if made.secret:
        console.note("its secret, shown only now:")
        typer.echo(made.secret)


@channels.command("list")
@reads_store
def list_all(
    context: typer.Context,
    owner: Annotated[str | None, typer.Option(help="Only channels of this owner.")] = None,
    *,
    as_json: JsonLines = False,
) -> None:
    """List channels with their health. Addresses are shown without secrets."""
    found = _channels(context).all(owner)
    if as_json:
        for one in found:
            shown = console.with_times(one, **_TIMES) | {"address": Channels.shown(one)}
            del shown["config"]
            console.put(shown)
        return
    table = console.table("name", "kind", "address", "owner", "health", "last sent", "trouble")
    for one in found:
        style = {"ok": "green", "failing": "bold red"}.get(one.health, "dim")
        last = f"{from_ms(one.last_ok_ms):%Y-%m-%d %H:%M}" if one.last_ok_ms else "-"
        trouble = f"{one.problem} ({one.failures} in a row)" if one.problem and one.failures else one.problem or ""
        table.add_row(
            *(Text(harmless(cell)) for cell in (one.name, one.kind, Channels.shown(one), one.owner)),
            Text(one.health, style=style),
            last,
            Text(harmless(trouble)),
        )
    console.out.print(table)


@channels.command("kinds")
def list_kinds(context: typer.Context, *, as_json: JsonLines = False) -> None:  # noqa: ARG001 - every command has it
    """List the installed kinds of channels, with their options for add --set."""
    found = Channels.kinds()
    if as_json:
        for one in found:
            console.put(one._asdict())
        return
    table = console.table("kind", "package", "address", "per minute", "options")
    for one in found:
        options = "; ".join(f"{option}: {what}" for option, what in one.options.items())
        table.add_row(one.kind, one.package, one.example, str(one.per_minute), options)
    console.out.print(table)


@channels.command("test")
@reads_store
def test_channel(context: typer.Context, name: Name) -> None:
    """Send a test message now and report the result. Exit 1 if it was not sent."""
    if problem := _channels(context).test(name):
        raise WirewatchError(
            f"{name}: {problem}", hint="correct the channel and test again; other messages do not wait for this one"
        )
    console.note(f"{name}: the receiver accepted it", "green")


@channels.command("retry")
@reads_store
def retry(context: typer.Context, name: Name) -> None:
    """Retry a failing channel now, and queue its failed messages again."""
    count = _channels(context).retry(name)
    queued = counted(count, "failed message is", "failed messages are")
    console.note(f"{name}: retrying now; {queued} queued again")


@channels.command("remove")
@reads_store
def remove(context: typer.Context, name: Name) -> None:
    """Remove a channel and its address. Its queued messages are kept as failed, visible on the desk."""
    _channels(context).remove(name)
    console.note(f"{name} is removed")


@channels.command("renew-push-key")
@reads_store
def renew_push_key(context: typer.Context) -> None:
    """Replace the key that notifications are signed with. All devices are removed: people turn them on again."""
    count = _channels(context).renew_push_key()
    console.note(f"the key is renewed; {count} {'device was' if count == 1 else 'devices were'} removed")


@app.command("deliver")
def deliver(
    context: typer.Context,
    metrics_port: MetricsPort = -1,
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit when no message is due.")] = False,
) -> None:
    """Deliver alerts to mail, webhooks and chats. Several can share one store; stopping one loses nothing."""
    stop = stop_on_signals()
    settings = load_settings(context.obj)
    console.configure_service("delivery", settings)
    serving = Probes("delivery", settings.metrics_host, settings.metrics_port if metrics_port < 0 else metrics_port)
    store = open_store(settings.store) if once else store_of(settings, stop, serving.waits)
    away = Away("the store")
    renderer = renderer_of(settings)
    spans = context.with_resource(spans_of(settings, "delivery"))
    service = DeliveryService(
        store,
        process_name(),
        options_of(settings, store, console.now_ms, time.monotonic, spans=spans),
        renderer,
        briefings=_briefings(settings, store, renderer),
        canaries=CanaryRepository(store, settings.run),
        keep_ms=int(settings.delivery_keep_days * DAY_MS),
        lease_ms=int(settings.lease_s * 1000),
        spoken=settings.desk_language,
    )
    watch = _serve(settings, store, serving)
    if not once:
        watch.start(stop)
    heartbeat = Heartbeat([service.leases], console.now_ms)
    try:
        heartbeat.start()
        while not stop.is_set():
            try:
                done = service.step()
            except StoreError as error:
                if once:
                    raise
                away.failed(error.message)
                stop.wait(RETRY_S)
                continue
            away.back()
            if once:
                service.wait_idle()
                if done.idle:
                    break
            elif done.idle:
                stop.wait(DELIVER_POLL_S)
            else:
                stop.wait(DELIVER_POLL_S / 10)
    finally:
        service.close()
        heartbeat.close()
        store.close()


@app.command("tail")
@reads_store
def tail(
    context: typer.Context,
    subscription: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these subscriptions (default: all).")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", help="Begin with this many of the latest alerts.", min=0)] = 10,
    *,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Keep showing new alerts until stopped.")] = True,
    as_json: JsonLines = False,
) -> None:
    """Show alerts as they are raised: what is new, the words in context, and why. Ctrl-C ends it.

    An id that has never belonged to a subscription is an error.
    """
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    known = _names(SubscriptionStore(store, scope_of(store, settings.run)))
    if unknown := [one for one in subscription or () if one not in known]:
        raise UsageError(f"there is no subscription {unknown[0]!r}", hint="wirewatch subscriptions list shows them")
    reader = StoreReader(store, settings.run)
    wanted = set(subscription or ())
    stop = stop_on_signals()
    seq, _, alerts, _ = reader.since(0)
    shown = [one for one in alerts if not wanted or one.subscription in wanted]
    names = _names(SubscriptionStore(store))
    for one in shown[-last:] if last else ():
        _show_alert(one, names, as_json=as_json)
    while follow and not stop.wait(TAIL_POLL_S):
        seq, _, alerts, _ = reader.since(seq)
        if alerts:
            names = _names(SubscriptionStore(store))
        for one in alerts:
            if not wanted or one.subscription in wanted:
                _show_alert(one, names, as_json=as_json)
    store.close()


def _option(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"--set {name}: not NAME=VALUE", hint="as in --set secret=whsec_…")
    return name, value


def _channels(context: typer.Context) -> Channels:
    settings = load_settings(context.obj)
    return Channels(open_store(settings.store), settings, console.now_ms, time.monotonic)


def _briefings(settings: Settings, store: Store, renderer: Renderer) -> Briefings:
    channels = tuple(name for one in settings.briefing_channels.split(",") if (name := one.strip()))
    daily = DailyBriefing(
        at=settings.briefing_at, zone=settings.desk_zone, hours=settings.briefing_hours, channels=channels
    )
    feeds = ConnectorFeeds(settings, store)

    def made(from_ms: int, until_ms: int) -> Briefing:
        outlets = known_outlets(feeds.outlets())
        return briefing(store, settings.run, Period(from_ms, until_ms), outlets=outlets, now_ms=console.now_ms())

    def print_it(view: Briefing) -> bytes:
        return printed(view, settings.desk_zone, templates=settings.delivery_templates, link=settings.desk_public_url)

    if settings.briefing_pdf and not makes_pdf():
        raise UsageError("briefing_pdf: this installation makes no PDF", hint="pip install 'wirewatch[pdf]'")
    return Briefings(store, settings.run, daily, renderer, made, print_it if settings.briefing_pdf else None)


def _serve(settings: Settings, store: Store, probes: Probes) -> CanaryWatch:
    """Start answering at the service's probes; returns the watch that /healthz reports."""
    registry = CollectorRegistry()
    look = canary_reader(settings, store, console.now_ms)
    watch = CanaryWatch(look)
    DeliveryMetrics(store, console.now_ms, registry)
    registry.register(CanaryMetrics(look))
    ProcessCollector(registry=registry)

    def health() -> list[Check]:
        return [Check("delivery", ok=True, words="alive"), watch.last]

    def ready() -> list[Check]:
        return ready_checks("delivery", look)

    probes.serve(registry, health=health, ready=ready)
    return watch


def alert_lines(alert: Alert, name: str) -> Text:
    """An alert for a terminal: the subscription, what is new, the words in context, why, and where."""
    moment = alert.raised_at.astimezone(datetime.now().astimezone().tzinfo or UTC)
    line = Text(f"{moment:%H:%M:%S} ", style="dim")
    style = {"urgent": "bold white on red", "high": "bold red"}.get(alert.level, "bold yellow")
    line.append(f"▲ {harmless(name)}", style=style)
    line.append(f"  {harmless(alert.title)}", style="bold")
    line.append(f"  {harmless(alert.source)}", style="dim")
    if alert.sources > 1:
        line.append(f"  {counted(alert.sources, 'source')}", style="dim")
    if alert.previous is not None or alert.reason != "story":
        for news in alert.news:
            line.append(f"\n         {news.kind}: ", style="green").append(harmless(news.text))
    for snippet in alert.snippets[:2]:
        line.append("\n         ")
        for text, marked in pieces({"text": snippet.text, "spans": snippet.spans}):
            line.append(text, style="bold yellow" if marked else "")
    if alert.clause:
        line.append(f"\n         why: {harmless(alert.clause)}", style="dim")
    return line.append(f"\n         {harmless(alert.url)}  {alert.id[:12]}", style="dim")


def _names(store: SubscriptionStore) -> dict[str, str]:
    return {one.id: one.name or one.id for one in store.read(now_ms=console.now_ms()).subscriptions}


def _show_alert(alert: Alert, names: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        console.put(alert)
    else:
        console.out.print(alert_lines(alert, names.get(alert.subscription, alert.subscription)))
