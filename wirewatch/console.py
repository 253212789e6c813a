"""What a person sees: two consoles, and errors as one clear line with a next step."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import structlog
from rich.console import Console
from rich.text import Text

from pipeline.errors import QueryError, WirewatchError

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
    """Logs on stderr: short lines for a person on a terminal, JSON lines for a program."""
    level = logging.DEBUG if verbose else logging.WARNING
    # Libraries repeat each lost connection many times; what matters of it comes as an error of ours.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s")
    for noisy in ("kafka", "trafilatura", "apache_beam", "root", ""):
        logging.getLogger(noisy).setLevel(logging.ERROR if verbose else logging.CRITICAL)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def utc_now() -> datetime:
    """The wall clock, UTC: read here and nowhere below the command line."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch."""
    return int(utc_now().timestamp() * 1000)
