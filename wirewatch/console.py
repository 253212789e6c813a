"""What a person sees: two consoles, and errors as one clear line with a next step."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from core import logs
from core.errors import QueryError, WirewatchError
from core.settings import Settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: WirewatchError) -> None:
    """One line on stderr: what is wrong with what, and what to do. A query error also shows where."""
    line = Text("wirewatch: ", style="bold red")
    line.append(_one_line(error.message), style="default")
    if error.hint:
        line.append(f" — {_one_line(error.hint)}", style="dim")
    err.print(line)
    if isinstance(error, QueryError):
        err.print(Text(_printable(error.pointer()), style="yellow"))


def note(text: str, style: str = "dim") -> None:
    """A remark on stderr, so that stdout stays what was asked for."""
    err.print(Text(_printable(text), style=style))


def _one_line(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    # Feed content may hold escape sequences that would take the terminal over.
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def configure_logging(*, verbose: bool) -> None:
    """Logs on stderr: short lines for a person on a terminal, JSON lines for a program; services do as the settings say."""
    logs.configure(logs.format_of(os.environ), verbose=verbose)


def configure_service(service: str, settings: Settings) -> None:
    """Logs of a service as its settings say; processes that it starts learn it from the environment."""
    os.environ[logs.FORMAT_VARIABLE] = settings.log_format
    logs.configure(settings.log_format)
    logs.bind(service=service, run=settings.run)


def utc_now() -> datetime:
    """The wall clock, UTC: read here and nowhere below the command line."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch."""
    return int(utc_now().timestamp() * 1000)
