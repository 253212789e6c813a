"""A module for each subject: commands read options, call the other packages, and print the result.

A module is imported when one of its commands is used: importing all takes a second, and ``--help`` and ``--version``
need none. So the names and first lines of help are repeated here; a test compares them with the commands'.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "Run all services on this machine; articles and alerts appear on the terminal. Ctrl-C ends it."),
    "connectors": ("services", "Run the connectors: feeds to the raw stream."),
    "pipeline": ("services", "Run the pipeline: raw stream to results."),
    "status": (
        "status",
        "Show whether articles come through: canary, lag, sources. Exit 1 if no canary comes through or the lag is unknown.",
    ),
    "doctor": ("status", "Check runner, broker, store, Java and disk. Exit 1 if the main job can't run."),
    "feed": ("feeds", "Find, add, list, check and remove feeds."),
    "subscriptions": ("subscriptions_check", "Manage subscriptions: stored queries that raise alerts."),
    "stories": ("stories", "Join stories, split articles off, undo either."),
    "rejected": ("rejected", "List rejected records, and retry them after a fix."),
    "match": ("query", 'Match queries against documents: JSON Lines {"query", "doc", "spans"} on stdout.'),
    "topics": ("topics", "List topics, run their examples, fit them to labelled articles (docs/topics.md)."),
    "query": ("query", "Check, explain and import queries. The language: docs/queries.md."),
    "search": (
        "search",
        "Search the stored articles of a run, each in its newest version. Matched words are highlighted.",
    ),
    "backtest": (
        "backtest",
        "Show what a query would have found: stories, alerts per day, examples and cost. Nothing is extracted again.",
    ),
    "briefing": (
        "briefing",
        "Print the briefing: new and changed stories by topic, each with two sentences quoted word for word.",
    ),
    "export": (
        "search",
        "Write articles, stories and alerts as Parquet files by day (docs/data.md explains the columns).",
    ),
    "trace": ("trace", "Follow a URL from its feed to its alerts. Exit 1 if it was never seen."),
    "show": ("runs", "Show what the desk knew at a moment: what was stored by then, and which alerts had been sent."),
    "takedown": (
        "runs",
        "Remove an article from the store and the archive, in all runs, and reject it from now on, also in replays.",
    ),
    "texts": ("texts", "Set how long full texts are kept, by outlet. Title, link and facts stay."),
    "runs": ("runs", "List, compare and drop runs."),
    "run": (
        "replay",
        "Process articles from files, and write the results as JSON Lines. Exit 1 if every item is rejected.",
    ),
    "replay": ("replay", "Process past records again with their original event times, in a run beside the live one."),
    "archive": (
        "replay",
        "Archive the raw stream beyond its retention: one WARC file per completed day.",
    ),
    "deliver": (
        "delivery",
        "Deliver alerts to mail, webhooks and chats. Several can share one store; stopping one loses nothing.",
    ),
    "tail": ("delivery", "Show alerts as they are raised: what is new, the words in context, and why. Ctrl-C ends it."),
    "channels": ("delivery", "Manage the channels that alerts are sent to."),
    "desk": ("desk", "Serve the desk until stopped: live stories, search, subscriptions, coverage, and the API."),
    "people": ("desk", "Manage who may use the desk: accounts, roles, passwords, API tokens."),
    "streams": ("streams", "Create and list the streams."),
}
"""Each command: its module, and the first line of its help, in the order of ``wirewatch --help``.

Of modules that share one group, the one that imports the others is named.
"""


class OnDemand(TyperGroup):
    """A group whose commands are those of COMMANDS, each imported on first use."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()

    def list_commands(self, _ctx: object) -> list[str]:
        """Names in the order of COMMANDS."""
        return list(COMMANDS)

    def format_commands(self, _ctx: object, formatter: Any) -> None:
        """Like Typer's own, but from COMMANDS."""
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help(line, limit)) for name, (_, line) in COMMANDS.items()])


def short_help(line: str, limit: int) -> str:
    """The first sentence of a line of help, in at most ``limit`` characters."""
    sentence, dot, rest = line.partition(". ")
    whole = sentence if dot and rest else sentence.removesuffix(".")
    return textwrap.shorten(f"{whole}.", limit, placeholder="...")


class _Commands(MutableMapping[str, Any]):
    """Commands by name. Membership tests and listing the names import nothing."""

    def __getitem__(self, name: str) -> Any:
        return _group_of(COMMANDS[name][0])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("commands are named in COMMANDS")

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands are named in COMMANDS")


@cache
def _group_of(module: str) -> dict[str, Any]:
    whole = typer.Typer(rich_markup_mode=None, add_completion=False)
    whole.add_typer(import_module(f"wirewatch.commands.{module}").app)
    # A callback makes it a group even if it has only one command.
    whole.callback()(lambda: None)
    group: Any = typer.main.get_group(whole)
    return dict(group.commands)
