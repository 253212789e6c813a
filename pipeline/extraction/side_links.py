"""Links to other articles among an article's paragraphs: lists of them, and blocks that are a label and links.

A block is one if all its words are links', but for a label such as "Read also" or short notes beside the links (an age, a
number). A paragraph that is one long link without a label, marked up as its neighbours are, stays: a document is quoted so.
"""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from pipeline.extraction.values import words_of
from pipeline.text.boilerplate import is_label
from pipeline.text.characters import folded

_MAX_LABEL_CHARS = 30
_MAX_NOTE_CHARS = 24
_MAX_BLOCK_CHARS = 600
_LONG_LINK_CHARS = 70
_PERIOD_END = re.compile(r"[.。۔।:;,]['\"”’»)\]]*$")
_LABEL_END = re.compile(r"(?:[:：?|→>–-]|\.\.+|…)\s*$")


def drop_side_links(tree: HtmlElement) -> None:
    """Remove lists whose every entry is a link, and blocks that are links after at most a short label."""
    for listing in list(tree.iter("ul", "ol")):
        entries = [entry for entry in listing if entry.tag == "li"]
        if len(entries) >= 2 and all(_is_link(entry, noted=True) for entry in entries):
            _remove(listing)
    for block in list(tree.iter("p", "div", "section", "blockquote", "h2", "h3", "h4", "h5")):
        if block.tag == "p":
            if _is_link(block) or _is_labelled(block):
                _remove(block)
        elif len(block) <= 12 and next(block.iter("a"), None) is not None and _is_labelled(block):
            _remove(block)


def _is_link(block: HtmlElement, *, noted: bool = False) -> bool:
    links = list(block.iter("a"))
    if len(links) != 1:
        return False
    link = words_of(links[0])
    whole = words_of(block)
    if not link or not whole or _PERIOD_END.search(whole):
        return False
    if whole.endswith(link):
        label = whole.removesuffix(link).rstrip()
        if not label:
            return noted or len(link) < _LONG_LINK_CHARS or _is_styled(block)
        return len(label) <= _MAX_LABEL_CHARS and (
            label.endswith((":", "?", "|", "→", ">", "–", "-")) or is_label(label)
        )
    # An age or a number of comments behind a link of a list.
    rest = whole.replace(link, "", 1).strip()
    return noted and len(rest) <= _MAX_NOTE_CHARS and any(char.isdigit() for char in rest)


def _is_styled(block: HtmlElement) -> bool:
    """Whether the link is dressed otherwise than text: in bold, or in a paragraph of a class of its own."""
    if next(block.iter("strong", "b", "em", "i", "img"), None) is not None:
        return True
    parent = block.getparent()
    alike = (
        [one for one in parent if one.tag == block.tag and one.get("class") == block.get("class")]
        if parent is not None
        else []
    )
    return len(alike) < 3


def _is_labelled(block: HtmlElement) -> bool:
    """Whether a block is a label that announces other articles, and links (or the label alone is one)."""
    links = [link for link in block.iter("a") if words_of(link, _MAX_BLOCK_CHARS)]
    if not links:
        return False
    whole = words_of(block, _MAX_BLOCK_CHARS)
    if not whole:
        return False
    linked = " ".join(words_of(link) for link in links)
    outside = _outside(block)
    if not outside:
        # One link that begins with a label of its own: <a><b>Related</b><span>Headline</span></a>
        return len(links) == 1 and _begins_with_label(links[0])
    label = outside.strip()
    if len(label) > _MAX_LABEL_CHARS + 10 or not folded(linked):
        return False
    return (is_label(label) and not _PERIOD_END.search(linked.rstrip(":"))) or (
        len(links) > 1
        and _LABEL_END.search(label) is not None
        and len(label) <= _MAX_LABEL_CHARS
        and not _PERIOD_END.search(linked)
        and _starts_with(block, label)
    )


def _starts_with(block: HtmlElement, label: str) -> bool:
    return folded(words_of(block)).startswith(folded(label))


def _outside(block: HtmlElement) -> str:
    """The words of a block that are not in its links."""
    parts: list[str] = []

    def walk(element: HtmlElement) -> None:
        parts.append(element.text or "")
        for child in element:
            if child.tag != "a" and isinstance(child.tag, str) and child.tag not in ("script", "style"):
                parts.append(" ")
                walk(child)
            parts.append(" ")
            parts.append(child.tail or "")

    walk(block)
    return " ".join("".join(parts).split())


def _begins_with_label(link: HtmlElement) -> bool:
    first = next((words_of(child, _MAX_LABEL_CHARS) for child in link if isinstance(child.tag, str)), "")
    return bool(first) and is_label(first) and len(words_of(link)) > len(first) + 5


def _remove(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()
