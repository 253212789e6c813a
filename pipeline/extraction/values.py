"""Claims as plain text: values in attributes and data of pages and feeds, without markup, escapes and excess."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml.html import HtmlElement

from core.html_tokens import unescaped
from pipeline.text.characters import folded, normal_line, normal_text

MAX_VALUE_CHARS = 2_000
MAX_ELEMENT_CHARS = 4_000

_UNESCAPES = 3  # "&amp;amp;quot;" occurs in practice, deeper escaping does not
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_BREAKING_TAG = re.compile(
    r"</?\s{0,9}(?:p|br|div|li|ul|ol|h[1-6]|blockquote|tr|section)\b[^<>]{0,500}>", re.IGNORECASE
)
# What a WordPress shortcode encloses is text, or a caption with its picture.
_CAPTIONED = re.compile(r"\[(caption|gallery|audio|video|embed)\b[^\[\]]{0,500}\].{0,2000}?\[/\1\]", re.DOTALL)
_SHORTCODE = re.compile(
    r"\[/?[a-z][a-z0-9_-]{2,30}(?:\s+[a-z_-]{1,30}=(?:\"[^\"]{0,300}\"|'[^']{0,300}'|[^\s\]]{1,300}))*\s*/?\]"
)
_LOOSE_CODE = re.compile(r"\[/?[a-z][a-z0-9_-]{2,30}(?:\s[^\[\]]{0,300})?\]")
_ESCAPED = re.compile(r"\\(?:r\\n|n(?=[\W\\]|[^\W\d_a-z]|$)|u(00[0-7][0-9a-fA-F]))")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


def as_paragraphs(text: str) -> str:
    """A claimed body (escaped once or more, with or without tags and shortcodes) as paragraphs separated by LF."""
    if "\\" in text:  # escaped twice as a JavaScript string
        text = _ESCAPED.sub(lambda found: "\n" if found[1] is None else chr(int(found[1], 16)), text)
    for _ in range(_UNESCAPES):
        if "<" in text or not _ENTITY.search(text):
            break
        text = unescaped(text)
    if "[" in text:
        text = without_shortcodes(text)
    if "<" in text:
        text = _TAG.sub("", _BREAKING_TAG.sub("\n", text))
    for _ in range(_UNESCAPES):
        if not _ENTITY.search(text):
            break
        text = unescaped(text)
    lines = normal_text(text).split("\n")
    return "\n".join(line for line in lines if line)


def without_shortcodes(text: str) -> str:
    """``text`` without WordPress shortcodes: one that is closed or has attributes. Words in brackets stay."""
    text = _CAPTIONED.sub("\n", text)
    text = _SHORTCODE.sub(lambda found: "" if "=" in found[0] or f"[/{_code(found[0])}]" in text else found[0], text)
    # The closing ones of those that had attributes.
    return _LOOSE_CODE.sub(lambda found: "" if found[0].startswith("[/") else found[0], text)


def _code(shortcode: str) -> str:
    return re.split(r"[\s\]/]", shortcode.lstrip("[/"), maxsplit=1)[0]


def plain_line(text: str) -> str:
    """Markup or escaped text as one plain line: for feed titles and names."""
    text = text[:MAX_VALUE_CHARS]
    if "&" in text:
        text = unescaped(text)
        if "&" in text and ";" in text:  # feeds escape twice now and then
            text = unescaped(text)
    return normal_line(_TAG.sub(" ", text) if "<" in text else text)


def readable_line(text: str) -> str:
    """A page's text as one line; text that was escaped once too often is unescaped."""
    for _ in range(_UNESCAPES):
        if "&" not in text or not _ENTITY.search(text):
            break
        text = unescaped(text)
    return normal_line(text)


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts as plain lines, in order, without empty and repeated ones."""
    cleaned = (plain_line(text) for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))


# Within these, words go on across the tag: "<b>F</b>irst" is one word.
_INLINE = frozenset(
    {
        "b",
        "i",
        "em",
        "strong",
        "u",
        "s",
        "small",
        "big",
        "sub",
        "sup",
        "font",
        "mark",
        "wbr",
        "abbr",
        "acronym",
        "bdi",
        "bdo",
    }
    | {"code", "kbd", "q", "cite", "dfn", "tt", "ins", "del", "ruby", "rb", "rt"}
)
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "svg"})
_NO_LIMIT = 1 << 30


def line_of(element: HtmlElement, limit: int = _NO_LIMIT) -> str:
    """The element's text as one line; "" if it is longer than ``limit``, which is found out early."""
    if not len(element):
        text = element.text or ""
        return " ".join(text.split()) if len(text) <= limit or len(text.strip()) <= limit else ""
    if limit >= _NO_LIMIT:
        return " ".join(element.text_content().split())
    parts: list[str] = []
    size = 0
    for part in element.itertext():
        parts.append(part)
        size += len(part.strip())
        if size > limit:
            return ""
    return " ".join("".join(parts).split())


def phrases_of(listed: str) -> frozenset[str]:
    """Phrases of a list in a TOML file, which are divided by bars, folded."""
    return frozenset(folded(phrase) for phrase in listed.split("|") if phrase.strip())


def words_of(element: HtmlElement, limit: int = MAX_ELEMENT_CHARS) -> str:
    """The element's text as one line in which children other than letters' styles are words of their own.

    A kicker and a headline side by side in one heading would be glued otherwise. "" if it is longer than ``limit``.
    """
    if not len(element):
        text = element.text or ""
        return " ".join(text.split()) if len(text) <= limit or len(text.strip()) <= limit else ""
    parts: list[str] = []
    size = 0
    stack: list[HtmlElement | str] = [element]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            parts.append(one)
            size += len(one.strip())
            if size > limit:
                return ""
            continue
        own = isinstance(one.tag, str)
        joined = own and (one.tag in _INLINE or _is_initial(one))
        if own and one.tag not in _UNSHOWN:
            stack.append("" if joined else " ")
            for child in reversed(one):
                stack.extend(part for part in (child.tail, child) if part is not None)
            if one.text:
                stack.append(one.text)
        stack.append("" if joined else " ")
    return " ".join("".join(parts).split())


def _is_initial(element: HtmlElement) -> bool:
    """Whether it holds the first letter of a word that goes on in small letters behind it: <span>S</span>luice."""
    letter, rest = element.text or "", element.tail or ""
    return len(letter) == 1 and not len(element) and letter.isupper() and rest[:1].islower()
