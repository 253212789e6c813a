"""Recognises walls: a robot check, a request for consent, a log-in, an error, or an empty shell in place of an article.

A wall is recognised by its content, not by its site. Nothing is rejected for being short: the page must say itself that
it is a wall (in its title, or in many of its sentences; the words of each language are data). This counts together with
other evidence in a table: whether there are an article's facts, the headline that the feed announced, a form to fill
in, a challenge to pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from lxml.html import HtmlElement

from core.package_data import package_toml
from pipeline.extraction.candidates import agree
from pipeline.extraction.facts import PageFacts
from pipeline.extraction.marks import Marks
from pipeline.extraction.places import beside_the_article
from pipeline.extraction.values import words_of
from pipeline.extraction.wall_meaning import Meaning, meaning_of
from pipeline.extraction.wall_words import words_of_walls
from pipeline.text.characters import count_letters, folded

SHELL = "shell"
"""The kind for a page that shows nothing until its scripts run."""
_CHALLENGE = re.compile(
    r"captcha|turnstile|challenge-(?:form|platform|running)|cf-browser-verification|px-captcha|datadome|perimeterx|distil|geetest",
    re.IGNORECASE,
)
_HEAD = frozenset({"head", "title", "meta", "link", "base"})
_UNSHOWN = frozenset({"script", "style", "template"})
_LONG_LETTERS = 1_500
_FEW = 10
_SHELL_LETTERS = 20
_SHORT_LETTERS = 600
_HEADLINE_WORDS, _HEADLINE_CHARS, _HEADLINE_DENSE = 4, 26, 8
_MAX_VISIBLE = 6_000
_SENTENCE = re.compile(r"[.!?。！？؟۔।\n|•·]+")

EVIDENCE: Mapping[str, int] = {
    "the title says so": 4,
    "half of the sentences say so": 4,
    "a quarter of the sentences say so": 3,
    "a sentence says so": 1,
    "its text reads as walls do": 5,
    "its text may be read so": 3,
    "there is a challenge": 2,
    "there is a form for a password": 2,
    "search engines shall not list it": 1,
    "an article's facts are missing": 2,
    "an article's facts are there": -5,
    "it shows the headline that the feed announced": -4,
    "it has a headline that says nothing of the kind": -3,
    "a short text has no headline": 2,
    "the text stands in a box that asks for consent": 2,
}
"""What speaks for a wall (positive) and for an article. A wall needs ``THRESHOLD``, no long text, and words of its own,
such a meaning or, in whatever language, a challenge, a form for a password or a consent box in place of a headline."""
THRESHOLD = 6

READS_SO, MAY_READ_SO = 220, 120
"""The least odds (``wall_meaning``, hundredths). Of 1,088 short real articles the highest has 129; of the texts that
are near misses, each read by weights that were fitted without it, all but a few have less than 0."""
READS_SO_BY_WORDS, MAY_READ_SO_BY_WORDS = 45, 21
"""The same for ``wall_words``. Of 1,362 real articles none has more than -1."""
_MEANINGFUL_LETTERS = 12


class Vocabulary(NamedTuple):
    """What walls of one kind say, folded: in titles, and in sentences."""

    titles: frozenset[str]
    texts: tuple[str, ...]


def _phrases(listed: str) -> list[str]:
    return sorted({flat for phrase in listed.split("|") if (flat := folded(phrase))})


def _vocabularies() -> Mapping[str, Vocabulary]:
    data = package_toml("pipeline.extraction", "walls.toml")
    return {
        kind: Vocabulary(frozenset(_phrases(words["titles"])), tuple(_phrases(words["texts"])))
        for kind, words in data.items()
    }


VOCABULARIES = _vocabularies()
_DENSE = re.compile("[\u3040-\u9fff\uac00-\ud7af]")


def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the phrases as words of their own; scripts without spaces have them anywhere."""
    longest_first = sorted(phrases, key=len, reverse=True)
    dense = "|".join(re.escape(one) for one in longest_first if _DENSE.search(one))
    spaced = "|".join(re.escape(one) for one in longest_first if not _DENSE.search(one))
    return re.compile(rf"(?<!\w)(?:{spaced})(?!\w)|(?:{dense})")


@cache
def _said_by(kind: str) -> re.Pattern[str]:
    return _pattern(VOCABULARIES[kind].texts)


@dataclass(frozen=True, slots=True)
class Signs:
    """What a page shows before anything is removed.

    ``offers``: without its menus and its footer. ``linked``: lines that are nothing but a link, such as other headlines.
    """

    visible: str
    offers: str
    linked: frozenset[str]
    challenge: bool
    consent: bool
    password: bool
    unlisted: bool
    scripts: int


