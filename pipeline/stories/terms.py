"""What a text is about, in a few numbers: weighted terms, names and figures, as 32-bit hashes.

Terms are words of the title and lead, cut to a stem (a prefix: crude, but the same in every language), without function
words; where a script writes no spaces, pairs of characters. Names are capitalised words inside a sentence, figures the
numbers that are no years. All of it is a function of title and text alone.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass

import regex  # type: ignore[import-untyped]

from pipeline.stories.function_words import FUNCTION_WORDS, FUNCTION_WORDS_UNSPACED
from pipeline.text.characters import one_spelling
from pipeline.text.fingerprint import is_unspaced

TEXT_CHARS = 20_000
"""Names and figures of a longer text are those of its head."""

LEAD_WORDS = 120
MIN_TERMS = 5
"""A lead of fewer different terms ("More soon", one word over and over) says nothing to group by."""

STEM = 6
_TITLE_WEIGHT, _LEAD_WEIGHT, _REST_WEIGHT, _NAME_WEIGHT, _FIGURE_WEIGHT = 6, 3, 1, 3, 4

_TOKEN = re.compile(r"[\w\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3]+(?:[.,]\d+)*")
_ARABIC_ARTICLE = re.compile("^(?:[وف]?(?:ال|بال|کال|لل)|[وف](?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
# A capital inside a sentence: behind a word and a space. At a sentence's start only an acronym is a name.
_NAME = regex.compile(r"(?<=[\p{L}\p{N},)] )\p{Lu}[\w]+|\b\p{Lu}{2,}\b")
_FIGURE = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
_UNSPACED_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
# Two kana are mostly grammar, endings and particles; digits count as whole figures.
_DULL_PAIR = re.compile("[\u3040-\u309f]{2}|\\d")
_LITTLE = frozenset(FUNCTION_WORDS_UNSPACED)
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Terms:
    """``weighted``: term hash → weight (1 to 255). ``names`` and ``figures`` hold different hashes, in no order."""

    weighted: dict[int, int]
    names: frozenset[int]
    figures: frozenset[int]


def terms_of(title: str, text: str) -> Terms:
    """The terms of an article. A text of hardly any different words has none, whatever its title says of the event."""
    body = _prepared(text[:TEXT_CHARS])
    head = _prepared(title[:1_000])
    if is_unspaced(body[:2_000]):
        return _unspaced(head, body)
    weights: dict[str, int] = {}
    for place, found in enumerate(_TOKEN.finditer(body)):
        if place == LEAD_WORDS:
            break
        _add(weights, found[0], _LEAD_WEIGHT if place < LEAD_WORDS // 3 else _REST_WEIGHT)
    if len(weights) < MIN_TERMS:
        weights = {}
    else:
        for token in _TOKEN.findall(head):
            _add(weights, token, _TITLE_WEIGHT)
    names = Counter(_NAME.findall(body))
    figures = {figure for found in _FIGURE.findall(body) if (figure := _figure(found)) is not None}
    for name, times in names.items():
        if weights:
            _add(weights, name, _NAME_WEIGHT * min(times, 3))
    folded_names = {name.casefold() for name in names} - FUNCTION_WORDS
    return Terms(
        {hashed(term): min(weight, 255) for term, weight in weights.items()},
        frozenset(hashed(_stem(name)) for name in folded_names if len(name) > 1),
        frozenset(map(hashed, figures)),
    )


def hashed(term: str) -> int:
    """A 32-bit hash that is the same everywhere; never the highest value, which pads rows."""
    return min(zlib.crc32(term.encode("utf-8", "surrogatepass")), 0xFFFFFFFE)


def _prepared(text: str) -> str:
    return one_spelling(unicodedata.normalize("NFKC", text))


def _stem(folded: str) -> str:
    if "\u0600" <= folded[0] <= "\u06ff":
        return _ARABIC_ARTICLE.sub("", folded)[: STEM - 1]
    return folded[:STEM]


def _figure(token: str) -> str | None:
    """The number without separators in ASCII digits; None for a year, or one that is glued to letters."""
    digits = "".join(str(unicodedata.digit(char, "")) for char in token)
    if len(digits) != sum(char.isalnum() for char in token) or _YEAR.fullmatch(digits):
        return None
    return digits


def _add(weights: dict[str, int], token: str, weight: int) -> None:
    folded = token.casefold()
    if token[0].isdigit():
        figure = _figure(token)
        # One digit ("3 people") says nothing about which event it is.
        if figure is not None and len(figure) > 1:
            weights["#" + figure] = weights.get("#" + figure, 0) + min(weight, _FIGURE_WEIGHT)
    elif len(folded) > 1 and folded not in FUNCTION_WORDS:
        stem = _stem(folded)
        weights[stem] = weights.get(stem, 0) + weight


def _unspaced(head: str, body: str) -> Terms:
    weights: dict[str, int] = {}
    for text, weight in ((body[:120], _LEAD_WEIGHT), (body[120:400], _REST_WEIGHT), (head, _TITLE_WEIGHT)):
        if text is head and len(weights) < MIN_TERMS:
            weights = {}
            break
        for token in _TOKEN.findall(text):
            for start in range(len(token) - 1):
                pair = token[start : start + 2]
                if _LITTLE.isdisjoint(pair) and pair not in FUNCTION_WORDS and not _DULL_PAIR.search(pair):
                    weights[pair] = weights.get(pair, 0) + weight
        for found in _UNSPACED_FIGURE.findall(text):
            _add(weights, found, weight)
    figures = {figure for found in _UNSPACED_FIGURE.findall(body) if (figure := _figure(found)) is not None}
    return Terms(
        {hashed(term): min(weight, 255) for term, weight in weights.items()},
        frozenset(),
        frozenset(map(hashed, figures)),
    )
