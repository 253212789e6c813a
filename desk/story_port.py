"""What the desk asks of whoever decides about stories: editors' decisions, and what two articles have in common. Pure.

The desk doesn't import the pipeline: ``wirewatch`` gives it a ``StoryPort`` that it stands behind.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from core.records import Article
from core.records.decision import CarriedOut


class InCommon(NamedTuple):
    """What the beginnings of two articles have in common, as the first writes it."""

    names: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


class StoryPort(Protocol):
    """Decisions about the stories of the continuous run. Safe to use from several threads."""

    def join(self, story: str, into: str, *, by: str, why: str) -> CarriedOut:
        """Make two stories one. Raises NotFound, UsageError, StoreError, as the others do."""

    def split(self, article: str, *, by: str, why: str) -> CarriedOut:
        """Make an article with its copies a story of its own."""

    def undo(self, number: int, *, by: str, why: str) -> CarriedOut:
        """Take a decision back."""

    def in_common(self, one: Article, other: Article) -> InCommon:
        """Names and figures that both articles begin with."""
