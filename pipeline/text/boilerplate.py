"""Recognises lines that belong to the page and not to the article: side links, sign-up calls, share buttons, cookie notices.

Only whole, short lines are removed, never a sentence inside a paragraph. There are four kinds of phrases:

- ``EXACT``: the line is the phrase and nothing else (punctuation, arrows and bullets aside).
- ``LEAD_INS``: the phrase, then a colon (or a bar, dash, arrow), then a headline, which is not two sentences.
- ``BARE_LEAD_INS``: the phrase, then a headline without a colon: it must begin with a capital or digit and must not end as a
  sentence does. So "Lire aussi Le procès s'ouvre lundi" is removed and "Also see the court as…" is kept.
- ``OPENINGS``: beginnings of notices that have no fixed end.

At the end of a feed's text, lines whose words are those of calls to the reader go too (``page_words.py``). The phrases and
patterns are in ``boilerplate.toml``. No rule names an outlet.
"""

from __future__ import annotations

import re

from core.package_data import package_toml
from pipeline.text.characters import folded
from pipeline.text.page_words import ends_as_call

MAX_CHARS = 220
"""A longer line counts as a paragraph, whatever it begins with."""

_FULL_LINE_CHARS = 40

_SEPARATOR = re.compile(r"(?:(?<!\s)\s++)?(?:[:：|｜►▶→»>–—]+|\.\.+|…)\s*|(?<!\s)\s++-\s+")
_EDGE = re.compile(r"^[\W_]++|(?<![\W_])[\W_]++$")
_SENTENCE_END = re.compile(r"[.!?…。！？।؟۔]['\"”’»)\]]*$")
_PERIOD_END = re.compile(r"[.。۔।]['\"”’»)\]]*$")
_SENTENCE_BREAK = re.compile(r"[.!?؟。！？]\s++")
_CREDIT = re.compile(
    r"(?:image|photo|picture|photo credit|image credit|file photo|fotos?|bild|фото)\s*:.{2,80}", re.IGNORECASE
)
_SOURCE = re.compile(
    r"(?:sources?|(?:verwendete )?quellen?|fuentes?|fontes?|fonti|bron|źródło|источники?|джерел[оа]|kaynak|منبع|المصدر|المصادر"
    r"|מקור|来源|來源|出典|출처)\s?[:：].{2,40}",
    re.IGNORECASE,
)
_SHORT_ADDRESS = re.compile(r"[^.:：]{2,30}[:：]\s?https?://\S{4,80}")
_OWNED = re.compile(r".{0,40}[©ⓒⒸ].{0,60}")
_COPYRIGHT = re.compile(r"(?:copyright\s*)?(?:[©ⓒⒸ]|\(c\)).{0,100}", re.IGNORECASE)
_UPPER_MORE = re.compile(r"(?:MORE|READ MORE|WATCH|RELATED|NEXT|ALSO READ|READ ALSO|SEE ALSO|LIVE)\s*[:|]\s+\S")


def _phrases(*lists: str) -> frozenset[str]:
    return frozenset(folded(phrase) for listed in lists for phrase in listed.split("|") if phrase.strip())


_DATA = package_toml("pipeline.text", "boilerplate.toml")
EXACT = _phrases(*_DATA["exact"].values())
LEAD_INS = _phrases(*_DATA["lead_in"].values())
_LISTS = _phrases(_DATA["exact"]["lists"])
BARE_LEAD_INS = _phrases(_DATA["bare_lead_in"])
OPENINGS = tuple(re.compile(pattern) for pattern in _DATA["openings"])
_LEAD_FIRST_WORDS = frozenset(phrase.partition(" ")[0] for phrase in LEAD_INS)
_BARE_FIRST_WORDS = frozenset(phrase.partition(" ")[0] for phrase in BARE_LEAD_INS)
_BARE_MAX_WORDS = max(phrase.count(" ") + 1 for phrase in BARE_LEAD_INS)


