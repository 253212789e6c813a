"""The output of commands: text for people, JSON Lines for programs, errors as one line with a next step.

``--json`` prints JSON Lines, with times in ISO 8601, UTC. Output into a pipe has no colours and one row per line, but
is otherwise the same, so that ``| less`` and ``| grep`` show what a terminal would.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, TextIO, cast

import msgspec
import typer
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from core import logs
from core.errors import QueryError, WirewatchError
from core.records import from_ms
from core.saying import as_text
from core.settings import Settings
from core.visible import CleanStream, behind, escaped, shown

PIPE_WIDTH = 2_000
"""The width of output that is not a terminal; longer cells are wrapped."""


class CleanConsole(Console):
    """A console that makes all texts harmless for terminals: in tables, prompts, progress and errors.

    Markup is off: text from outside in brackets would be read as a style or a link.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    @property
    def size(self) -> ConsoleDimensions:
        """The terminal's size. In a pipe or a file, lines are as long as they need to be, unless COLUMNS is set."""
        found = super().size
        if self.is_terminal or os.environ.get("COLUMNS", "").isdigit():
            return found
        return ConsoleDimensions(PIPE_WIDTH, found.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self.width, self.height = new_size

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """All printed text passes through here, as segments with a style and without escape sequences."""
        for part in super().render(renderable, options):
            clean = part.text if part.control else shown(part.text)
            yield part if clean is part.text or clean == part.text else Segment(clean, part.style)

    @property
    def file(self) -> IO[str]:
        """The stream itself: only Rich's own escape sequences go there."""
        return behind(cast("TextIO", super().file))

    @file.setter
    def file(self, new: IO[str]) -> None:
        Console.file.fset(self, new)  # type: ignore[attr-defined]


out = CleanConsole()
err = CleanConsole(stderr=True)


def clean_streams() -> None:
    """Filter everything that this process writes to stdout and stderr (tracebacks, exports, JSON, logs): nothing acts
    on a terminal.
    """
    sys.stdout, sys.stderr = (
        one if isinstance(one, CleanStream) else CleanStream(one) for one in (sys.stdout, sys.stderr)
    )


def show_error(error: WirewatchError) -> None:
    """Print one line on stderr: what is wrong and what to do. For a query error, it also shows the position."""
    line = Text("wirewatch: ", style="bold red")
    line.append(_one_line(error.message), style="default")
    if error.hint:
        line.append(f" — {_one_line(error.hint)}", style="dim")
    err.print(line)
    if isinstance(error, QueryError):
        err.print(Text(error.pointer(), style="yellow"))


def note(text: str, style: str = "dim") -> None:
    """Print a remark on stderr: stdout has only the requested output."""
    err.print(Text(text, style=style))


def table(*columns: str) -> Table:
    """An empty table in the style of all commands."""
    return Table(*columns, box=None, header_style="bold")


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that work is in progress; the function that it yields changes the text."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what)
        yield lambda text: progress.update(task, description=text)


def progress_bar(*more: ProgressColumn, hidden: bool = False) -> Progress:
    """A progress bar on stderr, with ``more`` columns; shown only on a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    hidden = hidden or not err.is_terminal
    return Progress(*columns, TimeRemainingColumn(), *more, console=err, transient=True, disable=hidden)


def put(record: object) -> None:
    """Print a record as a JSON line. Characters that act on a terminal are escaped, which does not change the value."""
    typer.echo(escaped(msgspec.json.encode(record, enc_hook=as_text).decode()))


def iso(time_ms: int) -> str:
    """A time in ms since the epoch as ``2026-03-05T10:00:00.000Z``."""
    return from_ms(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_times(record: object, **names: str) -> dict[str, Any]:
    """The fields of ``record``. The named ones, in ms, become ISO times under a new name (``saved_ms="saved_at"``); 0
    becomes null.
    """
    fields: dict[str, Any] = msgspec.to_builtins(record, enc_hook=as_text)
    return {
        names.get(name, name): (iso(value) if value else None) if name in names else value
        for name, value in fields.items()
    }


def configure_logging(*, verbose: bool) -> None:
    """Log to stderr: short lines on a terminal, otherwise JSON lines. Services use ``configure_service`` instead."""
    logs.configure(logs.format_of(os.environ), verbose=verbose)


def configure_service(service: str, settings: Settings) -> None:
    """Set up logging by a service's settings; processes that it starts read the format from the environment."""
    os.environ[logs.FORMAT_VARIABLE] = settings.log_format
    logs.configure(settings.log_format)
    logs.bind(service=service, run=settings.run)


def utc_now() -> datetime:
    """The wall clock, UTC. The layers below the command line get it as an argument and never read it themselves."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch."""
    return int(utc_now().timestamp() * 1000)


def _one_line(text: str) -> str:
    return " ".join(text.split())
