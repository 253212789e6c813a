"""langdetect's guess, computed by the same steps in a fifth of the time.

langdetect draws n-grams of the text at random and multiplies, for each of its 55 languages, the odds of what it drew, until
one language is nearly certain; seven such trials are averaged. It does so number by number in Python. Here the
odds are rows of a matrix made of its own profiles, and the n-grams of a word are looked up once for all texts. The random
numbers, the order of the multiplications and of the sums are langdetect's own, so the probabilities are the same to the last
bit; ``tests/pipeline/text/test_langdetect_fast.py`` compares them with the library's. Its text cleaning is used unchanged,
except for loops over single characters.
"""

from __future__ import annotations

import random
import re
from functools import cache
from typing import NamedTuple

import numpy as np
from langdetect import DetectorFactory
from langdetect.detector import Detector
from langdetect.detector_factory import PROFILES_DIRECTORY
from langdetect.utils.ngram import NGram
from langdetect.utils.unicode_block import unicode_block
from numpy.typing import NDArray

_SEED = 0
_TRIALS = 7
_STEPS = 5
"""The library checks whether it is certain after the first draw, and then after each further draws of this number."""
_WORDS_KEPT = 1 << 16
_LONGEST_KEPT = 32
_SPACES = re.compile("  +")
_A_TO_Z = bytes(range(ord("A"), ord("z") + 1))


class Guess(NamedTuple):
    """A language under langdetect's name, and its probability."""

    language: str
    probability: float


class Profiles:
    """The library's profiles: ``languages`` sorted by name, a row of ``odds`` for each n-gram of ``rows``."""

    def __init__(self) -> None:
        # Sorted, since probabilities are summed in the order of loading, which the library leaves to the file system.
        loaded: list[NamedTuple] = []
        reader = DetectorFactory()
        reader.add_profile = lambda profile, _index, _count: loaded.append(profile)
        reader.load_profile(PROFILES_DIRECTORY)
        profiles: list[object] = sorted(loaded, key=lambda profile: str(profile.name))  # type: ignore[attr-defined]
        self.languages: list[str] = [profile.name for profile in profiles]  # type: ignore[attr-defined]
        self.rows: dict[str, int] = {}
        for profile in profiles:
            for gram in profile.freq:  # type: ignore[attr-defined]
                self.rows.setdefault(gram, len(self.rows))
        self.odds: NDArray[np.float64] = np.zeros((len(self.rows), len(profiles)))
        for column, profile in enumerate(profiles):
            counts: dict[str, int] = profile.freq  # type: ignore[attr-defined]
            totals: list[int] = profile.n_words  # type: ignore[attr-defined]
            for gram, count in counts.items():
                if 1 <= len(gram) <= NGram.N_GRAM:
                    self.odds[self.rows[gram], column] = 1.0 * count / totals[len(gram) - 1]
        self.words = _Words(self.rows, closed=True)
        self.last_words = _Words(self.rows, closed=False)


class _Words(dict[str, list[int]]):
    """A word in the library's normal form → the rows of the n-grams that the library draws from, in its order.

    ``closed``: a space follows, which is part of n-grams too. For words in capitals, only the first letter counts.
    """

    def __init__(self, rows: dict[str, int], *, closed: bool) -> None:
        self._rows, self._closed = rows, closed

    def __missing__(self, word: str) -> list[int]:
        found = [self._rows[gram] for gram in self._grams(word) if gram in self._rows]
        if len(word) <= _LONGEST_KEPT:
            if len(self) >= _WORDS_KEPT:
                self.clear()
            self[word] = found
        return found

    def _grams(self, word: str) -> list[str]:
        grams: list[str] = []
        solid = f" {word} " if self._closed else f" {word}"
        capitals = False
        for place in range(1, len(solid)):
            letter = solid[place]
            capitals = letter.isupper() and (capitals or solid[place - 1].isupper())
            if not capitals:
                grams += (solid[start : place + 1] for start in range(place, max(place - NGram.N_GRAM, -1), -1))
        return [gram for gram in grams if gram != " "]


class _Normal(dict[int, str]):
    """Code point → the library's normal form of the letter; a space for anything else."""

    def __missing__(self, code: int) -> str:
        self[code] = normal = str(NGram.normalize(chr(code)))
        return normal


class _Foreign(dict[str, bool]):
    """Whether the library counts a letter as non-Latin."""

    def __missing__(self, letter: str) -> bool:
        self[letter] = foreign = letter >= "\u0300" and unicode_block(letter) != "Latin Extended Additional"
        return foreign


_normal, _foreign = _Normal(), _Foreign()


@cache
def profiles() -> Profiles:
    """The profiles, loaded on first use: about 30 MB."""
    return Profiles()


def guess(sample: str) -> Guess | None:
    """The most likely language of a text of at most 10,000 code points; None if it has no known n-gram."""
    known = profiles()
    rows = _rows(sample, known)
    if not rows:
        return None
    odds, draw = known.odds, random.Random(_SEED)
    sum_of = np.zeros(len(known.languages))
    for _ in range(_TRIALS):
        likely = np.full(len(known.languages), 1.0 / len(known.languages))
        alpha = Detector.ALPHA_DEFAULT + draw.gauss(0.0, 1.0) * Detector.ALPHA_WIDTH
        weight = alpha / Detector.BASE_FREQ
        done, steps = -1, 1
        while True:
            drawn = odds.take([draw.choice(rows) for _ in range(steps)], axis=0)
            drawn += weight
            for row in drawn:
                likely *= row
            # Python's sum, since numpy's adds in another order, which changes the last bits.
            values = likely.tolist()
            total = sum(values)
            likely /= total
            done, steps = done + steps, _STEPS
            if max(values) / total > Detector.CONV_THRESHOLD or done >= Detector.ITERATION_LIMIT:
                break
        sum_of += likely / _TRIALS
    best = int(sum_of.argmax())
    probability = float(sum_of[best])
    return Guess(known.languages[best], probability) if probability > Detector.PROB_THRESHOLD else None


def _letters_of_ascii(text: str) -> int:
    """How many characters are from "A" to "z", as the library counts Latin letters."""
    data = text.encode("ascii", "ignore")
    return len(data) - len(data.translate(None, _A_TO_Z))


def _rows(sample: str, known: Profiles) -> list[int]:
    """The rows of the text's n-grams, from which the trials draw, in text order, including repetitions."""
    text = NGram.normalize_vi(Detector.MAIL_RE.sub(" ", Detector.URL_RE.sub(" ", sample)))
    text = _SPACES.sub(" ", text)
    latin = _letters_of_ascii(text)
    if latin * 2 < len(text) and latin * 2 < sum(map(_foreign.__getitem__, text)):
        text = "".join(letter for letter in text if not "A" <= letter <= "z")
    *words, last = text.translate(_normal).split(" ")
    rows: list[int] = []
    for word in words:
        if word:
            rows += known.words[word]
    return rows + known.last_words[last] if last else rows
