"""Normalises a page's tree for an extractor: content that browsers show alike gets the same markup. Changes the tree.

Hidden content is removed, and elements shown as blocks become blocks; so do layout tables and custom elements. Article
content in <noscript> or <aside> is moved out, and consent boxes are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml.html import HtmlElement

from pipeline.extraction.marks import Marks, is_own
from pipeline.extraction.places import above, is_named_beside, remove
from pipeline.extraction.preformatted import prose_of
from pipeline.extraction.shown import blocks_as_shown, drop_hidden
from pipeline.extraction.values import line_of
from pipeline.text.boilerplate import is_boilerplate

_BLOCKS = frozenset(
    {
        "p",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "ul",
        "ol",
        "table",
        "section",
        "article",
        "blockquote",
        "form",
        "figure",
        "pre",
    }
)
_TABLE_PARTS = frozenset({"table", "tbody", "thead", "tfoot", "tr", "td", "center"})
_LONG_CELL = 200
_MIN_PARAGRAPH = 60
_MIN_ASIDE = 40
_MAX_LINKED = 0.3
_MAY_ASK = frozenset({"div", "section", "aside", "form", "dialog", "footer"})
_SCRIPT_NOTICE = re.compile(r"java\s?script|جافا\s?سكر|جاوا\s?اسکر|ג.אווה", re.IGNORECASE)


def reshape(tree: HtmlElement, marks: Marks) -> None:
    """Normalise the tree. ``marks``: its marked elements."""
    _drop_consent(marks.consent)
    drop_hidden(tree, marks.hidden)
    blocks_as_shown(marks.blocks)
    _open_noscript(tree)
    for element in list(tree.iter("pre")):
        prose_of(element)
    _tables_to_blocks(tree)
    _own_elements_to_blocks(marks.own)
    _open_asides(tree)


def _drop_consent(marked: Iterable[HtmlElement]) -> None:
    for element in marked:
        if element.tag in _MAY_ASK and next(element.iter("h1", "article", "main"), None) is None:
            remove(element)


def _open_noscript(tree: HtmlElement) -> None:
    """What a page shows to readers without scripts is its article, if it is paragraphs and no notice."""
    for element in list(tree.iter("noscript")):
        paragraphs = [line for block in element.iter("p") if len(line := line_of(block)) >= _MIN_PARAGRAPH]
        if paragraphs and not any(_SCRIPT_NOTICE.search(line) or is_boilerplate(line) for line in paragraphs):
            element.tag = "div"


def _tables_to_blocks(tree: HtmlElement) -> None:
    tables = [table for table in tree.iter("table") if _is_layout(table)]
    for table in tables:
        _drop_side_cells(table)
        for part in list(_own_parts(table)):
            part.tag = "div"
    for element in list(tree.iter("center")):
        element.tag = "div"


def _drop_side_cells(table: HtmlElement) -> None:
    """Columns of a menu or of notes beside a column of text."""
    for row in [part for part in _own_parts(table) if part.tag == "tr" and len(part) > 1]:
        sizes = {cell: 0 if _holds_headline(cell) else len(line_of(cell)) for cell in row}
        if any(size > _LONG_CELL for size in sizes.values()) or any(_holds_headline(cell) for cell in row):
            for cell, size in sizes.items():
                if 0 < size < _MIN_PARAGRAPH or (size and _is_menu(cell, size)):
                    cell.drop_tree()


def _is_menu(cell: HtmlElement, size: int) -> bool:
    """Whether a cell holds several links and little else."""
    links = [line_of(link) for link in cell.iter("a")]
    return len(links) > 1 and sum(map(len, links)) * 2 > size and not _holds_headline(cell)


def _holds_headline(cell: HtmlElement) -> bool:
    return next(cell.iter("h1"), None) is not None


def _is_layout(table: HtmlElement) -> bool:
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if next(table.iter("th", "caption"), None) is not None and next(table.iter("h1"), None) is None:
        return False
    if len(list(table.iter("table"))) > 1:
        return True
    if next(table.iter("h1", "article", "form"), None) is not None:
        return True
    for cell in table.iter("td"):
        if next(cell.iter("p", "div", "br"), None) is not None and len(line_of(cell)) > _LONG_CELL:
            return True
    rows = list(table.iter("tr"))
    return bool(rows) and all(len(row) <= 1 or sum(1 for cell in row if line_of(cell)) <= 1 for row in rows)


def _own_parts(table: HtmlElement) -> Iterator[HtmlElement]:
    """The table with its rows and cells, but not those of tables within it."""
    yield table
    stack = list(table)
    while stack:
        part = stack.pop()
        if part.tag in _TABLE_PARTS and part.tag != "table":
            yield part
            stack.extend(part)


def _own_elements_to_blocks(own: Iterable[HtmlElement]) -> None:
    """<story-body> is a block, and <story-par> within it a paragraph; a word in an element of its own is none."""
    for element in own:
        if any(child.tag in _BLOCKS or is_own(child.tag) for child in element):
            element.tag = "div"
        elif len(line_of(element)) >= _MIN_PARAGRAPH and not _within_text(element):
            element.tag = "p"
        else:
            element.tag = "span"


def _within_text(element: HtmlElement) -> bool:
    parent = element.getparent()
    return parent is not None and (
        parent.tag in ("p", "li", "span", "a")
        or bool((parent.text or "").strip())
        or bool((element.tail or "").strip())
    )


def _open_asides(tree: HtmlElement) -> None:
    """An <aside> that is the article, or a box of facts within it, is a block; one of links and other articles is not."""
    asides = [
        aside for aside in tree.iter("aside") if not any(one.tag == "aside" for one in above(aside) if one is not aside)
    ]
    if not asides:
        return
    outside = sum(
        len(line)
        for block in tree.iter("p")
        if len(line := line_of(block)) >= _MIN_PARAGRAPH and not any(one.tag == "aside" for one in above(block))
    )
    for aside in asides:
        text = sum(len(line) for block in aside.iter("p") if len(line := line_of(block)) >= _MIN_ASIDE)
        if (
            next(aside.iter("h1"), None) is not None
            or (text > outside and text > _LONG_CELL)
            or _is_of_the_article(aside, text)
        ):
            aside.tag = "div"


def _is_of_the_article(aside: HtmlElement, text: int) -> bool:
    if text < _MIN_ASIDE or is_named_beside(aside):
        return False
    whole = len(line_of(aside))
    linked = sum(len(line_of(link)) for link in aside.iter("a"))
    inside = any(one.tag == "article" for one in above(aside))
    return inside and linked <= whole * _MAX_LINKED and text * 2 > whole
