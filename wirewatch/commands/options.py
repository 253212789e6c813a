"""What commands share: which of them need a store, types and groups of options, and times as people write them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import getpass
import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from core.durations import DAY_MS
from core.errors import StoreError, UsageError
from core.records import to_ms
from core.settings import Settings, load_settings
from core.store import Store
from core.store.engine import store_file
from desk.delivery.times import zone_of
from pipeline.replay.runs import run_names
from wirewatch import console

JsonLines = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]
JsonObject = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Run = Annotated[str, typer.Option("--run", help="The run (default: the continuous one).")]
From = Annotated[
    str,
    typer.Option(
        "--from",
        help="Start: 2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, or 7d (seven days ago); default: no limit.",
    ),
]
To = Annotated[str, typer.Option("--to", help="End, written as for --from, exclusive.")]
MetricsPort = Annotated[
    int,
    typer.Option(
        help="Port for /metrics, /healthz and /readyz; 0: none (default: setting metrics_port).",
        min=-1,
        max=65_535,
        show_default=False,
    ),
]

_AGO = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CLOCK = re.compile(r"(?:(yesterday)\s+)?([01]?\d|2[0-3]):([0-5]\d)")


def reads_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a command that has nothing to do if there is no store.

    Without a store it fails with an error. It does not create an empty one, which would look like a quiet desk.
    """

    @functools.wraps(command)
    def checked(context: typer.Context, **options: Any) -> Any:
        require_store(load_settings(context.obj))
        return command(context=context, **options)

    checked.reads_store = True  # type: ignore[attr-defined]
    return checked


def require_store(settings: Settings) -> None:
    """Raise StoreError if the embedded store does not exist. A database server is not checked."""
    try:
        file = store_file(settings.store)
    except (UsageError, RuntimeError):
        return  # opening the store reports what is wrong with the address
    if file is not None and not file.exists():
        hint = "wirewatch up creates it; or set data_dir / WIREWATCH_DATA_DIR to where it is"
        raise StoreError(f"there is no store at {file.absolute()}", hint=hint)


def expand_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take dataclasses of options: each field becomes an option of the command.

    Shared options are defined once, with name, unit, default and help, as ``Annotated`` fields.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for one in inspect.signature(command, eval_str=True).parameters.values():
        members = [one]
        if isinstance(one.annotation, type) and dataclasses.is_dataclass(one.annotation):
            members = list(inspect.signature(one.annotation, eval_str=True).parameters.values())
            groups[one.name] = (one.annotation, [member.name for member in members])
        parameters += [member.replace(kind=inspect.Parameter.KEYWORD_ONLY) for member in members]

    @functools.wraps(command)
    def expanded(**values: Any) -> Any:
        for name, (group, members) in groups.items():
            values[name] = group(**{member: values.pop(member) for member in members})
        return command(**values)

    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {one.name: one.annotation for one in parameters}
    return expanded


def known_run(store: Store, name: str) -> str:
    """``name`` itself. Raises UsageError if there is no such run."""
    if name not in run_names(store):
        raise UsageError(f"there is no run {name!r}", hint="wirewatch runs list shows them")
    return name


def desk_zone(settings: Settings) -> ZoneInfo:
    """The time zone of the desk. Raises UsageError if the setting is not a zone."""
    try:
        return zone_of(settings.desk_zone)
    except UsageError as error:
        raise UsageError(f"desk_zone: {error.message}", hint=error.hint) from error


def parse_time(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """A time in UTC from ``2026-03-05``, ``2026-03-05T10:00``, ``7d`` (ago), ``now``, ``07:20`` or ``yesterday``.

    Dates without a zone are UTC. ``07:20`` is today and ``yesterday 07:20`` yesterday, in ``zone``; ``yesterday`` is
    the current time of day, one day earlier. ``zone``: the zone that times are shown in; None: the machine's. Raises
    UsageError.
    """
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if text == "yesterday":
        return _local(now, 1, None, zone)
    if clock := _CLOCK.fullmatch(text):
        return _local(now, 1 if clock[1] else 0, time(int(clock[2]), int(clock[3])), zone)
    try:
        found = datetime.fromisoformat(text)
        aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if 1970 <= aware.year < 2200:
            return aware
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{text!r} is not a time",
        hint="write 2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, yesterday 07:20, or 7d for seven days ago",
    )


def parse_period(
    since: str, until: str, *, days: float | None = None, zone: tzinfo | None = None
) -> tuple[int | None, int | None]:
    """The period of ``--days``, or of ``--from`` and ``--to``, in ms; None: no limit. Raises UsageError."""
    now = console.utc_now()
    if days is not None and (since or until):
        raise UsageError("--days can't be combined with --from or --to")
    if days is not None:
        return to_ms(now) - round(days * DAY_MS), None
    begin = to_ms(parse_time(since, now, zone)) if since else None
    end = to_ms(parse_time(until, now, zone)) if until else None
    if end is not None and (begin or 0) >= end:
        raise UsageError(f"--from {since or 'the beginning'} is not before --to {until}")
    return begin, end


def _local(now: datetime, days_before: int, clock: time | None, zone: tzinfo | None) -> datetime:
    """A time of day by the clocks of ``zone``, also if they were changed in between."""
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=days_before)
    plain = datetime.combine(day, clock or local.time())
    # astimezone() treats a time without a zone as the machine's.
    return (plain.replace(tzinfo=zone) if zone is not None else plain).astimezone(UTC)


def me() -> str:
    """The user of the machine; empty if that is unknown."""
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""