def is_boilerplate(line: str) -> bool:
    """Whether a whole line is boilerplate. A line is a paragraph; ``line`` is output of ``normal_text``."""
    if not line or len(line) > MAX_CHARS:
        return False
    flat = folded(line)
    if not flat:
        return _is_rule(line)
    if flat in EXACT:
        return True
    if (
        _is_lead_in(line, flat)
        or _COPYRIGHT.fullmatch(line)
        or _SHORT_ADDRESS.fullmatch(line)
        or (_OWNED.fullmatch(line) and not _SENTENCE_BREAK.search(line))
        or ((_CREDIT.fullmatch(line) or _SOURCE.fullmatch(line)) and not _PERIOD_END.search(line))
    ):
        return True
    return any(opening.fullmatch(flat) for opening in OPENINGS)


def is_label(words: str) -> bool:
    """Whether the words announce links to other articles, as "Read also:" does, or are boilerplate by themselves."""
    flat = folded(words)
    return flat in LEAD_INS or flat in BARE_LEAD_INS or flat in EXACT


def announces_others(words: str) -> bool:
    """Whether the words stand above other articles: "Read also:", "Related articles", "Most read"."""
    flat = folded(words)
    return flat in LEAD_INS or flat in BARE_LEAD_INS or flat in _LISTS


def drop_boilerplate(text: str, *, wrapped: bool = False) -> str:
    """Remove the boilerplate lines from ``normal_text``'s output; blank lines around them become one. Idempotent.

    ``wrapped``: a line may continue the paragraph above it ("… and no further / comments."); such lines are kept.
    """
    kept: list[str] = []
    for line in text.split("\n"):
        if not line and (not kept or not kept[-1]):
            continue
        if is_boilerplate(line) and not (wrapped and kept and _continues(kept[-1], line)):
            continue
        kept.append(line)
    if wrapped:
        kept = _without_calls_at_the_end(kept)
    return "\n".join(kept).strip()


def _without_calls_at_the_end(lines: list[str]) -> list[str]:
    """The lines without calls to the reader at the end; all of them if nothing else would be left."""
    size = len(lines)
    while size and (
        not lines[size - 1]
        or (ends_as_call(lines[size - 1]) and not (size > 1 and _continues(lines[size - 2], lines[size - 1])))
    ):
        size -= 1
    return lines[:size] or lines


def _continues(above: str, line: str) -> bool:
    """Whether ``line`` may continue the paragraph of the line above it, which is full and ends in mid-sentence."""
    begin = line.lstrip("\"'“„«‘(¿¡")[:1]
    return len(above) >= _FULL_LINE_CHARS and not _SENTENCE_END.search(above) and not begin.isupper()


def _is_rule(line: str) -> bool:
    """Whether a line without words is a divider, unlike a single "?" or emoji, which may be an answer."""
    return len(line) >= 3 and len(set(line.replace(" ", ""))) == 1


def _has_two_sentences(line: str) -> bool:
    """Whether one sentence ends within the line and another at its end."""
    first, end = _SENTENCE_BREAK.search(line), line.rstrip()
    return first is not None and end[-1:] in tuple(".!?؟。！？") and len(end) - 1 > first.end()


def _is_lead_in(line: str, flat: str) -> bool:
    """Whether the line (folded: ``flat``) is a phrase such as "Read also" followed by a headline."""
    if _UPPER_MORE.match(line):
        return not _has_two_sentences(line)
    first_word = flat.partition(" ")[0]
    if first_word not in _LEAD_FIRST_WORDS and first_word not in _BARE_FIRST_WORDS:
        return False  # most lines: the patterns take longer
    text = _EDGE.sub("", line)
    separator = _SEPARATOR.search(text)
    if separator and (phrase := folded(text[: separator.start()])) in LEAD_INS:
        # Two sentences after the colon are text, not a headline; after a weak phrase ("Read: …") even one is.
        return not (_has_two_sentences(line) or (phrase not in BARE_LEAD_INS and _PERIOD_END.search(line)))
    if first_word not in _BARE_FIRST_WORDS:
        return False
    words = text.split()
    for count in range(2, min(_BARE_MAX_WORDS, len(words) - 1) + 1):
        if folded(" ".join(words[:count])) in BARE_LEAD_INS:
            begin = words[count].lstrip("\"'“„«‘(¿¡")
            return begin[:1].isupper() and not _SENTENCE_END.search(line)
    return False
