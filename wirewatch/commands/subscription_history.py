"""``wirewatch subscriptions history``: who changed what when."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from core.records import Subscription, from_ms
from core.settings import load_settings
from core.store import open_store
from desk.terminal import harmless
from desk.use_cases.subscriptions import PORTABLE, Subscriptions
from wirewatch.terminal import console, json_lines


def history(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """Show who changed what when, newest first."""
    versions = Subscriptions(open_store(load_settings(context.obj).store), console.now_ms).history(identity)
    if json_lines.wanted(as_json=as_json):
        for one in versions:
            json_lines.put(subscription_fields(one))
        return
    for one, before in zip(versions, [*versions[1:], None], strict=True):
        line = Text(f"version {one.version}", style="bold")
        line.append(
            f"  {when(one.saved_ms)}  {harmless(one.edited_by) or 'unknown'}  {harmless(one.note)}", style="dim"
        )
        console.out.print(line)
        for name, old, new in changes(before, one):
            shown = Text(f"  {name}: ")
            if before is not None:
                shown.append("was ").append(harmless(old) or "-", style="red").append(" now ")
            console.out.print(shown.append(harmless(new) or "-", style="green"))


def changes(before: Subscription | None, one: Subscription) -> list[tuple[str, str, str]]:
    """What a version changed: name, old, new; of a first version all that is not its default. The note is no change."""
    old, new = (_flat(two) for two in (before or Subscription(id="", query=""), one))
    return [(name, old[name], new[name]) for name in new if new[name] != old[name]]


def subscription_fields(one: Subscription) -> dict[str, Any]:
    """A version for a program. ``effective_from``: event time; null where it holds from the beginning of all."""
    return json_lines.timed(one, effective_from_ms="effective_from", saved_ms="saved_at")


def when(value: Any) -> str:
    """A time in ms as people read it."""
    return f"{from_ms(value):%Y-%m-%d %H:%M:%S} UTC" if value else "-"


def _flat(one: Subscription) -> dict[str, str]:
    """What people change, as text, the schedule's parts each for itself."""
    plain = {name: getattr(one, name) for name in PORTABLE if name not in ("id", "note", "schedule")}
    plain |= {"removed": not one.active} | {
        name: getattr(one.schedule, name) for name in one.schedule.__struct_fields__
    }
    return {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in plain.items()}
