"""Evidence for a text's language from its letters and small words, in addition to langdetect.

langdetect lacks some languages and confuses similar ones. For each language of a script ``voices.toml`` has the letters
of its alphabet, its commonest small words, and endings of its words. A feature of few languages counts much for each of
them, a feature of many counts little; a letter that an alphabet lacks counts against it. All points are integers, so
they are equal on every machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from core.package_data import package_toml

_WORD_POINTS = 24
_ENDING_POINTS = 8
_LETTER_POINTS = 12
_FOREIGN_POINTS = 8
_ENDING_SIZES = (2, 3, 4, 5)
_PLAIN_TOKENS, _PLAIN_SHARE = 8, 0.18
_TOKENS_KEPT = 1 << 15
_LONGEST_KEPT = 32
# Vowel signs and apostrophes are parts of words.
_TOKEN = re.compile(r"[^\W\d_]+(?:[\u0900-\u0903\u093a-\u094f\u0955-\u0957\u0962\u0963\u05b0-\u05c7'][^\W\d_]*)*")
# Persian and Urdu are also typed with Arabic letters.
_SAME = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "’": "'", "‘": "'", "ʻ": "'", "ʼ": "'"})

_Worth = Sequence[tuple[int, int]]
"""Pairs of a language's index and its points."""


class _Tokens(dict[str, _Worth]):
    """A word → its points, from the whole word and from its ending; a word without evidence has an empty list."""

    def __init__(self, words: Mapping[str, _Worth], endings: Mapping[str, _Worth]) -> None:
        self._words, self._endings = words, endings

    def __missing__(self, token: str) -> _Worth:
        found = list(self._words.get(token, ()))
        for size in _ENDING_SIZES:
            if len(token) > size + 1:
                found += self._endings.get(token[-size:], ())
        if len(token) <= _LONGEST_KEPT:
            if len(self) >= _TOKENS_KEPT:
                self.clear()
            self[token] = found
        return found


class _Voice:
    """The evidence for the languages of one script."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        self.codes = tuple(languages)
        self.plain = {code: frozenset(_flat(one["words"]).split()) for code, one in languages.items()}
        self.tokens = _Tokens(
            _worth([_flat(one["words"]).split() for one in languages.values()], _WORD_POINTS),
            _worth([_flat(one.get("endings", "")).split() for one in languages.values()], _ENDING_POINTS),
        )
        self.letters = _worth([one["letters"] for one in languages.values()], _LETTER_POINTS)
        for letter, owned in self.letters.items():
            owners = {place for place, _ in owned}
            foreign = [(place, -_FOREIGN_POINTS) for place in range(len(self.codes)) if place not in owners]
            self.letters[letter] = [*owned, *foreign]


def _flat(text: str) -> str:
    return text.lower().translate(_SAME)


def _worth(lists: Sequence[Sequence[str]], points: int) -> dict[str, _Worth]:
    """Each entry of the languages' lists → the languages that have it, with their shares of the points."""
    owners: dict[str, list[int]] = {}
    for place, entries in enumerate(lists):
        for entry in dict.fromkeys(entries):
            owners.setdefault(entry, []).append(place)
    return {entry: [(place, points // len(places)) for place in places] for entry, places in owners.items()}


@cache
def _voices() -> Mapping[str, _Voice]:
    return {script: _Voice(languages) for script, languages in package_toml("core", "voices.toml").items()}


def points(text: str, script: str) -> dict[str, int]:
    """Each language of the script → points from the text; empty for a script without data."""
    voice = _voices().get(script)
    if voice is None:
        return {}
    totals = [0] * len(voice.codes)
    for token in _TOKEN.findall(_flat(text)):
        for place, worth in voice.tokens[token]:
            totals[place] += worth
    if not text.isascii():
        for letter, count in Counter(text.lower()).items():
            for place, worth in voice.letters.get(letter, ()):
                totals[place] += worth * count
    return dict(zip(voice.codes, totals, strict=True))


def is_plain(code: str, script: str, text: str) -> bool:
    """Whether the text has as many small words of the language as only texts in that language have."""
    voice = _voices().get(script)
    words = voice.plain.get(code) if voice is not None else None
    tokens = _TOKEN.findall(_flat(text))
    return (
        words is not None
        and len(tokens) >= _PLAIN_TOKENS
        and sum(one in words for one in tokens) >= len(tokens) * _PLAIN_SHARE
    )
