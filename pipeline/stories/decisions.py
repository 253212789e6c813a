"""Editors' decisions about stories: which articles a decision moves, and the stories' memories afterwards. Pure.

The pipeline gives each article a story once, when it is new, and never moves it. So an article that an editor split from a
story does not return automatically, and a story that was joined into another stays there; later articles join the current
story of those that they resemble.

Afterwards the alert rule has the same memory of a story as if the story had always had exactly these articles:

- alerts belong to the story of their article; none is raised again, none is withdrawn;
- facts are computed again from the story's articles, and an alert has reported those that had come up by its time;
- a subscription that matches an article of the story, but has no alert in it, because the alert belongs to another story,
  gets one now (``AlertRule.overdue``). Only a split, or the undoing of a join, can cause this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from core.records.decision import JOIN, SPLIT, StoryDecision
from pipeline.stories.facts import facts_of
from pipeline.stories.leads import sketch_of
from pipeline.stories.story_memory import EditPace, StoryFacts, learn
from pipeline.text.difference import WordChange

MOST_VERSIONS = 200
"""How many of a story's newest versions are used to compute its facts again."""


class Member(NamedTuple):
    """What decisions need of an article: its story, and the original if it is a copy."""

    story: str
    duplicate_of: str | None = None


class ToldMark(msgspec.Struct, frozen=True, array_like=True):
    """The last fact, and the number of sources, that an alert counts as having reported."""

    told: int
    sources: int


class Effects(msgspec.Struct, frozen=True):
    """The changes by a decision. ``moved``: article → (story before, story after).

    ``marks``: alert → (mark before, mark after); None: as in its record. ``facts``: story → its facts before; None if it had
    none. With these, the state before the decision can still be computed.
    """

    moved: dict[str, tuple[str, str]] = {}
    marks: dict[str, tuple[ToldMark | None, ToldMark]] = {}
    facts: dict[str, StoryFacts | None] = {}

    @property
    def stories(self) -> set[str]:
        """The stories that lost or gained articles."""
        return {story for pair in self.moved.values() for story in pair}


EFFECTS = msgspec.json.Decoder(Effects)
"""Decodes stored effects."""


class MemberVersion(NamedTuple):
    """One version of an article in a story, for its facts. ``heard``: the story's facts count from this version on."""

    article: str
    time_ms: int
    title: str
    text: str
    language: str | None
    fingerprint: bytes
    duplicate_of: str | None
    changes: Sequence[WordChange] | None
    heard: bool


def moves(
    decision: StoryDecision, members: Mapping[str, Member], undone: tuple[StoryDecision, Effects] | None = None
) -> dict[str, tuple[str, str]]:
    """Article → (story before, story after), for the articles that a decision moves.

    ``members``: all articles of the stories ``decision.story`` and ``decision.into``. ``undone``: the decision that an ``undo``
    reverses. A copy moves with its original if both are in the same story.
    """
    if decision.kind == JOIN:
        found = {article for article, one in members.items() if one.story == decision.story}
        target = decision.into
    elif decision.kind == SPLIT:
        found = {decision.article or ""} & members.keys()
        found |= {article for article, one in members.items() if one.duplicate_of in found}
        found = {article for article in found if members[article].story == decision.story}
        target = decision.into
    elif undone is None:
        return {}
    else:
        was, effects = undone
        found, target = {article for article, one in members.items() if one.story == was.into}, was.story
        if was.kind == JOIN:
            back = effects.moved.keys()
            found = {article for article in found if article in back or members[article].duplicate_of in back}
    return {article: (members[article].story, target) for article in sorted(found) if members[article].story != target}


def rebuilt(versions: Iterable[MemberVersion], pages: Mapping[int, EditPace], decision: int) -> StoryFacts:
    """A story's facts after a decision, from its versions in the run's order. ``pages``: the pace of its edited articles."""
    facts = StoryFacts(pages=dict(pages), decision=decision)
    for one in list(versions)[-MOST_VERSIONS:]:
        if one.heard:
            said = facts_of(one.title, one.text, language=one.language, changes=one.changes or ())
            first = one.duplicate_of is None and one.changes is None
            facts, _ = learn(
                facts,
                said,
                one.time_ms,
                sketch=sketch_of(one.fingerprint) if first else b"",
                language=one.language,
            )
    return facts


def told_by(facts: StoryFacts, time_ms: int) -> int:
    """The number of the last fact that had come up by an event time in ms."""
    seen = [at for part in (facts.figures, facts.quotes, facts.notices) for at in part.values()]
    numbers = [number for number, at_ms in seen if at_ms <= time_ms]
    numbers += [one.number for one in facts.leads if one.time_ms <= time_ms]
    return max(numbers, default=0)
