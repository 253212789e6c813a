"""Prepares a tree's texts for an extractor: joins source lines, and temporarily replaces letters that it would drop.

trafilatura leaves out every character that Python does not call printable: the joiners that Persian and Indic words
need, private characters of fonts, letters newer than Python's Unicode. Before it runs, each of these is replaced by a
letter that the page does not use; afterwards they are restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set

from lxml.html import HtmlElement

from pipeline.extraction.places import remove
from pipeline.text.characters import is_unusable

# A block of letters that hardly any page has (Vai). Those that a page uses are left out.
_POOL = [chr(code) for code in range(0xA500, 0xA60C)]
_POOLED = re.compile("[\ua500-\ua60b]")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_KEEPS_LINES = ("pre", "textarea", "code", "listing", "xmp")
_MIN_PARAGRAPH = 60
# Of these trafilatura drops those without any text, but only after it has copied and tested each of them several times.
_MAY_BE_EMPTY = frozenset(
    {
        "div",
        "span",
        "i",
        "b",
        "em",
        "strong",
        "p",
        "li",
        "section",
        "article",
        "main",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    }
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def stand_in(tree: HtmlElement, as_written: Iterable[HtmlElement]) -> Mapping[str, str]:
    """Prepare the tree's texts in one pass. Returns stand-in → letter, for ``put_back``.

    ``as_written``: elements whose style shows the line ends of the source; so does <pre>.
    """
    kept = {inner for outer in (*as_written, *tree.iter(*_KEEPS_LINES)) for inner in outer.iter()}
    empty: list[HtmlElement] = []
    found: list[tuple[HtmlElement, bool, str]] = []
    letters: set[str] = set()
    used: set[str] = set()
    for element in tree.iter():
        text, tail = element.text, element.tail
        if text is None:
            if element.tag in _MAY_BE_EMPTY and not len(element):
                empty.append(element)
        elif isinstance(element.tag, str):
            if "\n" in text and not text.isspace() and element not in kept:
                text = element.text = _settable(_one_line(text))
            if not text.isascii() and _note(text, letters, used):
                found.append((element, False, text))
        if tail is not None:
            if "\n" in tail and not tail.isspace() and element.getparent() not in kept:
                tail = element.tail = _settable(_one_line(tail))
            if not tail.isascii() and _note(tail, letters, used):
                found.append((element, True, tail))
    standing = _replaced(found, letters, used) if letters else {}
    for element in empty:
        remove(element)
    return standing


def _settable(text: str) -> str:
    """``text`` without controls, which character references may bring into a tree and lxml refuses to take back."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def _one_line(text: str) -> str:
    """Line ends in the source are shown as spaces."""
    parts = _BLANK_LINE.split(text)
    if len(parts) > 1 and all(len(part.strip()) >= _MIN_PARAGRAPH for part in parts):
        # Paragraphs of a text that a style shows as it is written.
        return "\n".join(_SPACE.sub(" ", part) for part in parts)
    return _SPACE.sub(" ", text)


def _replaced(found: Iterable[tuple[HtmlElement, bool, str]], letters: Set[str], used: Set[str]) -> Mapping[str, str]:
    free = (one for one in _POOL if one not in used)
    table = dict(zip(sorted(letters), free, strict=False))
    translation = str.maketrans(table)
    for element, is_tail, text in found:
        if is_tail:
            element.tail = _settable(text.translate(translation))
        else:
            element.text = _settable(text.translate(translation))
    return {standing: letter for letter, standing in table.items()}


def _note(text: str, letters: set[str], used: set[str]) -> bool:
    """Whether the text contains letters that would be lost."""
    if text.isprintable() and not _POOLED.search(text):
        return False
    used.update(_POOLED.findall(text))
    lost = {char for char in text if not char.isprintable() and not char.isspace() and not is_unusable(char)}
    letters |= lost
    return bool(lost)


def put_back(text: str, standing: Mapping[str, str]) -> str:
    """The text with its own letters."""
    if not standing:
        return text
    return "".join(standing.get(char, char) for char in text)
