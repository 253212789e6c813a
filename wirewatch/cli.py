"""The ``wirewatch`` command. Exit codes: 0 done; 1 failed; 2 wrong usage, or a query that does not parse; 3 another
process has taken over the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import core
from core.errors import InputError, WirewatchError
from wirewatch import console
from wirewatch.commands import OnDemand
from wirewatch.supervisor import end_with_supervisor

app = typer.Typer(
    name="wirewatch",
    cls=OnDemand,
    help="A streaming media monitor: feeds in; deduplicated, topic-tagged articles and alerts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"wirewatch {core.version()}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: wirewatch.toml in the current folder).")
    ] = None,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more on stderr.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool,
        typer.Option(
            "--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Options for all commands."""
    console.configure_logging(verbose=verbose)
    context.obj = config


def main() -> None:
    """Run the command line. Errors become one line and an exit code, never a traceback."""
    console.clean_streams()
    end_with_supervisor()
    try:
        app()
    except WirewatchError as error:
        console.show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.note("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has ended (| head), which is not an error. Python would report it when it flushes.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        # Of a file that the user named or may not open. Without a file's name it is a fault of ours: then the traceback helps.
        if not isinstance(error.filename, str | bytes):
            raise
        failed = InputError(os.fsdecode(error.filename), error.strerror or str(error))
        console.show_error(failed)
        sys.exit(failed.exit_code)
