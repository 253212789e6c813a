"""The installed kinds of connectors: found by entry points, selected by address, opened for a poll."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from connectors.base import Connector, ConnectorKind, Source, Tools
from core.errors import UsageError
from core.plugins import installed_plugins

GROUP = "wirewatch.connectors"
FEED = "feed"
"""The built-in kind, which takes precedence for an address."""


class Kinds:
    """Kinds by name. ``problems``: those that are registered but can't be loaded, and why."""

    def __init__(self, kinds: Mapping[str, ConnectorKind[Any]], problems: Mapping[str, str] | None = None) -> None:
        self._kinds = dict(kinds)
        self.problems = dict(problems or {})

    @property
    def names(self) -> list[str]:
        """The kinds that can be used."""
        return sorted(self._kinds)

    def of(self, name: str) -> ConnectorKind[Any]:
        """Return a kind. Raises UsageError if it is not installed, or can't be loaded."""
        if name in self.problems:
            raise UsageError(self.problems[name])
        if name not in self._kinds:
            raise UsageError(
                f"there is no connector {name!r}",
                hint=f"installed connectors: {', '.join(self.names)}; install its package",
            )
        return self._kinds[name]

    def choose(self, given: str) -> tuple[str, str]:
        """Return kind and address to store for a person's input: ``KIND:ADDRESS``, or an address, by its scheme.

        Raises UsageError for an address that no kind accepts.
        """
        scheme, colon, rest = given.strip().partition(":")
        scheme = scheme.lower() if colon else ""
        if scheme in self._kinds or scheme in self.problems:
            return scheme, self.of(scheme).address(rest)
        takers = [name for name in self.names if scheme and scheme in self._kinds[name].schemes]
        if FEED in takers or len(takers) == 1:
            name = FEED if FEED in takers else takers[0]
            return name, self._kinds[name].address(given.strip())
        if takers:
            raise UsageError(f"{given}: name the connector that should poll it", hint=f"{takers[0]}:{given}")
        others = [name for name in self.names if name != FEED]
        hint = "give one that begins with http:// or https://"
        if others:
            hint += f", or KIND:ADDRESS for {', '.join(others)}"
        raise UsageError(f"{given or 'nothing'}: not an address", hint=hint)

    def opener(self, source_of: Callable[[str], Source], tools: Tools) -> Callable[[str], Connector[Any]]:
        """Return the runner's ``connect``: a function that creates the connector for a poll of a source, by name."""

        def connect(name: str) -> Connector[Any]:
            source = source_of(name)
            return self.of(source.kind).open(source, tools)

        return connect


@cache
def installed_kinds() -> Kinds:
    """Load all kinds that are installed. Raises UsageError if two packages offer the same name."""
    kinds, problems = {}, {}
    for name, plugin in installed_plugins(GROUP).items():
        try:
            kinds[name] = plugin.load()()
        except Exception as error:
            # Another package's code: whatever it raises, the other kinds must work.
            problems[name] = str(error) or type(error).__name__
    return Kinds(kinds, problems)
