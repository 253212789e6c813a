"""The ``wirewatch`` command. Exit 0: done; 1: failed; 2: wrong use or a query that does not parse."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from core.errors import WirewatchError
from wirewatch import existing
from wirewatch.commands import (
    archive,
    backtest,
    channels,
    deliver,
    desk,
    doctor,
    export,
    feed,
    match,
    people,
    query,
    replay,
    run,
    runs,
    search,
    services,
    show,
    status,
    streams,
    subscriptions,
    tail,
    takedown,
    topics,
    trace,
    up,
)
from wirewatch.terminal import console

app = typer.Typer(
    name="wirewatch",
    help="Watches the news wires for a desk: feeds in, topic-tagged articles and alerts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("run")(run.run)
app.command("replay")(replay.replay)
app.command("archive")(archive.archive)
app.command("trace")(trace.trace)
app.command("show")(show.show)
app.command("takedown")(takedown.takedown)
app.command("match")(match.match)
app.command("search")(search.search)
app.command("backtest")(backtest.backtest_query)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("desk")(desk.desk)
app.command("deliver")(deliver.deliver)
app.command("tail")(tail.tail)
app.add_typer(feed.app, name="feed")
app.add_typer(query.app, name="query")
app.add_typer(topics.app, name="topics")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(channels.app, name="channels")
app.add_typer(streams.app, name="streams")
app.add_typer(people.app, name="people")
app.add_typer(runs.app, name="runs")
app.add_typer(services.connectors, name="connectors")
app.add_typer(services.pipeline, name="pipeline")
existing.guard(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"wirewatch {metadata.version('wirewatch')}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Settings file (default: wirewatch.toml here).")] = None,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    version: Annotated[  # noqa: ARG001 - the callback answers
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
    """Run the command line; errors become one line and an exit code, never a traceback."""
    try:
        app()
    except WirewatchError as error:
        console.show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.note("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone (| head): nothing is wrong. Python would complain when it flushes.
        sys.stderr.close()
        sys.exit(1)
