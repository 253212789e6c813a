"""One look at a page's elements for those whose markup says that they hold an author or a date.

A page has thousands of elements and few different names of classes, so each name is judged once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml.html import HtmlElement

_MAX_ELEMENTS = 80
_AUTHOR_NAME = re.compile(
    r"author|byline|writer|reporter|autor|auteur|journalist|verfasser|contributor|yazar|muhabir|redakt", re.IGNORECASE
)
_DATE_NAME = re.compile(r"date|time|publish|posted|modified|updated|tarih|fecha|datum|pubd|entry-meta", re.IGNORECASE)
_AUTHOR_PROPERTY = re.compile(r"author|creator", re.IGNORECASE)
_DATE_PROPERTY = re.compile(r"date|issued|_time", re.IGNORECASE)
AUTHOR_PATH = re.compile(
    r"/(?:authors?|writers?|reporters?|autor(?:es|en|i)?|auteurs?|journalist[aes]?|yazar(?:lar)?|staff|by|contributors?|redakteure?)"
    r"/[^/?#]"
)


@dataclass(slots=True)
class Marks:
    """Elements in the order of the page, not judged further: their names may say something else."""

    authors: list[HtmlElement] = field(default_factory=list)
    dates: list[HtmlElement] = field(default_factory=list)
    author_links: list[HtmlElement] = field(default_factory=list)


_AUTHOR, _DATE = 1, 2
_NAMES = frozenset({"class", "id", "data-testid"})
_PROPERTIES = frozenset({"itemprop", "property"})


def marks_of(tree: HtmlElement) -> Marks:
    """The elements that may hold an author or a date by their markup."""
    found = Marks()
    judged: dict[tuple[str, str], int] = {}
    for element in tree.iter():
        signs = 0
        for pair in element.items():
            known = judged.get(pair)
            if known is None:
                known = judged[pair] = _judge(*pair)
            signs |= known
        tag = element.tag
        if signs & _AUTHOR:
            found.authors.append(element)
        if signs & _DATE or tag == "time" or (tag == "abbr" and element.get("title") is not None):
            found.dates.append(element)
        if tag == "a" and AUTHOR_PATH.search(element.get("href") or "") is not None:
            found.author_links.append(element)
    del found.authors[_MAX_ELEMENTS:], found.dates[_MAX_ELEMENTS:], found.author_links[_MAX_ELEMENTS:]
    return found


def _judge(name: str, value: str) -> int:
    """What an attribute says of its element."""
    if name in _NAMES:
        author, dated = _AUTHOR_NAME.search(value), _DATE_NAME.search(value)
    elif name in _PROPERTIES:
        author, dated = _AUTHOR_PROPERTY.search(value), _DATE_PROPERTY.search(value)
    elif name == "rel":
        return _AUTHOR if "author" in value.lower() else 0
    else:
        return _DATE if name == "pubdate" else 0
    return (_AUTHOR if author else 0) | (_DATE if dated else 0)
