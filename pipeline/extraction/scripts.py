"""Article texts in the data from which a script builds its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.html import fromstring

from pipeline.extraction.places import remove
from pipeline.extraction.values import line_of
from pipeline.text.characters import normal_line

_MAX_SCRIPT_CHARS = 4_000_000
_MIN_SCRIPT_BODY_CHARS = 150
_MIN_SCRIPT_PARAGRAPH_CHARS, _MIN_SCRIPT_PARAGRAPHS = 60, 2
# A paragraph in an element of a list of the article's parts: {"type": "text", "content": "…"}.
_JSON_PARAGRAPH = re.compile(r'"(?:content|text|value|html|paragraph|body)"\s{0,4}:\s{0,4}("(?:[^"\\]|\\.)*+")')
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_CAPTION = re.compile(r"caption", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。！？؟۔।]['\"”’»)\]]*$")


def articles_in(scripts: list[str]) -> Iterator[str]:
    """Yield article texts found as markup in the strings of scripts, for pages that are built in the browser."""
    budget = _MAX_SCRIPT_CHARS
    for script in scripts:
        budget -= len(script)
        if budget < 0:
            return
        if _holds_paragraphs(script):
            for found in _JSON_STRING.finditer(script):
                if len(found[0]) >= _MIN_SCRIPT_BODY_CHARS and _holds_paragraphs(found[0]):
                    yield _paragraphs_of(_decoded(found[0]))
        # A text is never longer than what stands for it.
        texts = (
            _decoded(found[1])
            for found in _JSON_PARAGRAPH.finditer(script)
            if len(found[1]) > _MIN_SCRIPT_PARAGRAPH_CHARS and "<" not in found[1]
        )
        parts = [
            text
            for text in texts
            if len(text) >= _MIN_SCRIPT_PARAGRAPH_CHARS and " " in text and _SENTENCE_END.search(text)
        ]
        if len(parts) >= _MIN_SCRIPT_PARAGRAPHS:
            yield "\n".join(normal_line(one) for one in parts)


def _holds_paragraphs(data: str) -> bool:
    return "<p" in data or "u003cp" in data.lower()


def _decoded(literal: str) -> str:
    try:
        value: Any = json.loads(literal, strict=False)
        # Data within data: the string is JSON itself, or a line of it.
        if isinstance(value, str) and "<p" not in value and "u003cp" in value.lower():
            value = json.loads(f'"{value}"', strict=False)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _paragraphs_of(markup: str) -> str:
    if "<p" not in markup:
        return ""
    tree = fromstring(f"<div>{markup}</div>")
    for element in list(tree.iter("figcaption", "div")):
        if element.tag == "figcaption" or _CAPTION.search(element.get("class") or ""):
            remove(element)
    return "\n".join(line for block in tree.iter("p", "h2", "h3", "li") if (line := normal_line(line_of(block))))
