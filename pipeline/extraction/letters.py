"""Letters that an extractor would drop, kept by standing in for them while it works.

trafilatura leaves out every character that Python does not call printable: the joiners that Persian and Indic words need,
private characters of fonts, letters newer than Python's Unicode. Before it runs, each of them in the tree is replaced by a
letter that the page does not use; afterwards they are put back.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml.html import HtmlElement

from pipeline.text.characters import is_unusable

# A block of letters that hardly any page has (Vai). Those that a page uses are left out.
_POOL = [chr(code) for code in range(0xA500, 0xA60C)]


def stand_in(tree: HtmlElement) -> Mapping[str, str]:
    """Replace what would be lost in the tree's texts. Returns stand-in → letter, for ``put_back``."""
    found: list[tuple[HtmlElement, bool, str]] = []
    letters: set[str] = set()
    used: set[str] = set()
    for element in tree.iter():
        if not isinstance(element.tag, str) or element.tag in ("script", "style"):
            tail = element.tail
            if tail and not tail.isascii():
                _note(element, True, tail, found, letters, used)
            continue
        if (text := element.text) and not text.isascii():
            _note(element, False, text, found, letters, used)
        if (tail := element.tail) and not tail.isascii():
            _note(element, True, tail, found, letters, used)
    if not letters:
        return {}
    free = (one for one in _POOL if one not in used)
    table = dict(zip(sorted(letters), free, strict=False))
    translation = str.maketrans(table)
    for element, is_tail, text in found:
        if is_tail:
            element.tail = text.translate(translation)
        else:
            element.text = text.translate(translation)
    return {standing: letter for letter, standing in table.items()}


def _note(
    element: HtmlElement,
    is_tail: bool,
    text: str,
    found: list[tuple[HtmlElement, bool, str]],
    letters: set[str],
    used: set[str],
) -> None:
    if any("\ua500" <= char <= "\ua60b" for char in text):
        used.update(text)
    if text.isprintable():
        return
    lost = {char for char in text if not char.isprintable() and not char.isspace() and not is_unusable(char)}
    if lost:
        letters |= lost
        found.append((element, is_tail, text))


def put_back(text: str, standing: Mapping[str, str]) -> str:
    """The text with its own letters."""
    if not standing:
        return text
    return "".join(standing.get(char, char) for char in text)
