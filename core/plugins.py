"""Plug-ins: entry points of installed packages, with a group for each kind of extension.

The built-in connectors and channels are registered in ``pyproject.toml`` like any other. A plug-in is imported on first
use, so one that can't be imported does not affect the others.
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
    """One entry point. ``package`` is its distribution."""

    name: str
    package: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import the object that the entry point names. Raises UsageError if that fails, whatever the package's error is."""
        try:
            return self.entry.load()
        except Exception as error:
            raise UsageError(
                f"{self.name!r} of package {self.package} can't be loaded: {type(error).__name__}: {error}",
                hint=f"update or remove {self.package}",
            ) from error


def installed_plugins(group: str) -> Mapping[str, Plugin]:
    """The plug-ins of a group, such as ``wirewatch.connectors``, by name. Raises UsageError if two packages use one name."""
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
    """The plug-ins of our own checkout: the metadata of an editable install may be older than the file."""
    try:
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return
    if project.get("name") == _OWN:
        for name, value in project.get("entry-points", {}).get(group, {}).items():
            yield Plugin(name, _OWN, EntryPoint(name, value, group))
