"""A story as the store keeps it and the desk shows it."""

from __future__ import annotations

import msgspec


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A group of articles about one event.

    ``id`` and ``headline`` are those of its first article. ``first_ms`` and ``last_ms`` are event times in milliseconds,
    UTC. ``articles`` counts articles, not versions, copies included; ``copies`` those that are copies. ``sources``:
    outlets with a text of their own, sorted; where a text credits an agency, the agency stands for the outlet, so one
    agency text in 43 outlets is one source.
    """

    id: str
    headline: str
    first_ms: int
    last_ms: int
    articles: int = 0
    copies: int = 0
    sources: tuple[str, ...] = ()

    @property
    def independent_sources(self) -> int:
        """How many have told the story in words of their own."""
        return len(self.sources)
