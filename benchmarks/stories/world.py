"""Invented articles in great number: features are drawn, not worked out of texts, or filling the window would take an hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.records import Article, OrderKey, Position, from_ms, raw_hash
from pipeline.elements import Draft
from pipeline.stories.across import NAMES_ACROSS, cells_of, packed, unpacked
from pipeline.stories.entries import IndexEntry
from pipeline.stories.features import FORMAT, LAYOUT, PAD
from pipeline.stories.identity import MARKS, vocabulary_of
from pipeline.text.encoder import DIMENSIONS, HIGHEST

LANGUAGES = ("en", "ru", "ar", "de", "fr", "es", "tr", "uk", "fa", "zh")
VOCABULARY = 150_000
COPIES = 0.3
SAME_EVENT = 0.3
WORDS = 500
VECTOR_ALIKE = 0.7
"""The share of a vector that reports of one event have in common."""


@dataclass
class World:
    """Three articles in ten are copies, three in ten tell of an event that is known already, the rest is new."""

    seed: int = 1

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)
        self.made: list[np.ndarray] = []
        self.words = [f"w{number:05d}" for number in range(20_000)]

    def features(self) -> np.ndarray:
        """Features of one more article."""
        dice, luck = self.dice, self.dice.random()
        if self.made and luck < COPIES:
            fresh = self.made[int(dice.integers(max(0, len(self.made) - 30_000), len(self.made)))].copy()
            changed = dice.random(len(fresh["signature"])) < 0.15
            fresh["signature"][changed] = dice.integers(0, PAD, int(changed.sum()))
            return fresh
        fresh = np.zeros((), LAYOUT)
        fresh["format"], fresh["full"] = FORMAT, 1
        fresh["shingles"] = 400
        fresh["settled"] = dice.integers(1, 2**63)
        for name in ("signature", "head", "opening", "names", "figures"):
            fresh[name] = np.sort(dice.integers(0, PAD, len(fresh[name]), np.uint32))
        dice.shuffle(fresh["signature"])
        fresh["marks"] = dice.integers(0, 6, MARKS, np.uint32) + 1 << 28 | dice.integers(0, 1 << 28, MARKS, np.uint32)
        for name in ("before", "after"):
            fresh[name] = dice.integers(0, 1 << 16, MARKS, np.uint16)
        words = np.concatenate((fresh["marks"], dice.integers(0, 1 << 28, 150, np.uint32)))
        fresh["vocabulary"] = vocabulary_of(words)
        ranks = np.minimum(dice.zipf(1.15, 32), VOCABULARY).astype(np.uint64)
        fresh["terms"] = (ranks * np.uint64(2_654_435_761)) & np.uint64(0xFFFFFFFE)
        names = np.minimum(dice.zipf(1.15, NAMES_ACROSS), VOCABULARY).astype(np.uint64)
        fresh["across"] = (names * np.uint64(2_246_822_519)) & np.uint64(0xFFFFFFFE)
        fresh["cognates"] = dice.integers(0, PAD, len(fresh["cognates"]), np.uint32)
        fresh["lead_figures"] = dice.integers(0, 5_000, len(fresh["lead_figures"]), np.uint32)
        fresh["encoded"], fresh["cased"], fresh["title_figures"] = 1, 1, 1
        vector = dice.integers(-HIGHEST, HIGHEST + 1, DIMENSIONS).astype(np.int8)
        if self.made and luck < COPIES + SAME_EVENT:
            event = self.made[int(dice.integers(max(0, len(self.made) - 30_000), len(self.made)))]
            fresh["terms"][:20], fresh["names"] = event["terms"][:20], event["names"]
            for name, kept in (("across", 8), ("cognates", 10), ("lead_figures", 3)):
                fresh[name][:kept] = event[name][:kept]
            near = unpacked(event["vector"]).astype(np.int8)
            vector = np.where(dice.random(DIMENSIONS) < VECTOR_ALIKE, near, vector)
        fresh["vector"], fresh["cells"] = packed(vector), cells_of(vector, "")
        fresh["weights"] = np.sort(dice.integers(1, 20, 32))[::-1]
        self.made.append(fresh)
        return fresh

    def drafts(self, count: int, first: int, ms_apart: float) -> Iterator[Draft]:
        """Drafts with texts of ``WORDS`` words; ``first`` is the number of the first one."""
        for number in range(first, first + count):
            text = " ".join(self.dice.choice(self.words, WORDS))
            entry = self.entry(number, ms_apart)
            position = Position(run="bench", stream="s" * 32, partition=0, offset=number)
            url = f"https://outlet{number % 997}.example/{number}"
            article = Article(
                id=entry.article,
                url=url,
                canonical_url=url,
                source=entry.source,
                title=text[:60],
                text=text,
                fetched_at=from_ms(entry.key.time_ms),
                key=entry.key,
                position=position,
                version_hash=entry.version_hash,
                language=entry.language,
                fingerprint=entry.fingerprint,
            )
            yield Draft(number=number, position=position, key=entry.key, item=url, article=article)

    def entry(self, number: int, ms_apart: float) -> IndexEntry:
        """The index entry of article ``number``, with strings of its own, as they come from a store."""
        identity = raw_hash(b"article %d" % number)
        return IndexEntry(
            article=identity,
            version=1,
            version_hash=raw_hash(b"version %d" % number),
            text_hash=raw_hash(b"text %d" % number),
            key=OrderKey(round(number * ms_apart), identity, raw_hash(b"raw %d" % number)),
            story=identity,
            source=f"outlet{number % 997}.example",
            language=LANGUAGES[number % 17 % len(LANGUAGES)],
            fingerprint=self.features().tobytes(),
        )
