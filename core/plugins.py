"""Plug-ins: what installed packages offer by entry points, a group for each kind of extension.

The built-in connectors and channels are registered in ``pyproject.toml`` as anyone else's are. Nothing is imported until it
is used: a plug-in that can't be imported is a problem of its own, never of the others.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from core.errors import UsageError

_OWN = "wirewatch"


@dataclass(frozen=True)
class Plugin:
    """One entry point. ``package`` is the distribution that offers it."""

    name: str
    package: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import what the entry point names. Raises UsageError if that fails, whatever the package's own error is."""
        try:
            return self.entry.load()
        except Exception as error:
            raise UsageError(
                f"{self.name!r} of package {self.package} can't be loaded: {type(error).__name__}: {error}",
                hint=f"update or remove {self.package}",
            ) from error


def installed_plugins(group: str) -> Mapping[str, Plugin]:
    """The plug-ins of a group by name, such as ``wirewatch.connectors``. Raises UsageError if two packages offer one name."""
    found: dict[str, Plugin] = {}
    for one in (*_registered(group), *_of_checkout(group)):
        other = found.setdefault(one.name, one)
        if other.package != one.package:
            raise UsageError(
                f"two packages offer {one.name!r} for {group}: {other.package} and {one.package}", hint="remove one"
            )
    return dict(sorted(found.items()))


def _registered(group: str) -> Iterator[Plugin]:
    for entry in entry_points(group=group):
        yield Plugin(entry.name, entry.dist.name if entry.dist else "?", entry)


def _of_checkout(group: str) -> Iterator[Plugin]:
    """Those of our own checkout: what an editable install knows of it may be older than the file."""
    try:
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return
    if project.get("name") == _OWN:
        for name, value in project.get("entry-points", {}).get(group, {}).items():
            yield Plugin(name, _OWN, EntryPoint(name, value, group))
