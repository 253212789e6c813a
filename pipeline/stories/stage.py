"""The ordered stage, without I/O: decides what an article is, and the outcomes of a batch of drafts, in order.

An article is new, a new version, a copy, another report on a known event, or nothing new (``decide``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import msgspec

from core.records import Article, OrderKey, Outcome, OutcomeKind, Position
from core.records.canary import is_canary
from core.records.text_limits import NO_LIMITS, TextLimits
from pipeline.elements import WALL, Draft, PageSource, Rejection
from pipeline.stories.aliases import Alias, joined
from pipeline.stories.features import agency_of, features, is_full, settled_of
from pipeline.stories.index import IndexEntry, StoryIndex
from pipeline.stories.links import Link
from pipeline.stories.ownership import may_change
from pipeline.stories.repeated_walls import KIND as REPEATED
from pipeline.stories.repeated_walls import Sighting, alike, repeated, sighting
from pipeline.text.difference import VersionDifference, difference
from pipeline.text.same_text import text_hash

STAGE = "decide"
LOOKED_UP = 256
"""The keys of so many articles are looked up together."""


Around = Callable[[Position, str], AbstractContextManager[object]]
"""(position, stage) → context for a record's part of the stage: a guard that finds a record that fails or never ends."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on an article. ``entry``: the entry to add to the index; None if nothing is new.

    ``origin``: the agency that the text credits, else the agency that a copy's original credits; None if there is none.
    """

    kind: OutcomeKind
    version: int
    story: str
    duplicate_of: str | None
    entry: IndexEntry | None
    origin: str | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """One record with its outcome. ``article`` is set unless it was rejected or unchanged.

    ``late``: it came too late for its own place. ``origin``: the agency to credit. ``difference``: the changes of an update, if
    the text before it was given. ``undecided``: subscriptions whose query was left undecided on it. ``page``: the page that led
    to it. ``wall``: the kind of wall, if its page is one. ``sighting``, ``aliases``: to be stored for its text and its
    addresses. ``links``: near articles.
    """

    outcome: Outcome
    key: OrderKey
    late: bool
    article: Article | None = None
    entry: IndexEntry | None = None
    origin: str | None = None
    difference: VersionDifference | None = None
    undecided: int = 0
    page: PageSource | None = None
    wall: str | None = None
    sighting: Sighting | None = None
    aliases: tuple[Alias, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(slots=True)
class Handled:
    """A batch with all its outcomes, in order, and the last assigned place."""

    decided: list[Decided] = field(default_factory=list)
    last_key: OrderKey | None = None


class StoryStage:
    """Keeps the index between batches. Not thread-safe; it must be discarded after a batch that could not be stored."""

    def __init__(self, index: StoryIndex) -> None:
        self.index = index

    def handle(
        self,
        drafts: Iterable[Draft],
        *,
        done: Mapping[Position, object],
        histories: Mapping[str, Sequence[IndexEntry]],
        last_key: OrderKey | None,
        texts: Mapping[str, tuple[str, str]] | None = None,
        sightings: Mapping[str, Sequence[Sighting]] | None = None,
        aliases: Mapping[str, str] | None = None,
        limits: TextLimits = NO_LIMITS,
        around: Around = lambda _position, _stage: nullcontext(),
    ) -> Handled:
        """Decide each draft in the given order.

        Positions in ``done`` have a result already and are skipped. ``histories`` are the stored versions of the
        drafts' articles, ``texts`` (title, text) of their latest ones, for the differences, ``sightings`` those of their
        doubtful texts, by digest, ``aliases`` the known ones of their addresses and articles. A text past its ``limits`` at
        a draft's place counts as removed, even if it is given. A draft whose key is not after ``last_key`` came too late and
        gets the place directly after it; a key that is already a late place is kept. Each article is decided within
        ``around``. If that fails for one, the stage must be discarded.
        """
        shown = dict(texts or {})
        handled = Handled(last_key=last_key)
        grown: dict[str, list[IndexEntry]] = {}
        known_as = dict(aliases or {})
        seen = {about: list(several) for about, several in (sightings or {}).items()}
        waiting = [draft for draft in drafts if draft.position not in done]
        for at, draft in enumerate(waiting):
            if at % LOOKED_UP == 0:
                soon = (one.article for one in waiting[at : at + LOOKED_UP])
                self.index.expect(one.fingerprint for one in soon if one is not None)
            key, late = place_behind(handled.last_key, draft.key)
            handled.last_key = key
            if draft.article is None:
                handled.decided.append(_refused(draft, key, late=late))
                continue
            identity, named = joined(draft.article, known_as, lambda one: bool(histories.get(one) or grown.get(one)))
            draft = _of_article(draft, identity)
            history = [*histories.get(identity, ()), *grown.get(identity, ())]
            with around(draft.position, STAGE):
                before = shown.get(identity) if _there(history, limits, key) else None
                draft, found = _unless_repeated(draft, key, seen, before)
                if draft.article is None:
                    decided = _refused(draft, key, late=late)
                else:
                    several = identity in known_as.values() or bool(named)
                    decided = self._decide(
                        draft, draft.article, key, history, late=late, before=before, several=several
                    )
                if decided.entry is not None:
                    self.index.add(decided.entry)
            if decided.entry is not None and draft.article is not None:
                grown.setdefault(decided.entry.article, []).append(decided.entry)
                shown[decided.entry.article] = (draft.article.title, draft.article.text)
            if named and decided.outcome.kind is not OutcomeKind.REJECTED:
                known_as |= {one.alias: one.article for one in named}
                decided = replace(decided, aliases=named)
            if found is not None:
                seen.setdefault(found.digest, []).append(found)
                decided = replace(decided, sighting=found)
            handled.decided.append(decided)
        if handled.last_key is not None:
            self.index.expire(handled.last_key)
        return handled

    def _decide(
        self,
        draft: Draft,
        article: Article,
        key: OrderKey,
        history: Sequence[IndexEntry],
        *,
        late: bool,
        before: tuple[str, str] | None,
        several: bool,
    ) -> Decided:
        decision = decide(article, key, history, self.index, several=several, text=draft.text_hash)
        outcome = _outcome(draft, key, decision.kind, article=article.id, version=decision.version)
        if decision.entry is None:
            return Decided(
                outcome,
                key,
                late,
                origin=decision.origin,
                undecided=draft.undecided,
                page=draft.page,
                wall=article.wall,
            )
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
        return Decided(
            outcome,
            key,
            late,
            enriched,
            decision.entry,
            decision.origin,
            difference(before, (article.title, article.text)) if changed and before is not None else None,
            draft.undecided,
            draft.page,
            article.wall,
            links=decision.links,
        )


def _there(history: Sequence[IndexEntry], limits: TextLimits, key: OrderKey) -> bool:
    """Whether the latest version still has its text at a place."""
    latest = max(history, key=lambda entry: entry.version, default=None)
    return latest is None or not limits.gone(latest.source, latest.key.time_ms, key.time_ms)


def place_behind(last: OrderKey | None, key: OrderKey) -> tuple[OrderKey, bool]:
    """The place of a record with this key after the last one, and whether it came late."""
    if last is not None and key <= last:
        return last.follower(), True
    return key, key.late > 0


def leading(drafts: Sequence[Draft], done: Mapping[Position, object], last: OrderKey | None, place: str) -> int:
    """How many drafts, from the first, get a place up to ``place`` (a sortable key), the place of a decision."""
    for count, draft in enumerate(drafts):
        if draft.position not in done:
            last, _ = place_behind(last, draft.key)
            if last.sortable() > place:
                return count
    return len(drafts)


def decide(
    article: Article,
    key: OrderKey,
    history: Sequence[IndexEntry],
    index: StoryIndex,
    *,
    several: bool = False,
    text: str | None = None,
) -> Decision:
    """Decide ``article`` at place ``key``. ``history``: versions of the same article, of any age, in any order.

    ``several``: it has several addresses, whose pages may permanently differ a little; content that any of them showed before
    is not new. ``text``: the ``text_hash`` of its text, if the caller has it.

    An article with the title and text of its latest version (clockwork lines aside) is ``unchanged``, and so is one whose
    page is a wall now, or that a feed of another site brought (``ownership``); with others it is ``updated`` and stays in its
    story. An article never seen is ``duplicate`` if an earlier text in the
    window is (nearly) the same, else ``published``; then it joins the story of other texts on the same event, or begins
    one with its id. Features are computed here if the article has only a plain signature.
    """
    fingerprint = _full_features(article)
    origin, links = agency_of(fingerprint), tuple[Link, ...]()
    earlier = max((entry for entry in history if entry.key < key), key=lambda entry: entry.version, default=None)
    if earlier is not None:
        settled = settled_of(fingerprint)
        shown = [entry for entry in history if entry.key < key] if several else [earlier]
        same = any(
            entry.version_hash == article.version_hash or (settled and settled == settled_of(entry.fingerprint))
            for entry in shown
        )
        # The feed's text, used instead of a wall, never replaces an earlier text of the page.
        walled = article.wall is not None
        if walled or same or not may_change(article, earlier.source):
            return Decision(OutcomeKind.UNCHANGED, earlier.version, earlier.story, earlier.duplicate_of, None, origin)
        version, story, duplicate_of = earlier.version + 1, earlier.story, earlier.duplicate_of
        kind, text = OutcomeKind.UPDATED, text_hash(article.text) if text is None else text
    else:
        version, text = 1, text_hash(article.text) if text is None else text
        copied = index.copy_of(text, fingerprint, article=article.id, as_of=key, source=article.source)
        if copied is not None:
            kind, story, duplicate_of = OutcomeKind.DUPLICATE, copied.story, copied.original
            origin = origin or copied.origin
        else:
            kind, duplicate_of = OutcomeKind.PUBLISHED, None
            # All canaries have similar vectors, and none is about an event.
            alone = is_canary(article.url)
            event = (
                None
                if alone
                else index.event_of(
                    fingerprint, article=article.id, language=article.language, as_of=key, source=article.source
                )
            )
            story = article.id if event is None else event.story
            links = () if alone else index.links(event)
    entry = _entry(article, key, version, story, duplicate_of, fingerprint, text)
    return Decision(kind, version, story, duplicate_of, entry, origin, links)


def entry_of(article: Article, key: OrderKey, version: int, story: str, duplicate_of: str | None) -> IndexEntry:
    """The index entry of a version with a known place."""
    return _entry(article, key, version, story, duplicate_of, _full_features(article), text_hash(article.text))


def _entry(
    article: Article,
    key: OrderKey,
    version: int,
    story: str,
    duplicate_of: str | None,
    fingerprint: bytes,
    text: str,
) -> IndexEntry:
    return IndexEntry(
        article=article.id,
        version=version,
        version_hash=article.version_hash,
        text_hash=text,
        key=key,
        story=story,
        source=article.source,
        duplicate_of=duplicate_of,
        language=article.language,
        fingerprint=fingerprint,
        backfill=article.backfill,
    )


def _full_features(article: Article) -> bytes:
    known = article.fingerprint
    return known if is_full(known) else features(article.title, article.text, article.language)


def _of_article(draft: Draft, identity: str) -> Draft:
    """The draft as a draft of the article ``identity``, whatever its address."""
    article, doubt = draft.article, draft.doubt
    if article is None or article.id == identity:
        return draft
    if doubt is not None and doubt.stand_in is not None:
        doubt = msgspec.structs.replace(doubt, stand_in=msgspec.structs.replace(doubt.stand_in, id=identity))
    return msgspec.structs.replace(draft, article=msgspec.structs.replace(article, id=identity), doubt=doubt)


def _unless_repeated(
    draft: Draft, key: OrderKey, seen: Mapping[str, Sequence[Sighting]], shown: tuple[str, str] | None
) -> tuple[Draft, Sighting | None]:
    """The draft, with its stand-in if the article is a wall by repetition, and the sighting to store.

    ``shown``: title and text of the article's latest version.
    """
    doubt, article = draft.doubt, draft.article
    if doubt is None or article is None:
        return draft, None
    before = seen.get(doubt.digest, ())
    found = sighting(doubt, article.id, key, before)
    # The feed's text replaced that of a page that had far less, so it says nothing about the page's text.
    known = shown is not None and (article.text_from == "feed" or not alike(shown[1], article.text))
    if not repeated(doubt, article.id, key, before, known=known):
        return draft, found
    problem = Rejection(WALL, REPEATED) if doubt.stand_in is None else None
    return msgspec.structs.replace(draft, article=doubt.stand_in, problem=problem, text_hash=None), found


def _refused(draft: Draft, key: OrderKey, *, late: bool) -> Decided:
    outcome = _rejection(draft, key)
    wall = outcome.reason if outcome.stage == WALL else None
    return Decided(outcome, key, late, page=draft.page, wall=wall)


def _rejection(draft: Draft, key: OrderKey) -> Outcome:
    stage, reason = (draft.problem.stage, draft.problem.reason) if draft.problem else ("unknown", "no article")
    return _outcome(draft, key, OutcomeKind.REJECTED, stage=stage, reason=reason)


def _outcome(
    draft: Draft,
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
