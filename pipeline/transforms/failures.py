"""Errors of the sinks, kept for the driver in the same process: FnApiRunner passes on only their text, in a traceback."""

from __future__ import annotations

from core.errors import WirewatchError

_failures: list[WirewatchError] = []


def report_failure(error: WirewatchError) -> None:
    """Keep an error that a step is about to raise."""
    _failures[:] = [error]


def reported_failure() -> WirewatchError | None:
    """The error reported last, once; None if there is none."""
    return _failures.pop() if _failures else None
