"""Editors' decisions about stories: which articles a decision moves, and what the stories know afterwards. Pure.

The machine gives each article a story once, when it is new, and never moves it. So an article that an editor split from a
story does not return by itself, and a story that was joined into another stays there; articles that come later go where
the ones that they resemble are now.

Afterwards the alert rule knows about a story what it would know if the story had always had exactly these articles:

- alerts belong to the story of their article; none is raised again, none is withdrawn;
- facts are learnt again from the story's articles, and an alert has told those that had come up by its time;
- a subscription that an article of the story matches, but that has no alert in the story, because the alert was another
  story's, gets it now (``AlertRule.overdue``). Only a split, or the undoing of a join, can bring that about.
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
"""Versions of a story of which the facts are learnt again, the newest."""


class Member(NamedTuple):
    """An article of a story, as far as decisions ask: its story, and what it is a copy of."""

    story: str
    duplicate_of: str | None = None


class ToldMark(msgspec.Struct, frozen=True, array_like=True):
    """Up to which fact, and how many sources, an alert is taken to have told."""

    told: int
    sources: int


class Effects(msgspec.Struct, frozen=True):
    """What a decision changed. ``moved``: article → (story before, story after).

    ``marks``: alert → what it was taken to have told before, and since; None: what its record says. ``facts``: story → its
    facts before; None if it had none. With these, what was before the decision can be read still.
    """

    moved: dict[str, tuple[str, str]] = {}
    marks: dict[str, tuple[ToldMark | None, ToldMark]] = {}
    facts: dict[str, StoryFacts | None] = {}

    @property
    def stories(self) -> set[str]:
        """The stories that lost or got articles."""
        return {story for pair in self.moved.values() for story in pair}


EFFECTS = msgspec.json.Decoder(Effects)
"""Reads effects as they are stored."""


class MemberVersion(NamedTuple):
    """One version of an article of a story, as far as its facts go. ``heard``: facts of the story count from it on."""

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
    """Article → (its story, the story that it belongs to now), of the articles that a decision moves.

    ``members``: all articles of the stories ``decision.story`` and ``decision.into``. ``undone``: what an ``undo`` takes back.
    A copy goes where its original goes, if both are in one story.
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
    """The facts of a story with these versions, in the run's order, since a decision. ``pages``: of its edited articles."""
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
