"""A month of made-up news: Zipf words in five scripts, outlets, stories, topics.

To make a million articles in minutes, there are only TEXTS different texts; each comes again as other articles, with ids,
outlets, stories and times of their own. So lists of the index are as long as with a million texts, its vocabulary is smaller.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from core.search.schema import FoundArticle

END_MS = 1_772_366_400_000
DAYS = 30
DAY_MS = 86_400_000
TEXTS = 20_000
_VOCABULARY = 80_000
_OUTLETS = 2_000
_SYLLABLES = {
    "en": "ba be bi co da de en er fi ga ing ion ka la ma mo na or pa ra re sa ser sta ta ter tra ul ver wi",
    "fr": "ai be cé con de des eau é er fe ga ie la le mé mo ne ou pa qui ra ré sou ta té tion ve vi",
    "ru": "ба ве го да ени ест за ив ка ла ми на ние ов по пра ра ре ро ско ста та тель ти ход це ший я",
    "ar": "با تر حا دو را سا شر صا عا فر قا كا لا ما نا هي وا يم مد سل حر كت در",
    "zh": " ".join("国中人大会在不有这个上们来到时地为子就出要以得里后自之年发作用道行所然家种事成方多经么去法学"),
}
_SHARES = {"en": 0.70, "fr": 0.08, "ru": 0.10, "ar": 0.07, "zh": 0.05}
_TOPICS = {"syria": 0.03, "ukraine-talks": 0.05, "iran-saudi": 0.02, "economy": 0.2, "sport": 0.15}
SUBJECTS = {
    # Words that are asked for, put into this share of English articles, once to four times.
    "government": 0.30,
    "minister": 0.20,
    "talks": 0.12,
    "attack": 0.08,
    "sanctions": 0.04,
    "ceasefire": 0.02,
    "Syria": 0.03,
    "Damascus": 0.01,
    "Kyiv": 0.04,
    "Odesa": 0.005,
    "Riyadh": 0.008,
    "Hodeidah": 0.0005,
    "WHO": 0.03,
    "Black Sea": 0.004,
    "al-Tanf": 0.0008,
    "who": 0.35,
    "U.S.": 0.15,
    "grain": 0.01,
    "shipping": 0.015,
    "ports": 0.012,
}


class World:
    """Makes the same articles each time, oldest first."""

    def __init__(self, count: int, seed: int = 11) -> None:
        self.count = count
        self._rng = random.Random(seed)
        self._numbers = np.random.default_rng(seed)
        self._words = {language: self._vocabulary(language) for language in _SYLLABLES}
        weights = 1.0 / (np.arange(_VOCABULARY) + 2.7) ** 1.03
        self._cumulated = np.cumsum(weights) / weights.sum()
        outlets = 1.0 / (np.arange(_OUTLETS) + 5.0)
        self._outlets = np.cumsum(outlets) / outlets.sum()
        self._recent: list[str] = []

    def texts(self) -> list[tuple[str, str, str]]:
        """Title, text and language of each text."""
        return [self._text() for _ in range(min(self.count, TEXTS))]

    def articles(self, texts: list[tuple[str, str, str]]) -> Iterator[tuple[int, FoundArticle]]:
        """All articles, each with the number of its text."""
        rng = self._rng
        step = DAYS * DAY_MS / self.count
        outlets = np.searchsorted(self._outlets, self._numbers.random(self.count)).tolist()
        for number in range(self.count):
            which = number if number < len(texts) else rng.randrange(len(texts))
            title, text, language = texts[which]
            identity = f"{rng.getrandbits(128):032x}"
            story, copy = self._story(identity)
            outlet = outlets[number]
            article = FoundArticle(
                id=identity,
                url=f"https://outlet{outlet}.test/news/{number}",
                title=title,
                text=text,
                source=f"outlet{outlet}.test",
                time_ms=END_MS - DAYS * DAY_MS + int(number * step),
                story=story,
                language=language,
                topics=tuple(topic for topic, share in _TOPICS.items() if rng.random() < share),
                duplicate_of=story if copy else None,
                authors=(f"Writer {outlet % 97}",),
            )
            yield which, article

    def _text(self) -> tuple[str, str, str]:
        rng = self._rng
        language = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        ranks = np.searchsorted(self._cumulated, self._numbers.random(rng.randint(80, 420))).tolist()
        vocabulary = self._words[language]
        words = [vocabulary[rank] for rank in ranks]
        if language == "en":
            for word, share in SUBJECTS.items():
                if rng.random() < share:
                    for _ in range(rng.randint(1, 4)):
                        words[rng.randrange(len(words))] = word
        for start in range(0, len(words), 17):
            words[start] = words[start].capitalize()
            words[start - 1] += "."
        join = "" if language == "zh" else " "
        return join.join(words[:9]), join.join(words[9:]), language

    def _story(self, identity: str) -> tuple[str, bool]:
        if self._recent and self._rng.random() < 0.55:
            return self._rng.choice(self._recent), self._rng.random() < 0.5
        self._recent.append(identity)
        if len(self._recent) > 3_000:
            self._recent[self._rng.randrange(len(self._recent) - 1)] = self._recent.pop()
        return identity, False

    def _vocabulary(self, language: str) -> list[str]:
        syllables = _SYLLABLES[language].split()
        words: dict[str, None] = dict.fromkeys(syllables)
        while len(words) < _VOCABULARY:
            size = self._rng.randint(1, 3) if len(words) < 1_000 else self._rng.randint(2, 5)
            words["".join(self._rng.choices(syllables, k=size))] = None
        return list(words)
