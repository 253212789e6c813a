"""Removes lines that call on the reader and stand among an article's paragraphs: to subscribe, follow, share, write, read on.

A line is removed if the odds of its words (``pipeline.text.page_words``) reach what its evidence asks for. Words alone need
most; what also is dressed as something else than text (all in italics, all bold, one link), leads to another site or a mail
address, or stands below the last paragraph, needs less. A line within quotation marks is somebody's words, and one that only
asks a question may be an interview's: they stay, whatever their words. Evidence is of the line and of its place; no phrase
and no outlet is known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.extraction.partial import is_short, surely_offers
from pipeline.extraction.values import line_of
from pipeline.text.characters import folded
from pipeline.text.page_words import LEAST, MAX_CALL_CHARS, is_call, page_odds

_ITALIC, _BOLD, _LINK, _AWAY, _LAST = 40, 20, 30, 35, 15
"""How much less is needed if the line is all in italics or small letters, all bold, or one link; leads away; is last."""
_NAMED = 45
"""A last line with a full name in it may say who reported and edited: what is written as a name does not count then."""
_ALL = _ITALIC + _LINK + _AWAY + _LAST + _NAMED
_NO_END_CHARS = 40
"""A line of as many characters that stays is a paragraph: what is above it is not at the end."""

_SENTENCE_END = re.compile(r"[.!?。।۔]$")
_ITALICS = frozenset({"em", "i", "small", "cite"})
_BOLDS = frozenset({"b", "strong"})
_BULLET = re.compile(r"^[-•–▪■►*]\s+")
_MAX_AROUND = 5
_NEARLY_ALL = 0.9
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


class Dress(NamedTuple):
    """How the page shows a line: how much less its words need to say, and whether it is a heading."""

    eased: int = 0
    heading: bool = False


def without_calls(lines: Sequence[str], tree: HtmlElement, url: str) -> list[str]:
    """The lines (paragraphs of one line each) without those that call on the reader, in order.

    ``tree`` is the page that they were taken from, ``url`` its address. A removed line reached, by its own words, the odds that
    its own dress and place ask for. Removing again changes nothing.
    """
    kept: list[str] = []
    at_end = True
    for line in reversed(lines):
        # What makes a text partial is left to ``partial``, which marks the text so.
        if _is_call(line, at_end, tree, url) and not (at_end and is_short("\n".join(lines)) and surely_offers(line)):
            continue
        kept.append(line)
        at_end = at_end and len(line) < _NO_END_CHARS
    return kept[::-1]


def _is_call(line: str, at_end: bool, tree: HtmlElement, url: str) -> bool:
    if len(line) > MAX_CALL_CHARS:
        return False
    odds, eased = page_odds(folded(line)), _LAST if at_end else 0
    if at_end and odds.mean < LEAST and not _SENTENCE_END.search(line) and (unnamed := _without_names(line)):
        odds, eased = page_odds(folded(unnamed)), eased + _NAMED
    if is_call(line, odds, eased):
        return True
    if not is_call(line, odds, _ALL):
        return False  # no dress would do
    dress = _dress_of(tree, _BULLET.sub("", line), url)
    return not dress.heading and is_call(line, odds, eased + dress.eased)


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


def _dress_of(tree: HtmlElement, line: str, url: str) -> Dress:
    """The most that any place of the page at which the line stands alone says of it."""
    begin = line[: max(3, len(line) // 8)].split(" ", 1)[0]
    best = Dress()
    for element in tree.iter():
        if not isinstance(element.tag, str) or not element.text or begin not in element.text:
            continue
        around = element
        for around in (element, *islice(element.iterancestors(), _MAX_AROUND)):
            if line_of(around, len(line) + 8) == line:
                break
        else:
            continue
        dress = _dress(around, line, url)
        if dress.heading:
            return dress
        best = max(best, dress)
    return best


def _dress(element: HtmlElement, line: str, url: str) -> Dress:
    tags = {element.tag}
    for around in islice(element.iterancestors(), _MAX_AROUND):
        if line_of(around, len(line) + 8) != line:
            break
        tags.add(around.tag)
    links = list(element.iter("a")) or ([element] if element.tag == "a" else [])
    enough = len(line) * _NEARLY_ALL
    eases = 0
    if tags & _ITALICS or _share(element, _ITALICS) >= enough:
        eases += _ITALIC
    elif tags & _BOLDS or _share(element, _BOLDS) >= enough:
        eases += _BOLD
    if "a" in tags or sum(len(line_of(link)) for link in links) >= enough:
        eases += _LINK
    if any(_leads_away(link.get("href") or "", url) for link in links):
        eases += _AWAY
    return Dress(eases, bool(tags & _HEADINGS))


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
