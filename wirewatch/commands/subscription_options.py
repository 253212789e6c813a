"""What ``wirewatch subscriptions add`` and ``edit`` take, as changes to a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from core.records.alert import ALL_NEWS, Level

Name = Annotated[str | None, typer.Option(help="A name for people.")]
Owner = Annotated[str | None, typer.Option(help="Whose it is.")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only these topics (stored in lower case); may be repeated, - for any."),
]
Languages = Annotated[
    list[str] | None,
    typer.Option("--language", help="Only these languages (en, ar …; stored in lower case), - for any."),
]
Outlets = Annotated[list[str] | None, typer.Option("--outlet", help="Only these outlets (source names), - for any.")]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="A channel to deliver to; - for none.")]
News = Annotated[
    list[str] | None, typer.Option("--news", help=f"What raises a further alert: {', '.join(ALL_NEWS)}; - for nothing.")
]
Digest = Annotated[str | None, typer.Option(help="immediate, hourly, or the local time of a daily digest (07:30).")]
Zone = Annotated[str | None, typer.Option(help="Time zone, such as Europe/Berlin.")]
Quiet = Annotated[str | None, typer.Option(help="Quiet hours, local, as 22:00-07:00; - for none.")]
Breakthrough = Annotated[str | None, typer.Option(help="Level that goes out whatever the hour: low … urgent, never.")]
PerHour = Annotated[int | None, typer.Option(help="Most messages an hour; the rest comes in a digest. 0: no limit.")]
AlertLevel = Annotated[str | None, typer.Option("--level", help="Level of its alerts: low, normal, high, urgent.")]
Note = Annotated[str | None, typer.Option(help="Why: kept with this version.")]


def changes_of(
    name: str | None,
    owner: str | None,
    topic: Sequence[str] | None,
    language: Sequence[str] | None,
    outlet: Sequence[str] | None,
    channel: Sequence[str] | None,
    news: Sequence[str] | None,
    level: Level | str | None,
    note: str | None,
) -> dict[str, Any]:
    """What was given, but for the schedule. A list of ``-`` becomes empty."""
    given: dict[str, Any] = {"name": name, "owner": owner, "level": level, "note": note}
    lists = {"topics": topic, "languages": language, "outlets": outlet, "delivery": channel, "news": news}
    given |= {key: [one for one in value if one != "-"] for key, value in lists.items() if value}
    return {key: value for key, value in given.items() if value is not None}


def schedule_of(
    digest: str | None, zone: str | None, quiet: str | None, breakthrough: str | None, per_hour: int | None
) -> dict[str, Any]:
    """What was given of the schedule; nothing where nothing was."""
    given: dict[str, Any] = {"zone": zone, "breakthrough": breakthrough, "per_hour": per_hour}
    if digest is not None:
        given |= {"kind": digest} if digest in ("immediate", "hourly") else {"kind": "daily", "at": digest}
    if quiet is not None:
        given["quiet"] = "" if quiet == "-" else quiet
    given = {key: value for key, value in given.items() if value is not None}
    return {"schedule": given} if given else {}
