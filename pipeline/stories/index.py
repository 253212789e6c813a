"""The story index: finds (nearly) the same text, or reports of the same event, in the window as of an order key.

Candidates come from keys that two texts share: single values of the MinHash signature, hashes of the head's shingles, heavy
terms, the text's digest; across languages names, figures, and coarse cells of the vector. Rare keys are looked up first and
lookups stop at a limit, so a footer that thousands share costs nothing; candidates are then compared by their sketches.
Rarity is judged among the entries that count, so it does not depend on anything else in the index.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.durations import HOUR_MS
from core.records import OrderKey
from pipeline.stories.across import total_of
from pipeline.stories.entries import Columns, IndexEntry, Slots, number_of, place_of
from pipeline.stories.events import JOIN_AT, of_story
from pipeline.stories.features import PAD, Features, across_keys, is_full
from pipeline.stories.frequencies import Counted, Frequencies, added_up
from pipeline.stories.keys import LookedUp, TextKeys, rare_keys, rarest_slots, texts_of
from pipeline.stories.links import MOST_RELATED, ONLY_WORDS, RELATED_AT, RELATED_WORDS, Link, link
from pipeline.stories.multimap import Multimap
from pipeline.stories.question import Question
from pipeline.stories.similarity import (
    COPY_AT,
    LexicalSimilarity,
    Similarity,
    are_copies,
    are_one_event,
    best_story,
)
from pipeline.text.arrays import distinct, starts
from pipeline.text.blas import one_thread

__all__ = ["COPY_AT", "IndexEntry", "StoryIndex"]

TERM_KEYS = 10
MAX_COPY_CANDIDATES = 1_500
MAX_GROUP_CANDIDATES = 100
MAX_TERM_ARTICLES = 600
MAX_ACROSS_CANDIDATES = 150
MAX_ACROSS_ARTICLES = 600
MAX_NEAR = 32
"""How many candidates of either kind are compared by vectors: those that share most with the text, by rarity."""

MAX_STORIES = 8
"""How many stories are examined as a whole: those of the nearest candidates."""

MAX_MEMBERS = 24
"""How many of a story's newest articles count; a story of hundreds is represented by its latest."""
_MOST_NEAR = 64
_FEWEST_TERMS = 6
_FEW_COUNTED = 16
_NONE: Slots = np.empty(0, np.int64)


class _Asked(NamedTuple):
    """The last question about an event: its candidates with scores; ``least``: the score from which a story is related."""

    slots: Slots
    scores: NDArray[np.float64]
    least: float
    question: Question | None = None


