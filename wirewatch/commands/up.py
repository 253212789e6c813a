"""``wirewatch up``: everything on one machine, supervised."""

from __future__ import annotations

import typer


def up(context: typer.Context) -> None:
    """Stub"""
