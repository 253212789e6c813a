"""The ordered stage, without its input and output: a batch of drafts in order becomes outcomes, articles, entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from core.records import Article, OrderKey, Outcome, OutcomeKind, Position
from pipeline.stories.decide import decide
from pipeline.stories.index import Entry, StoryIndex
from pipeline.text.difference import Difference, difference


class ProblemLike(Protocol):
    """Why a record is rejected."""

    @property
    def stage(self) -> str:
        """The stage that could not go on."""

    @property
    def reason(self) -> str:
        """What stopped it, short and stable."""


class DraftLike(Protocol):
    """A record as the stateless steps left it: an article, or a problem."""

    @property
    def position(self) -> Position:
        """Where the raw record lies."""

    @property
    def key(self) -> OrderKey:
        """Its own place in the order."""

    @property
    def item(self) -> str:
        """What a person would look for."""

    @property
    def article(self) -> Article | None:
        """The article without its story."""

    @property
    def problem(self) -> ProblemLike | None:
        """Why there is none."""


@dataclass(frozen=True, slots=True)
class Told:
    """One record with its end. ``article`` is set unless it was rejected or unchanged; ``late``: it has a place not its own.

    ``origin``: the agency that the reader should see credited. ``difference``: what an update changed, where the text
    before it was given.
    """

    outcome: Outcome
    key: OrderKey
    late: bool
    article: Article | None = None
    entry: Entry | None = None
    origin: str | None = None
    difference: Difference | None = None


@dataclass(slots=True)
class Handled:
    """A batch with all its ends, in order, and the last place given."""

    told: list[Told] = field(default_factory=list)
    last_key: OrderKey | None = None


class StoryStage:
    """Holds the index between batches. Not thread-safe; after a batch that could not be stored it must be thrown away."""

    def __init__(self, index: StoryIndex) -> None:
        self.index = index

    def handle(
        self,
        drafts: Iterable[DraftLike],
        *,
        done: Mapping[Position, object],
        histories: Mapping[str, Sequence[Entry]],
        last_key: OrderKey | None,
        texts: Mapping[str, tuple[str, str]] | None = None,
    ) -> Handled:
        """Decide each draft in the given order.

        Positions in ``done`` have their result already and give nothing. ``histories`` holds the stored versions of the
        drafts' articles, ``texts`` (title, text) of their latest ones, for the differences. A draft whose key is not behind
        ``last_key`` came too late: it gets the place directly behind. One whose key is a late place already keeps that.
        """
        shown = dict(texts or {})
        handled = Handled(last_key=last_key)
        grown: dict[str, list[Entry]] = {}
        for draft in drafts:
            if draft.position in done:
                continue
            last, key = handled.last_key, draft.key
            late = key.late > 0
            if last is not None and key <= last:
                key, late = last.follower(), True
            handled.last_key = key
            if draft.article is None:
                handled.told.append(Told(_rejection(draft, key), key, late))
                continue
            history = [*histories.get(draft.article.id, ()), *grown.get(draft.article.id, ())]
            told = self._tell(draft, draft.article, key, history, late=late, before=shown.get(draft.article.id))
            if told.entry is not None:
                grown.setdefault(told.entry.article, []).append(told.entry)
                self.index.add(told.entry)
                shown[told.entry.article] = (draft.article.title, draft.article.text)
            handled.told.append(told)
        if handled.last_key is not None:
            self.index.expire(handled.last_key)
        return handled

    def _tell(
        self,
        draft: DraftLike,
        article: Article,
        key: OrderKey,
        history: Sequence[Entry],
        *,
        late: bool,
        before: tuple[str, str] | None,
    ) -> Told:
        decision = decide(article, key, history, self.index)
        outcome = _outcome(draft, key, decision.kind, article=article.id, version=decision.version)
        if decision.entry is None:
            return Told(outcome, key, late, origin=decision.origin)
        enriched = msgspec.structs.replace(
            article,
            key=key,
            version=decision.version,
            story_id=decision.story,
            duplicate_of=decision.duplicate_of,
            origin=decision.origin,
            fingerprint=decision.entry.fingerprint,
        )
        changed = before is not None and decision.kind is OutcomeKind.UPDATED
        return Told(
            outcome,
            key,
            late,
            enriched,
            decision.entry,
            decision.origin,
            difference(before, (article.title, article.text)) if changed and before is not None else None,
        )


def _rejection(draft: DraftLike, key: OrderKey) -> Outcome:
    stage, reason = (draft.problem.stage, draft.problem.reason) if draft.problem else ("unknown", "no article")
    return _outcome(draft, key, OutcomeKind.REJECTED, stage=stage, reason=reason)


def _outcome(
    draft: DraftLike,
    key: OrderKey,
    kind: OutcomeKind,
    *,
    article: str | None = None,
    version: int | None = None,
    stage: str | None = None,
    reason: str | None = None,
) -> Outcome:
    position = draft.position
    return Outcome(
        run=position.run,
        stream=position.stream,
        partition=position.partition,
        first_offset=position.offset,
        last_offset=position.offset,
        kind=kind,
        item=draft.item,
        article=article,
        version=version,
        stage=stage,
        reason=reason,
        key=key,
    )
