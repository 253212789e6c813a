"""A page's tree brought into the shape that an extractor expects: what browsers show alike, marked up alike. Changes the tree.

Line ends of the source become spaces, tables that only place things and elements of the outlet's own become blocks, what
stands in <noscript> or <aside> though it belongs to the article comes out, and boxes that ask for consent go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement, defs

from pipeline.extraction.places import BESIDE, above
from pipeline.extraction.values import line_of
from pipeline.text.boilerplate import is_boilerplate

_KNOWN = frozenset(defs.tags) | {
    *(
        "article",
        "aside",
        "audio",
        "bdi",
        "canvas",
        "data",
        "datalist",
        "details",
        "dialog",
        "figcaption",
        "figure",
        "footer",
    ),
    *(
        "header",
        "hgroup",
        "main",
        "mark",
        "meter",
        "nav",
        "output",
        "picture",
        "progress",
        "rp",
        "rt",
        "rtc",
        "rb",
        "ruby",
    ),
    *(
        "search",
        "section",
        "slot",
        "source",
        "summary",
        "svg",
        "template",
        "time",
        "track",
        "video",
        "wbr",
        "embed",
        "noindex",
    ),
    *("nobr", "math", "path", "g", "use", "amp-img", "amp-ad", "amp-embed"),
}
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
_SPACE = re.compile(r"[ \t\r\n\f]+")
_KEEPS_LINES = frozenset({"pre", "textarea", "script", "style", "code", "listing", "xmp"})
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_LONG_CELL = 200
_MIN_PARAGRAPH = 60
_MIN_ASIDE = 40
_MAX_LINKED = 0.3
_SCRIPT_NOTICE = re.compile(r"java\s?script|جافا\s?سكر|جاوا\s?اسکر|ג.אווה", re.IGNORECASE)
CONSENT = re.compile(
    r"(?:^|[\s_-])(?:cmp(?:-?box|-?layer|-?container)?|cookies?(?:-?\w{0,14})?|consent\w{0,14}|gdpr\w{0,10}|onetrust\w{0,20}|didomi\w{0,14}"
    r"|usercentrics\w{0,10}|cybot\w{0,24}|cookiebot|sp_message\w{0,20}|truste\w{0,12}|qc-cmp\w{0,12}|fc-consent\w{0,10}|cky|klaro|osano|iubenda\w{0,12}"
    r"|privacy-?(?:banner|notice|box|layer|popup|overlay|prompt|manager))(?:$|[\s_-])",
    re.IGNORECASE,
)


def reshape(tree: HtmlElement) -> None:
    """Bring the tree into shape."""
    _drop_consent(tree)
    _open_noscript(tree)
    _tables_to_blocks(tree)
    _own_elements_to_blocks(tree)
    _open_asides(tree)
    _join_source_lines(tree)


def _join_source_lines(tree: HtmlElement) -> None:
    """Line ends of the source are spaces to a reader; but not in <pre>, nor where a style shows them."""
    kept: set[HtmlElement] = set()
    for element in tree.iter():
        tag = element.tag
        if not isinstance(tag, str):
            continue
        if tag in _KEEPS_LINES or "white-space" in (element.get("style") or "") or element.getparent() in kept:
            kept.add(element)
        elif (text := element.text) and "\n" in text and not text.isspace():
            element.text = _one_line(text)
        if (tail := element.tail) and "\n" in tail and not tail.isspace() and element.getparent() not in kept:
            element.tail = _one_line(tail)


def _one_line(text: str) -> str:
    parts = _BLANK_LINE.split(text)
    if len(parts) > 1 and all(len(part.strip()) >= _MIN_PARAGRAPH for part in parts):
        # Paragraphs of a text that a style shows as it is written.
        return "\n".join(_SPACE.sub(" ", part) for part in parts)
    return _SPACE.sub(" ", text)


def _drop_consent(tree: HtmlElement) -> None:
    for element in list(tree.iter("div", "section", "aside", "form", "dialog", "footer")):
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if len(name) < 4 or not CONSENT.search(name) or element.getparent() is None:
            continue
        if next(element.iter("h1", "article", "main"), None) is None and element.tag != "body":
            element.drop_tree()


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
                if 0 < size < _MIN_PARAGRAPH:
                    cell.drop_tree()


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
    return bool(rows) and all(len(row) <= 1 for row in rows)


def _own_parts(table: HtmlElement) -> Iterator[HtmlElement]:
    """The table with its rows and cells, but not those of tables within it."""
    yield table
    stack = list(table)
    while stack:
        part = stack.pop()
        if part.tag in _TABLE_PARTS and part.tag != "table":
            yield part
            stack.extend(part)


def _own_elements_to_blocks(tree: HtmlElement) -> None:
    """<story-body> is a block, and <story-par> within it a paragraph; a word in an element of its own is none."""
    for element in tree.iter():
        tag = element.tag
        if not isinstance(tag, str) or tag in _KNOWN or ":" in tag:
            continue
        if any(child.tag in _BLOCKS or child.tag not in _KNOWN for child in element if isinstance(child.tag, str)):
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
    name = f"{aside.get('class') or ''} {aside.get('id') or ''}"
    if text < _MIN_ASIDE or BESIDE.search(name):
        return False
    whole = len(line_of(aside))
    linked = sum(len(line_of(link)) for link in aside.iter("a"))
    inside = any(one.tag == "article" for one in above(aside))
    return inside and linked <= whole * _MAX_LINKED and text * 2 > whole
