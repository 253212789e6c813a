"""The most likely charset of a text's bytes. Pure.

A charset and a language together give the text a probability: each character has the share that it has in the texts of that
language. The guess is the charset under which the bytes are most probable in any language, so accents count together with
the language that the plain letters show: the byte that is *à* in French and *ŕ* in Slovak is *à* among French words. This is
a naive Bayes classifier over characters, with langdetect's frequencies (of Wikipedia, 55 languages); other languages have the
mean of their script and the letters of ``voices.toml``. Costs are whole numbers, so a guess doesn't depend on the machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from core.package_data import package_json, package_toml

_PARTS_OF_A_BIT = 4
_UNKNOWN = 22 * _PARTS_OF_A_BIT
"""The cost of a character that the language doesn't have; the rarest that a profile lists costs about 17 bits."""
_SIGN = 7 * _PARTS_OF_A_BIT
_SIGNS = frozenset(
    "\u2018\u2019\u201c\u201d\u201e\u201a\u2039\u203a\u2013\u2014\u2026\u00a0\u00ab\u00bb\u20ac\u00a3\u00b0\u00a7\u2022\u2116"
)
"""Signs beside words in texts of all languages. Others (½, ±, ³) count so where no letter could stand."""
_BEFORE_WORDS = "\u00a1\u00bf"
_BEYOND = re.compile(r"[^\x00-\x9f]")
_WORD = 3
_LETTER = 8 * _PARTS_OF_A_BIT
"""A letter beyond ASCII in a language whose frequencies are unknown: a rare one, since such languages are rarer than others."""
_MILLION = 1_000_000
_UNDECODABLE = "\ufffd"
_MOST_UNDECODABLE = 50
"""Charsets in which one of this many characters is impossible are left out: they are for other bytes."""


def costs(sample: bytes, codecs: Iterable[str]) -> dict[str, int]:
    """The text's information in quarters of a bit under each charset (Python's name), in the language that fits best.

    Charsets under which too much can't be decoded are left out. The charset with the least is the most probable.
    """
    languages, found = _languages(), dict[str, int]()
    # Plain letters are mostly the same in all charsets.
    plain: dict[frozenset[tuple[str, int]], list[int]] = {}
    for codec in codecs:
        text = sample.decode(codec, "replace")
        if text.count(_UNDECODABLE) * _MOST_UNDECODABLE > len(text):
            continue
        text = text.lower()
        signs = Counter(
            found[0] for found in _BEYOND.finditer(text) if not found[0].isalpha() and _is_sign(text, found.start())
        )
        counted = Counter(text)
        counted.subtract(signs)
        letters = frozenset((char, count) for char, count in counted.items() if char.isascii() and char.isalpha())
        if letters not in plain:
            plain[letters] = [_cost(letters, language) for language in languages]
        beyond = [(char, count) for char, count in counted.items() if not char.isascii()]
        least = min(base + _cost(beyond, language) for base, language in zip(plain[letters], languages, strict=True))
        found[codec] = signs.total() * _SIGN + least
    return found


def _cost(counted: Iterable[tuple[str, int]], language: Mapping[str, int]) -> int:
    return sum(count * language.get(char, _UNKNOWN) for char, count in counted)


def _is_sign(text: str, at: int) -> bool:
    """Whether a character is a sign by where it stands: not between letters, nor at either end of a word of three letters."""
    if text[at] in _SIGNS:
        return True
    before, behind = text[max(at - _WORD, 0) : at], text[at + 1 : at + 1 + _WORD]
    if before[-1:].isalpha() and behind[:1].isalpha():
        return False
    if text[at] in _BEFORE_WORDS and not before[-1:].isalpha():
        return True
    return not any(len(side) == _WORD and side.isalpha() for side in (before, behind))


@lru_cache(maxsize=1)
def _languages() -> Sequence[Mapping[str, int]]:
    """For each language: what each letter costs."""
    counts = {name: _letters(profile["freq"]) for name, profile in package_json("langdetect", "profiles").items()}
    found = [_costs(letters) for letters in counts.values()]
    for languages in package_toml("core", "voices.toml").values():
        script = [counts[code] for code in languages if code in counts]
        if not script:
            continue
        common = _costs(_mean(script))
        found += [
            common | {letter: min(_LETTER, common.get(letter, _LETTER)) for letter in language["letters"]}
            for code, language in languages.items()
            if code not in counts
        ]
    return found


def _letters(frequencies: Mapping[str, int]) -> Counter[str]:
    """Of the frequencies of n-grams, those of single characters, small and capital letters together."""
    letters: Counter[str] = Counter()
    for gram, count in frequencies.items():
        if len(gram) == 1:
            letters[gram.lower()] += count
    return letters


def _mean(languages: Iterable[Counter[str]]) -> Counter[str]:
    """Frequencies in a script, each of its languages counted alike."""
    mean: Counter[str] = Counter()
    for letters in languages:
        total = letters.total()
        mean.update({letter: count * _MILLION // total for letter, count in letters.items()})
    return +mean


def _costs(letters: Counter[str]) -> dict[str, int]:
    total = letters.total() ** _PARTS_OF_A_BIT
    return {letter: (total // count**_PARTS_OF_A_BIT).bit_length() for letter, count in letters.items()}