def read_signs(tree: HtmlElement, marks: Marks) -> Signs:
    """Read the signs of the whole page."""
    parts: list[str] = []
    around = {inner for outer in tree.iter("footer", "nav") if beside_the_article(outer) for inner in outer.iter()}
    offers: list[str] = []
    size = 0
    for element in tree.iter():
        if element.tag in _HEAD or not isinstance(element.tag, str):
            continue
        for text in (element.text if element.tag not in _UNSHOWN else None, element.tail):
            if text and (stripped := text.strip()):
                parts.append(stripped)
                if element not in around:
                    offers.append(stripped)
                size += len(stripped)
        if size > _MAX_VISIBLE:
            break
    challenge = any(
        _CHALLENGE.search(f"{one.get('src') or ''} {one.get('id') or ''} {one.get('class') or ''} {one.get('action') or ''}")
        for one in tree.iter("script", "iframe", "form", "div")
        if one.get("src") or one.get("id") or one.get("action")
    ) if size <= _MAX_VISIBLE else False  # fmt: skip
    return Signs(
        linked=frozenset(
            " ".join(link.text_content().split())
            for link in tree.iter("a")
            if size <= _MAX_VISIBLE and len(link) < _FEW
        ),
        visible="\n".join(parts)[:_MAX_VISIBLE],
        offers="\n".join(offers)[:_MAX_VISIBLE],
        challenge=challenge,
        consent=size <= _MAX_VISIBLE and _asks_for_consent(marks, size),
        password=any((one.get("type") or "").lower() == "password" for one in tree.iter("input")),
        unlisted=any(
            (one.get("name") or "").lower() == "robots" and "noindex" in (one.get("content") or "").lower()
            for one in tree.iter("meta")
        ),
        scripts=sum(1 for _ in tree.iter("script")),
    )


def _asks_for_consent(marks: Marks, size: int) -> bool:
    """Whether half of the page's visible text is in a consent box."""
    return any(len(" ".join(words_of(box, _MAX_VISIBLE).split())) * 2 > size for box in marks.consent[:_FEW])


def wall_kind(signs: Signs, facts: PageFacts, headline: str, text: str, feed_title: str | None) -> str | None:
    """The kind of wall that the page is; None if it may be an article.

    ``headline`` is the page's own without the outlet, "" if it has none. ``text`` is what was extracted from it.
    """
    letters = count_letters(text, enough=_LONG_LETTERS)
    if letters >= _LONG_LETTERS:
        return None
    titles = [flat for one in facts.titles if (flat := folded(one.value))]
    around = _around(signs, facts, titles, feed_title)
    sentences = [flat for part in _SENTENCE.split(text) if (flat := folded(part))]
    visible = [flat for part in _SENTENCE.split(signs.visible) if (flat := folded(part))]
    heading = next((one.value for one in facts.titles if one.origin == "heading"), "")
    said_by = {
        kind: said for kind, words in VOCABULARIES.items() if (said := _said(kind, words, titles, sentences, visible))
    }
    meaning = _NOT_READ
    # It takes some milliseconds, so it is read only if it could decide.
    if around + max(EVIDENCE["its text reads as walls do"], max(said_by.values(), default=0) + 1) >= THRESHOLD:
        meaning = _read(signs, heading, text)
    best: tuple[int, str] | None = None
    for kind, said in said_by.items():
        score = said + around
        if said < EVIDENCE["the title says so"] + 1 and _has_headline(facts) and meaning.evidence == 0:
            score += EVIDENCE["it has a headline that says nothing of the kind"]
        # What is said and how it reads are one sign: the clearer one counts, and one point if both are there.
        score += max(meaning.evidence - said, min(meaning.evidence, 1))
        if score >= THRESHOLD and (best is None or score > best[0]):
            best = (score, kind)
    if best is not None:
        return best[1]
    bare = letters < _SHORT_LETTERS and not is_headline(headline)
    if bare:
        around += EVIDENCE["a short text has no headline"]
        if signs.consent:
            around += EVIDENCE["the text stands in a box that asks for consent"]
    if meaning.evidence and meaning.evidence + around >= THRESHOLD:
        return meaning.kind
    if bare and (signs.challenge or signs.password or signs.consent) and around >= THRESHOLD:
        return "robot" if signs.challenge else "login" if signs.password else "consent"
    if (
        letters < _SHELL_LETTERS
        and signs.scripts
        and count_letters(signs.visible, enough=_SHELL_LETTERS) < _SHELL_LETTERS
    ):
        return SHELL
    return None


class _Reading(NamedTuple):
    """What the meaning of a page's text speaks for a wall, and of which kind."""

    evidence: int
    kind: str | None


_NOT_READ = _Reading(0, None)


