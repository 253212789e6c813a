"""Commands that only read say so where there is no store, instead of making an empty one that looks like a quiet desk."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core.errors import StoreError
from core.settings import Settings, load_settings

READING = frozenset(
    {
        *("search", "backtest", "tail", "show", "trace", "status", "export", "takedown"),
        *("runs list", "runs diff", "runs drop"),
        *("feed list", "feed check", "feed coverage", "feed export", "feed remove"),
        *("subscriptions list", "subscriptions show", "subscriptions history", "subscriptions export"),
        *("subscriptions edit", "subscriptions pause", "subscriptions resume", "subscriptions remove"),
        *("subscriptions test", "subscriptions not-relevant"),
        *("channels list", "channels test", "channels retry", "channels remove"),
        *("people list", "people role", "people password", "people close", "people token"),
    }
)
"""The commands that need what is stored already: in an empty store they have nothing to do."""


def require_store(settings: Settings) -> None:
    """Raise StoreError where the embedded store is not there yet. What a server holds, only the server knows."""
    try:
        url = make_url(settings.store)
    except ArgumentError:
        return  # opening it says what is wrong with the address
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    file = Path(url.database)
    if not file.exists():
        hint = "wirewatch up makes it; or set data_dir / WIREWATCH_DATA_DIR to where it is"
        raise StoreError(f"there is no store at {file.absolute()}", hint=hint)


def guard(app: typer.Typer, reading: Collection[str] = READING) -> None:
    """Let the commands named in ``reading`` (``"search"``, ``"runs list"``) look for the store before they begin."""
    left = set(reading)
    for name, command in named_commands(app):
        if name in left and command.callback is not None:
            command.callback = _guarded(command.callback)
            left.remove(name)
    if left:
        raise ValueError(f"no such commands: {', '.join(sorted(left))}")


def named_commands(app: typer.Typer) -> list[tuple[str, Any]]:
    """All commands, each with its name as it is typed."""
    found: list[tuple[str, Any]] = [(str(one.name), one) for one in app.registered_commands]
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands if group.typer_instance else []
        found += [(f"{group.name} {one.name}", one) for one in inner]
    return found


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def checked(*arguments: Any, **options: Any) -> Any:
        context: typer.Context = options["context"] if "context" in options else arguments[0]
        require_store(load_settings(context.obj))
        return command(*arguments, **options)

    return checked
