"""One field of a document: its words, their places, and data that is computed from them when a query needs it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from core.query.folding import PARTICLES, as_written, fold
from core.query.joints import forms_of
from core.query.stems import stems_in_text
from core.query.words import Scan, keys_of, scan


class TextField:
    """The words of one field: the title, the text, or one value of the metadata."""

    def __init__(self, number: int, name: str, text: str, language: str | None, *, whole: bool = False) -> None:
        self.number, self.name, self.text, self._language = number, name, text, language
        self._particles = language in PARTICLES
        self._scan = Scan([0], [len(text)], {fold(text): [0]}, (), (0,)) if whole else None
        self.head: Scan | None = None
        """The words of a beginning of the text, if that was already split."""
        self._sorted: list[str] | None = None
        self._ranks: tuple[NDArray[np.int32], NDArray[np.int64]] | None = None
        self._by_stem: dict[str, list[int]] | None = None

    @property
    def scan(self) -> Scan:
        """The words with their places, computed on first use: many documents match no query that needs places."""
        if self._scan is None:
            self._scan = scan(self.text, self._particles)
        return self._scan

    @property
    def is_cut(self) -> bool:
        """Whether the places of all words are known."""
        return self._scan is not None

    def cut(self) -> None:
        """Find the places of all words now."""
        if self._scan is None:
            self._scan = scan(self.text, self._particles)

    @property
    def keys(self) -> set[str]:
        """The keys of all words."""
        return keys_of(self.text, self._particles) if self._scan is None else set(self._scan.postings)

    @property
    def starts(self) -> list[int]:
        """The beginning of each place, in code points."""
        return self.scan.starts

    @property
    def ends(self) -> list[int]:
        """The end of each place, in code points."""
        return self.scan.ends

    @property
    def postings(self) -> dict[str, list[int]]:
        """Places by key, ascending."""
        return self.scan.postings

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The beginning of place ``first`` and the end of place ``last``, in code points; the same in head and whole."""
        known = self._scan or self.head
        if known is None or last >= len(known.ends):
            known = self.scan
        return known.starts[first], known.ends[last]

    def beginning(self, prefix: str) -> list[str]:
        """Keys that begin with ``prefix``, sorted."""
        if self._sorted is None:
            self._sorted = sorted(self.postings)
        return beginning(self._sorted, prefix)

    def places_beginning(self, prefix: str) -> NDArray[np.int64]:
        """Places of words that begin with ``prefix``, ascending.

        Each word has its rank in the order of all words, so a prefix is a range of ranks: one comparison of numbers per
        place, however many words have the prefix, in place of merging their lists.
        """
        postings = self.postings
        if self._sorted is None:
            self._sorted = sorted(postings)
        low = bisect_left(self._sorted, prefix)
        high = bisect_left(self._sorted, prefix + "\U0010ffff", low)
        if self._ranks is None:
            several = list(map(postings.__getitem__, self._sorted))
            counts = np.fromiter(map(len, several), np.int64, len(several))
            places = np.fromiter(chain.from_iterable(several), np.int64, int(counts.sum()))
            order = np.argsort(places, kind="stable")
            ranks = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[order]
            self._ranks = ranks, places[order]
        ranks, places = self._ranks
        found = places[(ranks >= low) & (ranks < high)]
        # A place may have several words with the prefix.
        return found[np.diff(found, prepend=-1) > 0]

    @property
    def bigrams(self) -> set[str]:
        """Keys of all pairs of adjacent words, joined by a space."""
        starts, _, postings, *_ = self.scan
        first = [""] * len(starts)
        more: dict[int, list[str]] = {}
        for key, places in postings.items():
            for place in places:
                if first[place]:
                    more.setdefault(place, []).append(key)
                else:
                    first[place] = key
        found = {f"{one} {other}" for one, other in pairwise(first)}
        for place, keys in more.items():
            before = [first[place - 1], *more.get(place - 1, ())] if place else []
            after = [first[place + 1], *more.get(place + 1, ())] if place + 1 < len(first) else []
            for key in keys:
                found.update(f"{one} {key}" for one in before)
                found.update(f"{key} {other}" for other in after)
        return found

    @property
    def all_written(self) -> set[str]:
        """The words as written; those of ASCII letters and digits in lower case, since no stem depends on case."""
        text, starts, ends = self.text, self.starts, self.ends
        written = set(self.scan.plain)
        written.update([text[starts[place] : ends[place]] for place in self.scan.others])
        return written

    @property
    def stems(self) -> set[str]:
        """All stems, in the form of ``stems_in``: a third of the work of ``by_stem``, since each word is stemmed once."""
        if self._by_stem is not None:
            return set(self._by_stem)
        return set(chain.from_iterable(map(stems_in_text(self._language).__getitem__, self.all_written)))

    @property
    def by_stem(self) -> dict[str, list[int]]:
        """Places by stem, in the form of ``stems_in``."""
        if self._by_stem is None:
            self._by_stem = {}
            stems = stems_in_text(self._language)
            for place, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
                for stem in stems[self.text[start:end]]:
                    self._by_stem.setdefault(stem, []).append(place)
        return self._by_stem

    def written(self, place: int) -> tuple[str, ...]:
        """The word at ``place``, and its pieces if any, in the form for comparisons with case."""
        return tuple(map(as_written, forms_of(self.text[self.starts[place] : self.ends[place]])))


def beginning(ordered: list[str], prefix: str) -> list[str]:
    """The words in a sorted list that begin with ``prefix``."""
    low = bisect_left(ordered, prefix)
    return ordered[low : bisect_left(ordered, prefix + "\U0010ffff", low)]
