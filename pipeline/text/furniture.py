"""What is done to a parsed page before its text is taken: furniture goes, and words stay in one piece.

All functions but ``line_of`` change the tree in place. They are rules for any page: none knows a site.
"""

from __future__ import annotations

import re

from lxml.html import HtmlElement

MAX_LABEL_CHARS = 30
"""A label before a link or a dateline before a paragraph is at most this long, in code points."""

_MAX_BREADCRUMB_CHARS = 300
_PERIOD_END = re.compile(r"[.。।۔:;,]['\"”’»)\]]*$")
_BREADCRUMB = re.compile(r"bread-?crumb", re.IGNORECASE)
_DIALOG_ROLES = frozenset({"dialog", "alertdialog", "navigation"})


def drop_furniture(tree: HtmlElement) -> None:
    """Remove dialogs, breadcrumbs and captions: what a reader sees beside the article, if at all."""
    for element in list(tree.iter("dialog", "figcaption", "nav", "div", "section", "ul", "ol")):
        attributes = element.attrib
        if element.tag in ("figcaption", "nav"):
            remove(element)
        elif (
            element.tag == "dialog" or attributes.get("role") in _DIALOG_ROLES or attributes.get("aria-modal") == "true"
        ):
            if next(element.iter("h1"), None) is None:  # an article may be shown in one
                remove(element)
        elif _BREADCRUMB.search(attributes.get("class") or "") and line_of(element, _MAX_BREADCRUMB_CHARS):
            remove(element)  # a longer one is a page "with breadcrumbs"


def drop_side_links(tree: HtmlElement) -> None:
    """Remove lists whose every entry is a link, and paragraphs that are one link after at most a short label."""
    for listing in list(tree.iter("ul", "ol")):
        entries = [entry for entry in listing if entry.tag == "li"]
        if len(entries) >= 2 and all(_is_link(entry) for entry in entries):
            remove(listing)
    for paragraph in list(tree.iter("p")):
        if _is_link(paragraph):
            remove(paragraph)


def _is_link(block: HtmlElement) -> bool:
    links = list(block.iter("a"))
    if len(links) != 1:
        return False
    link = " ".join("".join(links[0].itertext()).split())
    whole = " ".join("".join(block.itertext()).split())
    if not link or not whole.endswith(link) or _PERIOD_END.search(whole):
        return False
    label = whole.removesuffix(link).rstrip()
    return not label or (len(label) <= MAX_LABEL_CHARS and label.endswith((":", "?", "|", "→", ">", "–", "-")))


def write_out_ruby(tree: HtmlElement) -> None:
    """Make one run of text of a word with its reading, which would fall apart into lines."""
    for ruby in list(tree.iter("ruby")):
        if ruby.getparent() is None:
            continue
        for part in list(ruby.iter("rp")):
            remove(part)
        for reading in list(ruby.iter("rt")):
            if reading.getparent() is None:  # unclosed, it stood in the one before, which has its text now
                continue
            reading.text = f"({''.join(reading.itertext()).strip('()（）')})"
            for child in list(reading):
                reading.remove(child)
            reading.drop_tag()
        for base in list(ruby.iter("rb", "rtc")):
            base.drop_tag()
        ruby.drop_tag()


def remove(element: HtmlElement) -> None:
    """Take the element out with all that it holds; the text after it stays. A root or what is out already is let be."""
    if element.getparent() is not None:
        element.drop_tree()


def line_of(element: HtmlElement, limit: int = 1 << 20) -> str:
    """Write the element's text as one line; "" where it is longer than ``limit``, which is then found out quickly."""
    parts: list[str] = []
    size = 0
    for part in element.itertext():
        parts.append(part)
        size += len(part.strip())
        if size > limit:
            return ""
    return " ".join("".join(parts).split())
