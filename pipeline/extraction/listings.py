"""Recognises pages that list other articles instead of being one: a section's, a tag's, results of a search."""

from __future__ import annotations

from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.extraction.facts import PageFacts
from pipeline.extraction.values import line_of, words_of
from pipeline.extraction.walls import is_headline

_LEAST_TEASERS, _MOST_HEADINGS = 3, 200
_MIN_INSIDE, _MAX_AROUND, _NEARLY_ALL = 100, 100, 0.8
_CLAIMS = frozenset({"json_ld", "meta", "microdata"})


def lists_others(tree: HtmlElement, facts: PageFacts, url: str) -> bool:
    """Whether the page's paragraphs stand below headings that lead to other pages, each of them below one, and hardly any
    elsewhere.

    A page whose data claim an article, or a date or author of one, is no list; nor is a round-up: its headline has the words
    of one, and what it lists has no dates of its own.
    """
    if facts.article_claimed or any(claim.names for claim in facts.authors):
        return False
    if any(claim.origin in _CLAIMS for claim in facts.published):
        return False
    headings = [
        heading
        for number, heading in enumerate(tree.iter("h2", "h3", "h4"))
        if number < _MOST_HEADINGS and _leads_elsewhere(heading, url)
    ]
    if len(headings) < _LEAST_TEASERS:
        return False
    holds: dict[HtmlElement, int] = {}
    for heading in headings:
        for around in heading.iterancestors():
            holds[around] = holds.get(around, 0) + 1
    inside: set[HtmlElement] = set()
    dated = 0
    for heading in headings:
        teaser = heading
        for around in heading.iterancestors():
            if holds[around] > 1:
                break
            teaser = around
        inside.update(teaser.iter("p"))
        dated += next(teaser.iter("time"), None) is not None
    top = next(tree.iter("h1"), None)
    if top is not None and is_headline(words_of(top)) and dated < len(headings):
        return False
    sizes = {block: len(line_of(block)) for block in tree.iter("p")}
    within = sum(size for block, size in sizes.items() if block in inside)
    return within >= _MIN_INSIDE and sum(sizes.values()) - within <= _MAX_AROUND


def _leads_elsewhere(heading: HtmlElement, url: str) -> bool:
    """Whether nearly all of a heading is a link to a page that is not this one or below it."""
    link = next(heading.iter("a"), None)
    if link is None:
        link = next((one for one in heading.iterancestors() if one.tag == "a"), None)
    elif len(line_of(link)) < _NEARLY_ALL * len(line_of(heading)):
        return False
    if link is None:
        return False
    address = (link.get("href") or "#").strip()
    try:
        own, other = urlsplit(url).path.rstrip("/"), urlsplit(address)
    except ValueError:
        return False
    return not address.startswith(("#", "?", "javascript:")) and not (own and other.path.startswith(own))
