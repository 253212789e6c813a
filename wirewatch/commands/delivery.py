"""``wirewatch channels``: where alerts are delivered to."""

from __future__ import annotations

import base64
import secrets
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from core.errors import UsageError, WirewatchError
from core.records import from_ms
from core.settings import load_settings
from core.store import open_store
from desk.delivery.channels import carrier_of, kind_of
from desk.delivery.channels.kinds import PER_MINUTE
from desk.delivery.channels.webhook import PREFIX
from desk.delivery.secrets import redacted, shown_address
from desk.delivery.store.channels import Channel, DeliveryBook
from desk.terminal import harmless
from wirewatch.commands.deliver import delivery_options, test_notice
from wirewatch.terminal import console, json_lines

app = typer.Typer(help="Channels: where alerts are delivered to.", no_args_is_help=True, rich_markup_mode=None)
_TIMES = {
    "added_ms": "added_at",
    "last_ok_ms": "last_ok_at",
    "last_failed_ms": "last_failed_at",
    "not_before_ms": "not_before",
}
Name = Annotated[str, typer.Argument(metavar="NAME", help="The channel's name.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    address: Annotated[
        str,
        typer.Argument(
            help="mailto:ann@outlet.example, https://… (a webhook), smtp://…?to=…, or any address of Apprise; - reads it."
        ),
    ],
    owner: Annotated[str, typer.Option(help="Whose it is: its troubles are shown to them.")] = "",
    per_minute: Annotated[
        int | None, typer.Option(help="Most messages a minute; 0: no limit. Default by kind.", min=0, max=60_000)
    ] = None,
    secret: Annotated[str, typer.Option(help="A webhook's secret, whsec_…; empty: one is made and shown once.")] = "",
) -> None:
    """Add a channel, or give one another address. Nothing is sent yet: wirewatch channels test NAME does."""
    url = typer.prompt("address", hide_input=True) if address == "-" else address
    if not name or len(name) > 60 or not name.isprintable() or "/" in name or " " in name:
        raise UsageError(
            f"{name!r} is no name for a channel", hint="use up to 60 characters without spaces and slashes"
        )
    kind = kind_of(url, secret)
    config = {"url": url}
    if kind == "webhook":
        config["secret"] = secret or PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
    channel = Channel(
        name=name,
        kind=kind,
        config=config,
        owner=owner,
        per_minute=PER_MINUTE[kind] if per_minute is None else per_minute,
        added_ms=console.now_ms(),
    )
    carrier_of(channel, delivery_options(load_settings(context.obj))).close()
    new = _book(context).save_channel(channel)
    console.note(f"{name} {'added' if new else 'changed'}: {kind}, {shown_address(channel)}")
    if kind == "webhook" and not secret:
        console.note("its secret, shown this once:")
        typer.echo(config["secret"])


@app.command("list")
def list_all(
    context: typer.Context,
    owner: Annotated[str | None, typer.Option(help="Only those of this owner.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """List channels and how they fare. Addresses are shown without secrets."""
    found = _book(context).channels(owner)
    if json_lines.wanted(as_json=as_json):
        for one in found:
            shown = json_lines.timed(one, **_TIMES) | {"address": shown_address(one)}
            del shown["config"]
            json_lines.put(shown)
        return
    table = Table("name", "kind", "address", "owner", "health", "last sent", "trouble", box=None, header_style="bold")
    for one in found:
        style = {"ok": "green", "failing": "bold red"}.get(one.health, "dim")
        last = f"{from_ms(one.last_ok_ms):%Y-%m-%d %H:%M}" if one.last_ok_ms else "-"
        trouble = f"{one.problem} ({one.failures} in a row)" if one.problem and one.failures else one.problem or ""
        table.add_row(
            *(Text(harmless(cell)) for cell in (one.name, one.kind, shown_address(one), one.owner)),
            Text(one.health, style=style),
            last,
            Text(harmless(trouble)),
        )
    console.out.print(table)


@app.command("test")
def test(context: typer.Context, name: Name) -> None:
    """Send a test message now, and say what came of it. Exit 1 where it did not go out."""
    channel = _book(context).channel(name)
    if channel is None:
        raise UsageError(f"there is no channel {name!r}", hint="wirewatch channels list")
    settings = load_settings(context.obj)
    carrier = carrier_of(channel, delivery_options(settings))
    try:
        carrier.send(test_notice(settings, name, console.now_ms()))
    except Exception as error:
        if isinstance(error, WirewatchError):
            raise
        words = redacted(str(error), channel)
        raise WirewatchError(f"{name}: {words}", hint="nothing else waits for it; mend it and test again") from None
    finally:
        carrier.close()
    console.note(f"{name}: the receiver took it", "green")


@app.command("retry")
def retry(context: typer.Context, name: Name) -> None:
    """Let a failing channel try at once, and send again what had failed for good."""
    count = _book(context).retry_channel(name, now_ms=console.now_ms())
    console.note(f"{name}: tries again now; {count} failed messages wait again")


@app.command("remove")
def remove(context: typer.Context, name: Name) -> None:
    """Remove a channel and its address. What waits for it is kept as failed, for the desk to see."""
    if not _book(context).remove_channel(name):
        raise UsageError(f"there is no channel {name!r}", hint="wirewatch channels list")
    console.note(f"{name} is removed")


def _book(context: typer.Context) -> DeliveryBook:
    return DeliveryBook(open_store(load_settings(context.obj).store))