def _read(signs: Signs, headline: str, text: str) -> _Reading:
    """How the text reads, alone and below its headline: the mean counts."""
    own = "\n".join(line for line in text.split("\n") if line not in signs.linked)
    shown = own if len(own) >= _MIN_OWN else signs.offers
    if count_letters(shown, enough=_MEANINGFUL_LETTERS) < _MEANINGFUL_LETTERS:
        return _NOT_READ
    by_words = words_of_walls(shown)
    if by_words is not None and by_words.odds >= READS_SO_BY_WORDS:
        with_it = words_of_walls(f"{headline} {shown}")
        if with_it is not None and with_it.odds >= MAY_READ_SO_BY_WORDS:
            return _Reading(EVIDENCE["its text reads as walls do"], by_words.kind)
    meaning = meaning_of(shown, least=MAY_READ_SO)
    if headline and meaning.odds >= MAY_READ_SO:
        below = meaning_of(f"{headline}. {shown}")
        meaning = Meaning((meaning.odds + below.odds) // 2, below.kind)
    if meaning.odds >= READS_SO:
        return _Reading(EVIDENCE["its text reads as walls do"], meaning.kind)
    if meaning.odds >= MAY_READ_SO:
        return _Reading(EVIDENCE["its text may be read so"], meaning.kind)
    if by_words is not None and by_words.odds >= MAY_READ_SO_BY_WORDS:
        return _Reading(EVIDENCE["its text may be read so"], by_words.kind)
    return _Reading(0, meaning.kind)


def says(kind: str, text: str, *, words: int = 1) -> bool:
    """Whether a text says what walls of this kind say, in so many words at least."""
    return any(found[0].count(" ") + 1 >= words for found in _said_by(kind).finditer(folded(text)))


def is_headline(text: str) -> bool:
    """Whether a heading has as many words as headlines have."""
    dense = len(_DENSE.findall(text))
    return len(text.split()) >= _HEADLINE_WORDS or dense >= _HEADLINE_DENSE or len(text) >= _HEADLINE_CHARS


def _has_headline(facts: PageFacts) -> bool:
    """Whether a heading of some words is what the window title says too."""
    return any(
        one.origin == "heading" and (len(one.value.split()) >= 4 or len(one.value) >= 20) for one in facts.titles
    )


def _around(signs: Signs, facts: PageFacts, titles: list[str], feed_title: str | None) -> int:
    evidence = []
    if signs.challenge:
        evidence.append("there is a challenge")
    if signs.password:
        evidence.append("there is a form for a password")
    if signs.unlisted:
        evidence.append("search engines shall not list it")
    dated = bool(facts.published) or any(claim.names for claim in facts.authors)
    evidence.append(
        "an article's facts are there" if facts.article_claimed and dated else "an article's facts are missing"
    )
    if feed_title and (announced := folded(feed_title)) and any(agree(announced, one) for one in titles):
        evidence.append("it shows the headline that the feed announced")
    return sum(EVIDENCE[one] for one in evidence)


def _said(kind: str, words: Vocabulary, titles: list[str], sentences: list[str], visible: list[str]) -> int:
    """How much the page says of itself that it is such a wall; 0 if nothing."""
    score = EVIDENCE["the title says so"] if any(_is_title(title, words.titles) for title in titles) else 0
    # What is shown beside the text, such as a box that asks for consent, only counts if there is hardly any text.
    lines = sentences if sum(map(len, sentences)) >= _MIN_TEXT else sentences or visible
    if lines is sentences and sum(map(len, sentences)) < _MIN_TEXT and _share(kind, visible) > _share(kind, sentences):
        lines = visible
    share = _share(kind, lines)
    if not score and kind not in _PLAIN and len(_phrases_in(kind, lines)) < _MIN_PHRASES:
        share = min(share, _A_SENTENCE)  # an article may quote one
    if share >= 0.5:
        score += EVIDENCE["half of the sentences say so"]
    elif share >= 0.25:
        score += EVIDENCE["a quarter of the sentences say so"]
    elif share > 0:
        score += EVIDENCE["a sentence says so"]
    elif score and sum(map(len, sentences)) > _MAX_TITLED:
        return 0  # "Page not found" above a text that says nothing of the kind is a headline
    return score


_MAX_TITLED = 200
_MIN_TEXT = 80
_MIN_OWN = 25
_MIN_PHRASES = 2
_A_SENTENCE = 0.1
_PLAIN = frozenset({"script", "robot"})
"""Kinds whose words no article says of its reader."""


def _phrases_in(kind: str, lines: list[str]) -> set[str]:
    return {found for line in lines for found in _said_by(kind).findall(line)}


def _is_title(title: str, phrases: frozenset[str]) -> bool:
    """Whether a title is such a phrase, perhaps with the outlet's name beside it."""
    if title in phrases:
        return True
    words = title.split()
    for phrase in phrases:
        if len(phrase) >= 5 and (
            f" {phrase} " in f" {title} " or (not phrase.isascii() and " " not in phrase and phrase in title)
        ):
            more = len(words) - len(phrase.split())
            if more <= max(2, len(phrase.split())):
                return True
    return False


def _share(kind: str, lines: list[str]) -> float:
    """The share of the characters whose sentence says what walls of this kind say."""
    whole = sum(map(len, lines))
    said = sum(len(line) for line in lines if _said_by(kind).search(line))
    return said / whole if whole else 0.0
