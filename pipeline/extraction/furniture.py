"""Removes from a page what stands around its article: dialogs, captions, teasers, boxes named for what they hold, and what is
before the headline.
"""

from __future__ import annotations

import itertools
import re

from lxml.html import HtmlElement

from pipeline.extraction.bylines import names_a_picture
from pipeline.extraction.marks import Marks
from pipeline.extraction.places import is_teaser, remove
from pipeline.extraction.values import line_of, words_of
from pipeline.text.characters import folded

_MAX_LEAD_CHARS = 700
_MAX_NAMED_CHARS = 3_000
_MAX_IN_A_PICTURE_BOX, _MAX_CAPTION_CHARS = 5, 240
_PERIOD_END = re.compile(r"[.。।۔:;,]['\"”’»)\]]*$")
_MAX_AROUND, _MAX_NOTES_CHARS = 12, 120
_MAX_BREADCRUMB_CHARS = 300
_MAX_NOTE_BOX_CHARS = 500
_MAY_OFFER = frozenset({"div", "section", "aside", "form", "p", "blockquote", "ul"})
_LISTED = frozenset({"dialog", "div", "section", "ul", "ol"})
_BEFORE_TAGS = frozenset(
    {"div", "p", "span", "ul", "ol", "section", "header", "center", "b", "strong", "a", "h2", "h3", "h4", "h5"}
)


def drop_furniture(tree: HtmlElement, marks: Marks) -> None:
    """Remove dialogs, breadcrumbs and captions, which are not part of the article's text."""
    for element in list(tree.iter("figcaption", "nav")):
        remove(element)
    _drop_captions(tree)
    _drop_teasers(tree)
    for element in (*tree.iter("dialog"), *marks.dialogs):
        # An article may be shown in one.
        if element.tag in _LISTED and next(element.iter("h1"), None) is None:
            remove(element)
    for element in marks.notes:
        if next(element.iter("h1", "time"), None) is None and line_of(element, _MAX_NOTE_BOX_CHARS):
            remove(element)
    _drop_boxes(tree, marks)
    for element in marks.breadcrumbs:
        if element.tag in _LISTED and line_of(element, _MAX_BREADCRUMB_CHARS):
            remove(element)  # a longer one is a page "with breadcrumbs"


def _drop_captions(tree: HtmlElement) -> None:
    """Remove a picture's box of which all words are a caption with its credit: "…1911. Photo: Ann Keel"."""
    for picture in list(tree.iter("img", "picture")):
        box = picture.getparent()
        if box is None or box.tag not in ("div", "p", "span", "a") or len(box) > _MAX_IN_A_PICTURE_BOX:
            continue
        words = line_of(box, _MAX_CAPTION_CHARS)
        if words and names_a_picture(words):
            remove(box)


def _drop_teasers(tree: HtmlElement) -> None:
    """Remove other articles' teasers from a page whose own text is longer: else they may be what it is about."""
    teasers = {
        one: words for one in tree.iter("article") if is_teaser(one) and (words := line_of(one, _MAX_NOTE_BOX_CHARS))
    }
    if not teasers:
        return
    inside = frozenset(paragraph for one in teasers for paragraph in one.iter("p"))
    around = sum(len(line_of(one)) for one in tree.iter("p") if one not in inside)
    if around > sum(map(len, teasers.values())):
        for one in teasers:
            remove(one)


def _drop_boxes(tree: HtmlElement, marks: Marks) -> None:
    """Remove boxes that offer a newsletter or ask for a gift, and those whose names say that they are no text: a player,
    comments, buttons to share. One that holds more than half of what stands around it is the article.
    """
    boxes = {
        box: words
        for box, most in (
            *((box, _MAX_NOTE_BOX_CHARS) for box in marks.sign_ups),
            *((box, _MAX_NAMED_CHARS) for box in marks.beside),
        )
        if box.tag in _MAY_OFFER and next(box.iter("h1"), None) is None and (words := line_of(box, most))
    }
    if not boxes:
        return
    around = sum(len(line_of(block)) for block in tree.iter("p"))
    for box, words in boxes.items():
        if len(words) * 2 <= around:
            remove(box)


def drop_before(tree: HtmlElement, title: str) -> None:
    """Remove menus, kickers and notes before the headline: on a page of plain blocks, an extractor treats them as text."""
    wanted = folded(title)
    heading = next((one for one in tree.iter("h1") if folded(words_of(one, _MAX_LEAD_CHARS)) == wanted), None)
    if heading is None or not wanted:
        return
    for around in (heading, *itertools.islice(heading.iterancestors(), _MAX_AROUND)):
        for block in list(around.itersiblings(preceding=True)):
            if block.tag in _BEFORE_TAGS and _is_furniture(block):
                remove(block)


def _is_furniture(block: HtmlElement) -> bool:
    words = line_of(block)
    if len(words) <= _MAX_NOTES_CHARS and not _PERIOD_END.search(words):
        return True
    linked = sum(len(line_of(link)) for link in block.iter("a"))
    return linked * 2 > len(words)
