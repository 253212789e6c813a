"""What the desk needs from the component that decides about stories: editors' decisions, and what two articles share. Pure.

The desk doesn't import the pipeline: ``wirewatch`` gives it a ``StoryPort`` that the pipeline implements.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from core.records import Article
from core.records.decision import CarriedOut


class InCommon(NamedTuple):
    """What the beginnings of two articles have in common, as spelled in the first article."""

    names: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


class StoryPort(Protocol):
    """Decisions about the continuous run's stories. Safe to use from several threads."""

    def join(self, story: str, into: str, *, by: str, why: str) -> CarriedOut:
        """Join ``story`` into ``into``. Raises NotFound, UsageError, StoreError, as the methods below do."""

    def split(self, article: str, *, by: str, why: str) -> CarriedOut:
        """Make an article and its copies a separate story."""

    def undo(self, number: int, *, by: str, why: str) -> CarriedOut:
        """Undo a decision."""

    def in_common(self, one: Article, other: Article) -> InCommon:
        """Names and figures that occur in the beginning of both articles."""
