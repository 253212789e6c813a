"""One look at a page's elements for those whose markup says that they hold an author or a date.

A page has thousands of elements and few different names of classes, so each name is judged once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml.etree import XPath
from lxml.html import HtmlElement

_MAX_ELEMENTS = 80
_LOOKED_AT = XPath(
    "//*[@class or @id or @itemprop or @property or @rel or @pubdate or @data-testid or self::time or (self::abbr and @title)]"
)
_LINKS = XPath("//a/@href", smart_strings=False)
_LINKED = XPath("//a[@href]")
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


def marks_of(tree: HtmlElement) -> Marks:
    """The elements that may hold an author or a date by their markup."""
    found = Marks()
    judged: dict[str, tuple[bool, bool]] = {}
    for element in _LOOKED_AT(tree):
        get = element.get
        author = dated = False
        for name in (get("class"), get("id"), get("data-testid")):
            if name:
                if name not in judged:
                    judged[name] = (_AUTHOR_NAME.search(name) is not None, _DATE_NAME.search(name) is not None)
                author, dated = author or judged[name][0], dated or judged[name][1]
        for name in (get("itemprop"), get("property")):
            if name:
                author = author or _AUTHOR_PROPERTY.search(name) is not None
                dated = dated or _DATE_PROPERTY.search(name) is not None
        tag = element.tag
        if author or "author" in (get("rel") or "").lower():
            found.authors.append(element)
        if dated or tag == "time" or tag == "abbr" or get("pubdate") is not None:
            found.dates.append(element)
    found.author_links = [
        link
        for link, address in zip(_LINKED(tree), _LINKS(tree), strict=True)
        if AUTHOR_PATH.search(address) is not None
    ][:_MAX_ELEMENTS]
    del found.authors[_MAX_ELEMENTS:], found.dates[_MAX_ELEMENTS:]
    return found
