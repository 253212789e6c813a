"""An editor's decision about stories: two are one, or an article is not part of one. A record with a place in its run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

JOIN, SPLIT, UNDO = "join", "split", "undo"
DecisionKind = Literal["join", "split", "undo"]


class StoryDecision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of an editor. ``number`` rises from 1 in each run.

    ``join``: the articles of ``story`` belong to ``into``, and so do later ones that would have joined it. ``split``:
    ``article`` leaves ``story`` with its copies and begins ``into``. ``undo`` reverses decision ``undoes``; ``story``
    and ``into`` are those of that decision. ``place``: the sortable order key that the run had reached; later records
    see the stories as this decision left them. ``by`` and ``why`` are for people; ``decided_at`` is the wall clock,
    UTC, and nothing depends on it.
    """

    number: int
    kind: DecisionKind
    story: str
    into: str
    place: str
    by: str
    decided_at: datetime
    why: str = ""
    article: str | None = None
    undoes: int | None = None
    schema: int = 1


class CarriedOut(NamedTuple):
    """A decision that was carried out, how many articles it moved, and how many missing alerts it raised."""

    decision: StoryDecision
    articles: int
    alerts: int