class StoryIndex:
    """The versions of the last ``window_ms`` of event time.

    As of an order key X, only entries in (X − window, X) count, whatever else was added and in whatever order: the same
    question has the same answer after a crash. ``expire`` removes entries that no later question can see.
    Single-threaded.
    """

    def __init__(self, window_ms: int = 72 * HOUR_MS, similarity: Similarity | None = None) -> None:
        one_thread()
        self.window_ms = window_ms
        self.similarity: Similarity = similarity or LexicalSimilarity()
        self._columns = Columns()
        self._by_text, self._by_band, self._by_term = Multimap(8_192), Multimap(), Multimap()
        self._by_key, self._by_story = Multimap(), Multimap(8_192)
        self._frequencies = Frequencies(self._counted_terms)
        self._asked: _Asked | None = None
        self._last_text: TextKeys | None = None
        self._expected: dict[bytes, TextKeys] = {}
        self._counted_ahead: dict[int, Counted] = {}
        self._last_ends: tuple[OrderKey, tuple[bytes, bytes]] | None = None
        self._joined = -1

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def nbytes(self) -> int:
        """Bytes used by the entries. Dictionaries of the newest pairs are bounded (about 20 MB) and not counted."""
        return self._columns.nbytes + sum(each.nbytes for each in self._maps)

    @property
    def _maps(self) -> tuple[Multimap, ...]:
        return self._by_text, self._by_band, self._by_term, self._by_key, self._by_story

    def expect(self, fingerprints: Iterable[bytes]) -> None:
        """Look up the keys of texts that will be asked about next, all together: far faster, with the same answers.

        Replaces those that were expected before.
        """
        texts = texts_of([one for one in dict.fromkeys(fingerprints) if is_full(one)])
        of_copies = self._by_band.look_ahead([one.of_copies() for one in texts])
        terms = self._by_term.look_ahead([one.terms() for one in texts])
        across = self._by_key.look_ahead([one.across() for one in texts])
        for number, one in enumerate(texts):
            one.ahead = LookedUp(number, of_copies, terms, across)
        self._expected, self._counted_ahead = {one.fingerprint: one for one in texts}, {}

    def add(self, entry: IndexEntry) -> None:
        """Add an entry. The order of adding does not change the answers."""
        columns = self._columns
        text = self._text(entry.fingerprint)
        slot = columns.put(entry, text.known)
        if entry.text_hash:
            self._by_text.add((int(columns.texts[slot]) >> 32,), slot)
        self._by_band.add(text.of_copies(), slot)
        self._by_term.add(text.terms()[:TERM_KEYS], slot)
        self._by_key.add(text.across(), slot)
        self._by_story.add((int(columns.stories[slot]) >> 32,), slot)
        self._frequencies.add(columns.places[slot], slot)
        if text.counted is not None and entry.version == 1:
            self._counted_ahead[slot] = text.counted
        else:
            self._counted_ahead.pop(slot, None)

    def move(self, article: str, story: str) -> None:
        """Move an article's entries to another story. Scans the whole window, since editors' decisions are rare."""
        columns = self._columns
        for slot in columns.of_article(article):
            columns.put_story(slot, story)
            self._by_story.add((int(columns.stories[slot]) >> 32,), slot)

    def copy_of(
        self, text_hash: str, fingerprint: bytes, *, article: str, as_of: OrderKey, source: str = ""
    ) -> IndexEntry | None:
        """The earliest entry, as of a key, with (nearly) the same text on the same event.

        Entries of ``article`` itself don't count. ``source``: its outlet, "" if unknown. An empty ``text_hash`` (a text too
        short to mean anything) matches nothing by itself.
        """
        columns = self._columns
        own, outlet = number_of(article), columns.outlet(source)
        text = self._text(fingerprint)
        known, alike = text.known, _NONE
        if text_hash:
            number = number_of(text_hash)
            same, _ = self._by_text.find([number >> 32])
            if len(same):
                same = same[columns.texts[same] == number]
                alike = same[self._visible(same, own, as_of)]
            if len(alike) and not self._has_marks(first := columns.earliest(alike), known):
                # The same text below headlines on two events is a frame without the actual text.
                rows = columns.features.take(alike)
                alike = alike[are_one_event(known, rows, columns.outlets[alike] != outlet)]
            elif len(alike):
                alike = np.asarray([first], np.int64)
        if known["shingles"]:
            keys, ahead = text.of_copies(), text.ahead
            hits = self._by_band.find(keys, None, ahead and ahead.of_copies, ahead.number if ahead else 0)
            slots = self._found(*hits, keys, MAX_COPY_CANDIDATES, own, as_of) if len(hits[0]) else _NONE
            if len(alike):
                # Only an earlier one can be the answer.
                first = columns.earliest(alike)
                slots = slots[(columns.times[slots] <= columns.times[first]) & (slots != first)]
            if len(slots):
                copies = are_copies(known, columns.features.take(slots), columns.outlets[slots] != outlet)
                alike = np.concatenate((alike, slots[copies]))
        return columns.entry(columns.earliest(alike)) if len(alike) else None

    def _has_marks(self, slot: int, known: Features) -> bool:
        """Whether an entry has the marks of a text: then they don't contradict each other."""
        row = self._columns.features[slot]
        return all(row[name].tobytes() == known[name].tobytes() for name in ("marks", "vocabulary"))

    def event_of(
        self, fingerprint: bytes, *, article: str, language: str | None, as_of: OrderKey, source: str = ""
    ) -> IndexEntry | None:
        """The entry, as of a key, through which a text joins a story: another text on the same event.

        None if it begins a new story, its language is unknown, or it has too few terms. ``source``: its outlet. Only the
        latest of an article's versions counts. A text with a vector joins the story whose texts, taken together, are about its
        event, in any language; one without a vector joins only through texts in its own language.
        """
        self._asked = None
        text = self._text(fingerprint)
        known = text.known
        columns, number = self._columns, self._columns.language(language)
        if not number or not known["full"] or known["terms"][_FEWEST_TERMS - 1] == PAD:
            return None
        own = number_of(article)
        background = self._frequencies.as_of(*self._ends(as_of))
        terms, keys = text.terms(), text.across()
        counts = background.counts_of(np.asarray(terms + keys, np.uint32))
        each = counts.tolist()
        rare = rare_keys(terms, each[: len(terms)], MAX_TERM_ARTICLES)
        ahead, at = text.ahead, text.ahead.number if text.ahead else 0
        alike = self._in_language(*self._by_term.find(terms, rare, ahead and ahead.terms, at), number)
        if known["encoded"]:
            rare = rare_keys(keys, each[len(terms) :], MAX_ACROSS_ARTICLES)
            others = self._by_key.find(keys, rare, ahead and ahead.across, at)
            outlet = columns.outlet(source)
            question = Question(known, number, outlet, as_of, columns, background, self.similarity)
            slots = self._nearest(alike, others, terms, keys, background.rarity_of(counts), own, as_of)
            return self._event_across(question, slots, own)
        slots = self._found(*alike, terms, MAX_GROUP_CANDIDATES, own, as_of)
        if not len(slots):
            return None
        ages = as_of.time_ms - columns.times[slots]
        scores = self.similarity.scores(known, columns.features.take(slots), ages, background)
        self._asked = _Asked(slots, scores, self.similarity.join_at * RELATED_WORDS)
        # Most texts are near no other, so their candidates need neither sorting nor removal of old versions.
        if scores.max() < self.similarity.join_at:
            return None
        rows = self._latest_versions(slots)
        scores, slots = scores[rows], slots[rows]
        best = best_story(scores, columns.stories[slots], self.similarity.join_at)
        return None if best is None else self._chosen(int(slots[best]))

    def _event_across(self, question: Question, slots: Slots, own: int) -> IndexEntry | None:
        columns = self._columns
        if not len(slots):
            return None
        near = question.near(slots, RELATED_AT)
        if not question.compared:
            return None
        self._asked = _Asked(slots, near, RELATED_AT, question)
        if near.max() < JOIN_AT:
            return None
        order = np.argsort(-near, kind="stable")
        stories = list(dict.fromkeys(columns.stories[slots[order[near[order] >= JOIN_AT]]].tolist()))[:MAX_STORIES]
        told = self._members(stories, own, question.as_of)
        # All at once, since most of the cost of a comparison does not depend on the number of rows.
        question.compare(distinct(np.concatenate(told)))
        best: tuple[float, int] | None = None
        for members in told:
            each = question.scores(members)
            whole = of_story(each)
            if whole >= JOIN_AT and (best is None or whole > best[0]):
                best = whole, int(members[int(each.argmax())])
        return None if best is None else self._chosen(best[1])

    def _members(self, stories: list[int], own: int, as_of: OrderKey) -> list[Slots]:
        """The articles that count in each story, by their latest versions, in the run's order."""
        columns = self._columns
        held, by = self._by_story.find([story >> 32 for story in stories])
        counts = (columns.stories[held] == np.asarray(stories, np.uint64)[by]) & self._visible(held, own, as_of)
        held, by = held[counts], by[counts]
        members = []
        for number in range(len(stories)):
            # An entry that was moved to a story twice is listed there twice.
            several = distinct(held[by == number])
            members.append(several[self._latest_versions(several)][-MAX_MEMBERS:])
        return members

    def _chosen(self, slot: int) -> IndexEntry:
        self._joined = slot
        return self._columns.entry(slot)

    def links(self, joined: IndexEntry | None) -> tuple[Link, ...]:
        """The near articles in the last question of ``event_of``: the joined one, and the best of up to three other stories."""
        asked, columns = self._asked, self._columns
        if asked is None:
            return ()
        rows = (asked.scores >= asked.least).nonzero()[0]
        if len(rows) > _MOST_NEAR:
            rows = rows[np.argsort(-asked.scores[rows], kind="stable")[:_MOST_NEAR]]
        near = sorted(
            (-float(asked.scores[row]), columns.places[slot], slot)
            for row, slot in zip(rows.tolist(), asked.slots[rows].tolist(), strict=True)
        )
        own = number_of(joined.story) if joined is not None else 0
        found = [] if joined is None else [self._joined]
        told = {own}
        for _, _, slot in near:
            if (story := int(columns.stories[slot])) not in told and len(told) <= MOST_RELATED:
                told.add(story)
                found.append(slot)
        if not found:
            return ()
        slots = np.asarray(found, np.int64)
        if asked.question is not None:
            values, reasons = asked.question.reasons(slots)
        else:
            known = dict(zip(asked.slots.tolist(), asked.scores.tolist(), strict=True))
            values = [known[slot] for slot in found]
            reasons = [{ONLY_WORDS: value} for value in values]
        return tuple(
            link(columns.article(slot), value, why, joined=joined is not None and at == 0)
            for at, (slot, value, why) in enumerate(zip(found, values, reasons, strict=True))
        )

    def expire(self, now: OrderKey) -> None:
        """Remove entries that no question at or after ``now`` can see."""
        columns = self._columns
        for slot in self._frequencies.forget_before(self._ends(now)[0]):
            columns.drop(slot)
        # The maps are cleaned only occasionally, and slots are reused only after that.
        if columns.waiting and columns.waiting * 8 > len(columns):
            for each in self._maps:
                each.keep(columns.alive)
            columns.reuse()

    def _text(self, fingerprint: bytes) -> TextKeys:
        """The text of a fingerprint; kept, since the text that was asked about is mostly the next that is added."""
        if self._last_text is None or self._last_text.fingerprint is not fingerprint:
            self._last_text = self._expected.get(fingerprint) or TextKeys(fingerprint)
        return self._last_text

    def _ends(self, as_of: OrderKey) -> tuple[bytes, bytes]:
        """The first place that counts, and the first place after it that does not."""
        if self._last_ends is None or self._last_ends[0] is not as_of:
            oldest = place_of(OrderKey(as_of.time_ms - self.window_ms + 1, "", ""))
            self._last_ends = as_of, (oldest, place_of(as_of))
        return self._last_ends[1]

    def _visible(self, slots: Slots, own: int, as_of: OrderKey) -> NDArray[np.bool_]:
        """Which of these entries count: in the window, before the question, and of another article."""
        columns = self._columns
        seen: NDArray[np.bool_] = columns.articles.take(slots) != own
        if columns.waiting:
            seen &= columns.alive.take(slots)
        # Nearly all questions are about the place after the last entry, of which nothing is too old.
        if self._frequencies.all_between(*self._ends(as_of)):
            return seen
        times = columns.times.take(slots)
        seen &= (times > as_of.time_ms - self.window_ms) & (times <= as_of.time_ms)
        together = (seen & (times == as_of.time_ms)).nonzero()[0]
        if len(together):
            places, place = columns.places, place_of(as_of)
            for at in together.tolist():
                seen[at] = places[slots[at]] < place
        return seen

    def _found(self, found: Slots, by_key: Slots, keys: list[int], most: int, own: int, as_of: OrderKey) -> Slots:
        """The slots that count under the rarest of the keys, about ``most``, in ascending order, each once."""
        seen = self._visible(found, own, as_of)
        if np.count_nonzero(seen) < len(seen):
            found, by_key = found[seen], by_key[seen]
        return distinct(rarest_slots(found, by_key, keys, most)[0])

    def _in_language(self, found: Slots, by: Slots, language: int) -> tuple[Slots, Slots]:
        same = self._columns.languages.take(found) == language
        return found[same], by[same]

    def _nearest(
        self,
        by_terms: tuple[Slots, Slots],
        by_keys: tuple[Slots, Slots],
        terms: list[int],
        keys: list[int],
        rarities: NDArray[np.int32],
        own: int,
        as_of: OrderKey,
    ) -> Slots:
        """About ``MAX_NEAR`` of the slots found by terms in one language and by keys in any, in ascending order.

        Those that share most with the text by rarity, including all ties. ``rarities``: of the terms, then of the keys.
        """
        (alike, by_term), (others, by_key) = by_terms, by_keys
        seen = self._visible(np.concatenate((alike, others)), own, as_of)
        if np.count_nonzero(seen) < len(seen):
            same, seen_others = seen[: len(alike)], seen[len(alike) :]
            alike, by_term = alike[same], by_term[same]
            others, by_key = others[seen_others], by_key[seen_others]
        alike, by_term = rarest_slots(alike, by_term, terms, MAX_GROUP_CANDIDATES)
        others, by_key = rarest_slots(others, by_key, keys, MAX_ACROSS_CANDIDATES)
        found = np.concatenate((alike, others))
        order = found.argsort(kind="stable")
        found = found[order]
        begins = starts(found)
        slots: Slots = found[begins]
        if len(slots) <= MAX_NEAR:
            return slots
        shared = rarities[np.concatenate((by_term, by_key + len(terms)))[order]]
        weight = np.add.reduceat(shared, begins)
        nearest: Slots = slots[weight >= np.partition(weight, -MAX_NEAR)[-MAX_NEAR]]
        return nearest

    def _latest_versions(self, slots: Slots) -> Slots:
        """Those of ``slots`` that are the latest version of their article, in the run's order."""
        columns = self._columns
        times, articles = columns.times[slots], columns.articles[slots].tolist()
        order = np.argsort(times, kind="stable")
        rows: list[int] = order.tolist()
        if (times[order[1:]] == times[order[:-1]]).any():
            places = [columns.places[slot] for slot in slots.tolist()]
            rows = sorted(range(len(places)), key=places.__getitem__)
        if len(set(articles)) < len(rows):
            latest = {articles[row]: row for row in rows}
            rows = [row for row in rows if latest[articles[row]] == row]
        return np.asarray(rows, np.int64)

    def _counted_terms(self, slots: Slots) -> Counted:
        if len(slots) <= _FEW_COUNTED:
            found = [one for slot in slots.tolist() if (one := self._counted_ahead.get(slot)) is not None]
            if len(found) == len(slots):
                return added_up(found)
        # A live blog's hundred versions are one article.
        known = self._columns.features.take(slots[self._columns.versions.take(slots) == 1])
        encoded = known["encoded"].nonzero()[0]
        held = known if len(encoded) == len(known) else known[encoded]
        terms = np.concatenate((known["terms"].ravel(), across_keys(held).ravel()))
        return Counted(terms[terms != PAD], len(known), total_of(held["vector"]), len(held))
