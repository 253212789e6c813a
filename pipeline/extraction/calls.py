"""Removes lines that call on the reader and stand among an article's paragraphs: to subscribe, follow, share, write, read on.

A line is removed if the odds of its words (``pipeline.text.page_words``) reach what its evidence asks for. Words alone never
suffice among paragraphs. The line must be shown as something else than text (all in italics, all bold, one link, a box of its
own), or stand below the last paragraph, which needs higher odds. A shown line that also leads to another site or a mail
address needs less. A line within quotation marks is a quotation, and one that only asks a question may be an
interview's: they stay, whatever their words. Evidence is of the line and of its place; no phrase and no outlet is known here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlsplit

from lxml.etree import iterwalk
from lxml.html import HtmlElement

from pipeline.extraction.letters import put_back
from pipeline.extraction.partial import is_short, surely_offers
from pipeline.extraction.values import line_of
from pipeline.extraction.wall_meaning import kind_of, meaning_of
from pipeline.extraction.wall_words import words_of_walls
from pipeline.text.characters import folded, normal_line
from pipeline.text.page_words import LEAST, MAX_CALL_CHARS, PageOdds, ends_as_call, is_call, page_odds

_ITALIC, _BOLD, _LINK, _AWAY, _LAST, _APART = 40, 20, 30, 35, 15, 30
"""How much less is needed if the line is all in italics or small letters, all bold, or one link; leads away; is last; stands
below the whole article."""
_NAMED = 45
"""A last line with a full name in it may say who reported and edited: what is written as a name does not count then."""
_ALL = _ITALIC + _LINK + _AWAY + _LAST + _NAMED + _APART
_MIN_CONSENT_CHARS, _MAX_CONSENT_CHARS = 60, 900
_CONSENT, _CONSENT_BY_WORDS = 210, 60
"""Odds that a line means a request for consent, and those of its words, for languages that the encoder does not know. Of
some 11,000 lines of real articles, and of articles about consent, the words of none have more than 39."""
_CONSENT_GOES_ON = 20
_NO_END_CHARS = 40
"""A line of as many characters that stays is a paragraph: what is above it is not at the end."""

_SENTENCE_END = re.compile(r"[.!?。।۔]$")
_ITALICS = frozenset({"em", "i", "small", "cite"})
_BOLDS = frozenset({"b", "strong"})
_BULLET = re.compile(r"^[-•–▪■►*]\s+")
_NONE: Mapping[str, str] = {}
_SPACES = re.compile(r"\s+")
_UNSHOWN = frozenset({"script", "style", "noscript", "template"})
_MAX_AROUND = 5
_MIN_PARAGRAPHS = 2
_NEARLY_ALL = 0.9
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


class Dress(NamedTuple):
    """How the page shows a line: as something else than text, how much less its words need to say, whether as a heading."""

    shown: bool = False
    eased: int = 0
    heading: bool = False


def without_calls(lines: Sequence[str], tree: HtmlElement, url: str, standing: Mapping[str, str] = _NONE) -> list[str]:
    """The lines (paragraphs of one line each) without those that call on the reader, in order.

    ``tree`` is the page that they were taken from, ``url`` its address, ``standing`` what ``stand_in`` put into it. A removed
    line reached, by its own words, the odds that its own dress and place ask for. Removing again changes nothing.
    """
    may = _which_may_be_calls(lines)
    if not may:
        return list(lines)
    dresses = _dresses(tree, {_BULLET.sub("", line) for line in may}, url, standing)
    kept: list[str] = []
    at_end = True
    for line in reversed(lines):
        if line in may:
            dress = dresses.get(_BULLET.sub("", line), Dress())
            # What makes a text partial is left to ``partial``, which marks the text so.
            if _is_call(line, *may[line], at_end, dress) and not (
                at_end and is_short("\n".join(lines)) and surely_offers(line)
            ):
                continue
        kept.append(line)
        at_end = at_end and len(line) < _NO_END_CHARS
    return kept[::-1]


def without_consent(lines: Sequence[str]) -> list[str]:
    """The lines of a short text without a notice at its beginning or end that asks to consent to cookies or the use of data.

    All of them if nothing else would be left: that is a wall.
    """
    if len(lines) < 2 or not is_short("\n".join(lines)):
        return list(lines)
    begin, end = 0, len(lines)
    while begin < end and _asks_for_consent(lines[begin]):
        begin += 1
    at = end
    while at > begin:
        at -= 1
        if _asks_for_consent(lines[at]):
            end = at
        elif len(lines[at]) >= _NO_END_CHARS:
            break
    kept = list(lines[begin:end])
    return kept if any(not _goes_on_about_consent(line) for line in kept) else list(lines)


def _goes_on_about_consent(line: str) -> bool:
    """Whether a line beside a request for consent may be its continuation."""
    words = words_of_walls(line)
    return words is not None and words.kind == "consent" and words.odds >= _CONSENT_GOES_ON


def _asks_for_consent(line: str) -> bool:
    if not _MIN_CONSENT_CHARS <= len(line) <= _MAX_CONSENT_CHARS:
        return False
    words = words_of_walls(line)
    if words is not None and words.kind == "consent" and words.odds >= _CONSENT_BY_WORDS:
        return True
    return kind_of(line) == "consent" and meaning_of(line, least=_CONSENT).odds >= _CONSENT


def _which_may_be_calls(lines: Sequence[str]) -> dict[str, tuple[PageOdds, PageOdds]]:
    """The lines that some dress and place would make calls, with their odds and their odds at the end."""
    may: dict[str, tuple[PageOdds, PageOdds]] = {}
    for line in lines:
        if len(line) > MAX_CALL_CHARS:
            continue
        odds = page_odds(folded(line))
        unnamed = _odds_at_end(line, odds)
        if is_call(line, odds, _ALL) or is_call(line, unnamed, _ALL):
            may[line] = odds, unnamed
    return may


def _odds_at_end(line: str, odds: PageOdds) -> PageOdds:
    """The odds without the names of those who reported and edited; ``odds`` if it has none."""
    if odds.mean < LEAST and not _SENTENCE_END.search(line) and (unnamed := _without_names(line)):
        return page_odds(folded(unnamed))
    return odds


def _is_call(line: str, odds: PageOdds, unnamed: PageOdds, at_end: bool, dress: Dress) -> bool:
    """Whether this dress and place make a call of a line with these odds. ``unnamed``: its odds at the end."""
    shown = dress.shown and not dress.heading
    if at_end and unnamed != odds:
        return is_call(line, unnamed, _LAST + _NAMED + (dress.eased if shown else 0))
    if at_end and ends_as_call(line, odds):
        return True
    return shown and is_call(line, odds, dress.eased + (_LAST if at_end else 0))


def _without_names(line: str) -> str:
    """The line without the words that are written as names; "" if it has no full name."""
    kept: list[str] = []
    run = longest = 0
    for place, word in enumerate(words := line.split()):
        begins = not place or words[place - 1].endswith((".", ";", ":", "?", "!"))
        if begins or not word.lstrip("(")[:1].isupper():
            kept.append(word)
            run = 0
        else:
            run += 1
            longest = max(longest, run)
    return " ".join(kept) if longest > 1 else ""


def _dresses(tree: HtmlElement, lines: Collection[str], url: str, standing: Mapping[str, str]) -> Mapping[str, Dress]:
    """By line: the most that any place of the page at which the line stands alone says of it. One pass for all lines.

    A line that is a heading anywhere is one.
    """
    found: dict[str, Dress] = {}
    if not lines:
        return found
    siblings: dict[HtmlElement, Counter[str]] = {}
    for element, line in _outermost(tree, lines, standing):
        dress = _dress(element, line, url, siblings)
        best = found.get(line)
        found[line] = dress if best is None or (not best.heading and (dress.heading or dress > best)) else best
    return found


def _outermost(tree: HtmlElement, lines: Collection[str], standing: Mapping[str, str]) -> list[tuple[HtmlElement, str]]:
    """The outermost elements that hold one of the lines and nothing else, with the line; each element is looked at once."""
    limit = max(map(len, lines)) + 8
    texts: dict[HtmlElement, str | None] = {}  # None: longer than any of the lines
    alone: dict[HtmlElement, str] = {}
    for _, element in iterwalk(tree, events=("end",)):
        text: str | None = element.text or ""
        children = [(child, texts.pop(child, "")) for child in element]
        for child, inner in children:
            text = None if text is None or inner is None else _short(f"{text}{inner}{child.tail or ''}", limit)
        text = texts[element] = None if text is None or element.tag in _UNSHOWN else _short(text, limit)
        line = _known(text, lines, standing) if text else ""
        if line:
            alone[element] = line
            for child, _ in children:
                if alone.get(child) == line:
                    del alone[child]
    return list(alone.items())


def _short(text: str, limit: int) -> str | None:
    """The text with single spaces, which may begin and end it; None if it is over the limit."""
    text = _SPACES.sub(" ", text)
    return text if len(text) <= limit + 2 else None


def _known(text: str, lines: Collection[str], standing: Mapping[str, str]) -> str:
    """The one of the lines that the text is; "" if it is none."""
    line = text.strip()
    if line not in lines and not line.isascii():
        line = normal_line(put_back(line, standing))
    return line if line in lines else ""


def _dress(element: HtmlElement, line: str, url: str, siblings: dict[HtmlElement, Counter[str]]) -> Dress:
    links = list(element.iter("a"))
    enough = len(line) * _NEARLY_ALL
    eases = 0
    if element.tag in _ITALICS or _share(element, _ITALICS) >= enough:
        eases += _ITALIC
    elif element.tag in _BOLDS or _share(element, _BOLDS) >= enough:
        eases += _BOLD
    if sum(len(line_of(link)) for link in links) >= enough:
        eases += _LINK
    if _is_apart(element):
        eases += _APART
    shown = eases > 0 or _is_boxed(element, siblings)
    if any(_leads_away(link.get("href") or "", url) for link in links):
        eases += _AWAY
    return Dress(shown, eases, next(element.iter(*_HEADINGS), None) is not None)


def _is_apart(element: HtmlElement) -> bool:
    """Whether it stands below the block that holds the headline and most paragraphs around it."""
    parent = element.getparent()
    if parent is None:
        return False
    beside = sum(1 for one in parent if one.tag == "p")
    return any(
        one.tag in ("div", "article", "section", "main")
        and next(one.iter("h1"), None) is not None
        and sum(1 for _ in islice(one.iter("p"), beside + 1)) > beside
        for one in islice(element.itersiblings(preceding=True), _MAX_AROUND)
    )


def _is_boxed(element: HtmlElement, siblings: dict[HtmlElement, Counter[str]]) -> bool:
    """Whether it is beside the text, between two rules, or the only <div> among paragraphs."""
    if any(one.tag == "aside" for one in (element, *islice(element.iterancestors(), _MAX_AROUND))):
        return True
    above, below = element.getprevious(), element.getnext()
    if above is not None and below is not None and above.tag == below.tag == "hr":
        return True
    parent = element.getparent()
    if element.tag != "div" or parent is None:
        return False
    if parent not in siblings:
        siblings[parent] = Counter(one.tag for one in parent if isinstance(one.tag, str))
    return siblings[parent]["div"] == 1 and siblings[parent]["p"] >= _MIN_PARAGRAPHS


def _share(element: HtmlElement, tags: frozenset[str]) -> int:
    """How many characters of the element are within such tags, or within links beside them."""
    parts = [one for one in element.iter(*tags, "a") if not any(above.tag in tags for above in one.iterancestors())]
    if all(one.tag == "a" for one in parts):
        return 0
    return sum(len(line_of(one)) + 1 for one in parts if one.tag in tags or one.getparent() is element)


def _leads_away(href: str, url: str) -> bool:
    if href.lower().startswith("mailto:"):
        return True
    try:
        host, own = urlsplit(href).hostname, urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host and own) and _site(host or "") != _site(own or "")


def _site(host: str) -> str:
    return ".".join(host.lower().split(".")[-2:])
