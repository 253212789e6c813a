"""Walls by repetition: a text that occurs at several addresses of a host and is about none of them.

A robot check, a request for consent or an error page has the same text for every address, in any language and in words
that no list has. The announcements of the addresses (the feed's title, otherwise the words of the path) distinguish it
from an article that a host has twice (for print, in two sections, with a new headline). An article's text contains the
words of its headline. A wall's text does not, and the announcements differ from address to address.

Each record is judged alone first (``doubtful``); whether its text rests elsewhere is asked in the ordered stage, as of
the record's place (``repeated``). Everything is based on counts of words, independent of language and machine. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import msgspec

from core.durations import DAY_MS
from core.records import Article, OrderKey, canonical_url
from pipeline.text.characters import count_letters, folded
from pipeline.text.fingerprint import is_unspaced

KIND = "repeated"
"""The kind of such walls, in ``Article.wall`` and as the reason of a rejection."""

WINDOW_MS = 14 * DAY_MS
"""A text that was last seen longer ago does not count."""

ANNOUNCEMENTS, OF_KNOWN = 3, 2
"""How many different announcements, including this record's, one text must have; fewer are enough if it would replace a version
with another text."""

ADDRESSES, ADDRESSES_OF_KNOWN = 5, 3
"""The same for addresses that announce nothing (a number), which count as different articles."""

KEPT_A_DAY = 8
"""Sightings of one text that are kept per day; a host that shows a wall at a thousand addresses needs no more."""

_FEWEST_LETTERS = 20
_PLAIN_LETTERS = 1_500
_HEAD_CHARS, _MOST_CHARS = 2_000, 20_000
_STEM = 4
_FEWEST_STEMS = 2
_MOST_STEMS = 12
TOLD_OF, SAME_OF = 3, 2
"""The denominators of shares: a third, and half."""

_DIGIT = re.compile(r"\d")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.])[\w.]++@[\w.]+")
_PATH_WORDS = re.compile(r"[\W_]+")
_FILE = re.compile(r"\.\w{2,5}$")


class Doubtful(msgspec.Struct, frozen=True, kw_only=True):
    """A page's text that contains nothing of what its address announces.

    ``digest``: of the host and the text without what varies in walls (numbers, addresses). ``announced``: hashes of the words
    that the address announces; if it announces none, only plain texts are doubtful, and the digest is of the whole text.
    ``stand_in``: what to publish if the page is a wall, or None.
    """

    digest: str
    announced: tuple[str, ...] = ()
    stand_in: Article | None = None


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A doubtful text at one article's address, with the first place at which it was seen there."""

    digest: str
    article: str
    announced: tuple[str, ...]
    key: OrderKey


def doubtful(
    url: str, text: str, *, title: str | None, headline: str, claims_facts: bool, stand_in: Article | None = None
) -> Doubtful | None:
    """Judge a page's text alone. Returns None if it contains what its address announces, or is too short to decide.

    ``title`` is the feed's. ``headline`` is the page's: if no feed announces anything, a text that contains it is not a wall's,
    since a path may be in another script than the text. ``claims_facts``: the page names a date or an author; walls don't.
    """
    if count_letters(text, enough=_FEWEST_LETTERS) < _FEWEST_LETTERS:
        return None
    split = urlsplit(canonical_url(url))
    announced = announced_words(title, split.path)
    other = frozenset[str]() if announced_words(title, "") else _stems(folded(headline))
    words = ""
    # The beginning of nearly every article contains what is announced.
    for chars in (_HEAD_CHARS, _MOST_CHARS):
        if chars == _HEAD_CHARS or len(text) > _HEAD_CHARS:
            words = folded(_ADDRESS.sub(" ", text[:chars]))
            stems = _stems(words)
            if _tells(stems, announced) or _tells(stems, other):
                return None
    if announced:
        said = " ".join(word for word in words.split() if not _DIGIT.search(word))
    else:
        if claims_facts or count_letters(text, enough=_PLAIN_LETTERS) >= _PLAIN_LETTERS:
            return None
        said = f"{folded(headline)}\n{words}"
    return Doubtful(
        digest=_digest(f"{split.netloc}\n{said}", 16),
        announced=tuple(sorted(_digest(stem, 4) for stem in announced)[:_MOST_STEMS]),
        stand_in=stand_in,
    )


def announced_words(title: str | None, path: str) -> frozenset[str]:
    """The stems of the announcement: of the feed's title, else of the path; empty if neither has enough words."""
    last = _FILE.sub("", unquote(path).rstrip("/").rpartition("/")[2])
    for said in (title or "", _PATH_WORDS.sub(" ", last)):
        stems = _stems(folded(said))
        if len(stems) >= _FEWEST_STEMS:
            return stems
    return frozenset()


def tells(words: str, announced: frozenset[str]) -> bool:
    """Whether a folded text contains a third of what is announced, as an article does and a wall does not.

    A single word does not count, since it may be chance.
    """
    return _tells(_stems(words), announced)


def _tells(stems: frozenset[str], announced: frozenset[str]) -> bool:
    taken_up = len(announced & stems)
    return taken_up > 1 and taken_up * TOLD_OF >= len(announced)


def repeated(doubt: Doubtful, article: str, key: OrderKey, before: Iterable[Sighting], *, known: bool) -> bool:
    """Whether the text was seen at enough other addresses of the host to be a wall, as of the record's place.

    ``before``: sightings of the text on the host, at any places, in any order. ``known``: the article has a version that
    this text does not resemble (``alike``).
    """
    others = [one for one in _counted(before, key) if one.article != article]
    if not doubt.announced:
        plain = {one.article for one in others if not one.announced}
        return len(plain) + 1 >= (ADDRESSES_OF_KNOWN if known else ADDRESSES)
    different: list[frozenset[str]] = [frozenset(doubt.announced)]
    for one in others:
        if one.announced and not any(_same(frozenset(one.announced), there) for there in different):
            different.append(frozenset(one.announced))
    return len(different) >= (OF_KNOWN if known else ANNOUNCEMENTS)


def alike(text: str, other: str) -> bool:
    """Whether one text may be a version of the other: half of the shorter one's words are in the other."""
    return _same(_stems(folded(text[:_MOST_CHARS])), _stems(folded(other[:_MOST_CHARS])))


def sighting(doubt: Doubtful, article: str, key: OrderKey, before: Iterable[Sighting]) -> Sighting | None:
    """The sighting to store for this record; None if its article was seen, or the day has enough sightings."""
    counted = _counted(before, key)
    today = sum(one.key.time_ms > key.time_ms - DAY_MS for one in counted)
    if today >= KEPT_A_DAY or any(one.article == article for one in counted):
        return None
    return Sighting(digest=doubt.digest, article=article, announced=doubt.announced, key=key)


def _counted(before: Iterable[Sighting], key: OrderKey) -> list[Sighting]:
    first_ms = key.time_ms - WINDOW_MS
    return sorted((one for one in before if one.key < key and one.key.time_ms > first_ms), key=_place)


def _place(one: Sighting) -> OrderKey:
    return one.key


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether half of the shorter one's words are in the other."""
    return len(one & other) * SAME_OF >= min(len(one), len(other))


def _stems(words: str) -> frozenset[str]:
    """The prefixes of a folded text's longer words, without words with digits; pairs of characters if it has no spaces."""
    if is_unspaced(words):
        solid = words.replace(" ", "")
        return frozenset(first + second for first, second in pairwise(solid))
    return frozenset(word[:_STEM] for word in words.split() if len(word) >= _STEM and not _DIGIT.search(word))


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
