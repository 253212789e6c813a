"""What a program sees: JSON Lines on stdout, asked for or because nobody looks at a terminal. Times are ISO 8601, UTC."""

from __future__ import annotations

from typing import Any

import msgspec
import typer

from core.records import from_ms
from wirewatch.terminal import console


def wanted(*, as_json: bool) -> bool:
    """Whether JSON Lines are wanted: asked for with ``--json``, or stdout is no terminal."""
    return as_json or not console.out.is_terminal


def put(record: object) -> None:
    """One record as a line."""
    typer.echo(msgspec.json.encode(record).decode())


def iso(time_ms: int) -> str:
    """A time in ms since the epoch as ``2026-03-05T10:00:00.000Z``."""
    return from_ms(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timed(record: object, **names: str) -> dict[str, Any]:
    """The fields of ``record``. Those named, in ms, become times under other names (``saved_ms="saved_at"``); 0: null."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return {
        names.get(name, name): (iso(value) if value else None) if name in names else value
        for name, value in fields.items()
    }
