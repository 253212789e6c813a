"""What newer rules for splitting words change for a stored query: which of its words are read differently, or find more.

A subscription keeps the version (``words.VERSION``) with which its query was saved. Each new version adds its changes here.

Version 2: apostrophes inside names, Hebrew signs and half-spaces no longer split words; Hebrew particles; Arabic script
joined or apart; half-width kana; wildcards after initials; more kinds of quotation marks.
Version 3: spellings in Devanagari with and without dots below, and of nasals.
Version 4: Hebrew phrases that begin with a word of two letters, after particles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import regex  # type: ignore[import-untyped]

from core.errors import QueryError
from core.query.ast import WHOLE_FIELDS, Field, Node, Phrase, Term, children
from core.query.folding import INVISIBLE, fold
from core.query.joints import HEBREW
from core.query.parse import parse
from core.query.words import QueryWord, query_words

_NEW_QUOTE = re.compile("[‹›〝〞〟❝❞「」『』｢｣﹁﹂﹃﹄《》〈〉]")
_BESIDE_OPERATOR = re.compile(rf"(?:^|[\s()])(?:AND|OR|NOT)[{INVISIBLE}]|[{INVISIBLE}](?:AND|OR|NOT)(?=[\s()])")
_HEBREW_QUOTE = re.compile(rf"[{HEBREW}][\"“”„][{HEBREW}]")
_HEBREW = re.compile(f"[{HEBREW}]{{3}}")
_SHORT_HEBREW = re.compile(rf"[{HEBREW}]{{2}}(?![{HEBREW}])")
_READ_WITHOUT_PARTICLES = (None, "title", "body")
_PARTICLES = "is now also found after Hebrew particles"
_SPELLED = re.compile("[\u0901\u0929\u0931\u0934\u093c\u0958-\u095f]|[ङञणनम]\u094d")
"""Signs in Devanagari that version 3 folds."""


class Change(NamedTuple):
    """A part of a query, its position, and the change, in words."""

    position: int
    part: str
    change: str


def changes(query: str, since: int) -> list[Change]:
    """The changes for ``query`` from version ``since`` to now, by position. Empty if it does not parse."""
    if since >= 4:
        return []
    try:
        root = parse(query).root
    except QueryError:
        return []
    found: dict[Change, None] = dict.fromkeys(_of_4(root, None))
    if since >= 3:
        return sorted(found)
    found.update(dict.fromkeys(_of_3(root, None)))
    if since >= 2:
        return sorted(found)
    for mark in _NEW_QUOTE.finditer(query):
        found[Change(mark.start(), mark[0], "now makes a phrase; before, its words were searched for separately")] = (
            None
        )
        break
    for mark in _BESIDE_OPERATOR.finditer(query):
        found[
            Change(mark.start(), mark[0].strip(), "is now an operator; it was a word because of an invisible mark")
        ] = None
    for mark in _HEBREW_QUOTE.finditer(query):
        found[Change(mark.start(), mark[0], "is now inside a word; before, the sign began or ended a phrase")] = None
    found.update(dict.fromkeys(_of(root, None)))
    return sorted(found)


def _of_4(node: Node, scope: str | None) -> Iterator[Change]:
    if isinstance(node, Field):
        scope = node.name
    if isinstance(node, Phrase) and scope in _READ_WITHOUT_PARTICLES and _SHORT_HEBREW.match(node.text):
        yield Change(node.start, node.text, _PARTICLES)
    for part in children(node):
        yield from _of_4(part, scope)


def _of_3(node: Node, scope: str | None) -> Iterator[Change]:
    if isinstance(node, Field):
        scope = node.name
    if isinstance(node, Term | Phrase) and scope not in WHOLE_FIELDS and _SPELLED.search(node.text):
        yield Change(node.start, node.text, "is now also found without dots below, and with other signs of nasals")
    for part in children(node):
        yield from _of_3(part, scope)


def _of(node: Node, scope: str | None) -> Iterator[Change]:
    if isinstance(node, Field):
        scope = node.name
    if isinstance(node, Term | Phrase) and scope not in WHOLE_FIELDS:
        before, now = _shown(_words_1(node.text)), _shown(query_words(node.text))
        if before != now:
            yield Change(node.start, node.text, f"was read as {before}, is now read as {now}")
        elif node.spellings:
            yield Change(node.start, node.text, "is now also found joined, with a half-space or apart")
        if scope in _READ_WITHOUT_PARTICLES and _HEBREW.search(node.text):
            yield Change(node.start, node.text, _PARTICLES)
    for part in children(node):
        yield from _of(part, scope)


def _shown(words: list[QueryWord]) -> str:
    if not words:
        return "nothing"
    shown = " ".join(word.key for word in words)
    return f'"{shown}"' if len(words) > 1 else shown


_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc\uff70\uff9e\uff9f"
)
_WORD = rf"[\p{{L}}\p{{M}}\p{{N}}{INVISIBLE}*?]"
_SPACED = rf"[[\p{{L}}\p{{M}}\p{{N}}{INVISIBLE}*?]--[{_UNSPACED}]]"
_CHUNK_1 = regex.compile(rf"{_WORD}++(?:[.,'’‘＇]{_WORD}++)*+")
_PART_1 = regex.compile(
    rf"(?P<unspaced>[{_UNSPACED}][{_UNSPACED}\p{{M}}{INVISIBLE}]*+)"
    rf"|(?P<initials>(?<!{_SPACED})\p{{L}}(?:\.\p{{L}})+(?!{_SPACED}))"
    r"|\p{Nd}+(?:[.,]\p{Nd}+)+"
    rf"|{_SPACED}+(?:(?:(?<=\p{{Cyrillic}})['’‘＇](?=\p{{Cyrillic}})|(?<=[nN])['’‘＇](?=[tT](?!{_SPACED}))){_SPACED}+)*",
    regex.V1,
)
_UNIT_1 = regex.compile(rf"[{_UNSPACED}][\p{{M}}{INVISIBLE}]*")


def _words_1(text: str) -> list[QueryWord]:
    """The words of a term as version 1 split them."""
    words: list[QueryWord] = []
    offset = 0
    for chunk in _CHUNK_1.finditer(text):
        in_unspaced = False
        for part in _PART_1.finditer(chunk[0]):
            if part["unspaced"]:
                units = [key for unit in _UNIT_1.finditer(part[0]) if (key := fold(unit[0]))]
                pairs = [one + other for one, other in pairwise(units)]
                words += [QueryWord(key, 0, offset + i, 1, True, key) for i, key in enumerate(pairs or units)]
                offset += len(units)
            elif in_unspaced and not part[0].strip("*") and part.end() == len(chunk[0]):
                continue
            elif key := fold(part[0]):
                words.append(QueryWord(key, 0, offset, 1, False, key))
                offset += 1
            in_unspaced = bool(part["unspaced"])
    return words
