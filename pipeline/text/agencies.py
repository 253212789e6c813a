"""News agencies credited in a text: "(AP)", "Reuters", "ТАСС", "وكالات".

A credit has a form: a company in the news (``Thomson Reuters shares fell``) is not a credit. It checks the head (a
dateline such as ``GENEVA (AP) —`` or ``КИЕВ, 3 марта /ТАСС/``) and the tail (a line that consists of the credit, or
begins or ends with it). Elsewhere agencies are quoted, not credited.

The agencies and their forms are in ``agencies.toml``; their order is the number that is stored with an article.
"""

from __future__ import annotations

import re

from core.package_data import package_toml

_TABLE: list[list[str]] = package_toml("pipeline.text", "agencies.toml")["agencies"]
AGENCIES: tuple[tuple[str, tuple[str, ...]], ...] = (("", ()), *((name, tuple(forms)) for name, *forms in _TABLE))
"""(displayed name, its forms). The index in the tuple is the number that is stored; 0 means none."""

_HEAD_CHARS = 260
_TAIL_CHARS = 320
_CREDIT_LINE_CHARS = 120

_NUMBERS = {form.casefold(): number for number, (_, forms) in enumerate(AGENCIES) for form in forms}
# Longest first, so that "AP" does not match in "APA", nor "Agence France" in the whole name.
_FORMS = sorted((form for _, forms in AGENCIES for form in forms), key=lambda form: (-len(form), form))
_ANY = "|".join(map(re.escape, _FORMS))
# Several agencies may be credited together: "(AP/dpa)", "dpa, AFP". The first one counts.
_JOINED = rf"(?P<name>{_ANY})(?:\s*[/,+&·]\s*(?:{_ANY}))*"
_ENDS = r"(?![\w’'])"

_BRACKETED = re.compile(rf"[(\[（【/]\s*{_JOINED}\s*[)\]）】/](?=\s|[-–—―:.]|\w|$)")
_DATELINE = re.compile(rf"^(?:[^\n.!?]{{0,60}}?(?:[,–—-]|\s-)\s*)?{_JOINED}{_ENDS}\.?(?:\s*[–—―]+|\s+-+\s|\s*:\s)\s*\S")
_CHINESE_DATELINE = re.compile(rf"^(?:据?)(?P<name>{_ANY})[^\n。，]{{0,20}}[电電讯訊](?:\s|[（(:：，]|$)")
_LABEL = (
    r"(?:sources?|quellen?|fuentes?|fonte|kaynak|источник[и]?|джерело|المصدر|منبع|with|by|mit material von|"
    r"avec|con información de|по материалам|по данным|来源|出典)"
)
_CREDIT_LINE = re.compile(
    rf"^\W*(?:{_LABEL}\s*[:：]?\s*)?(?:(?:the|news agency|агентство|وكالة)\s+)?{_JOINED}\W*$", re.IGNORECASE
)
# Only in capitals: in lower case, "spa" is a bath, and "tt" and "ani" are words in some languages.
_CAPITALS_ONLY = frozenset({"aa", "pa", "tt", "apa", "anp", "spa", "wam", "mena", "ani", "ap", "kna", "sid"})
# These are also words: alone on a line, they are a credit only in brackets.
_COMMON_WORDS = frozenset({"مهر", "فارس", "تاس", "وام", "قنا", "واس", "بترا", "共同", "時事", "mehr", "petra", "fars"})


def find_agency(text: str) -> int:
    """The number of the agency that a text credits; 0 for none. The head is searched before the tail."""
    head = text[:_HEAD_CHARS]
    if found := _BRACKETED.search(head) or _DATELINE.match(head) or _CHINESE_DATELINE.match(head):
        return _number(found["name"])
    lines = [line for line in text[-_TAIL_CHARS:].split("\n") if line.strip()]
    own_lines = [*lines[-2:], *[line for line in head.split("\n")[:2] if len(line) <= _CREDIT_LINE_CHARS]]
    for line in own_lines:
        found = _CREDIT_LINE.match(line) if len(line) <= _CREDIT_LINE_CHARS else None
        if found and (found["name"].casefold() not in _COMMON_WORDS) and _number(found["name"]):
            return _number(found["name"])
    if lines and (closing := _closing(lines[-1])):
        return closing
    return 0


def agency_name(number: int) -> str | None:
    """An agency's usual name; None for 0, and for numbers that only a newer version knows."""
    return AGENCIES[number][0] if 0 < number < len(AGENCIES) else None


def _closing(line: str) -> int:
    """The credit at the end of the last line: "… said. (Reuters)", "… sagte er. dpa"."""
    found = re.search(
        rf"(?:[(\[（]\s*{_JOINED}\s*[)\]）]|[.!?]\s*[–—-]?\s*{_JOINED.replace('<name>', '<bare>')})\W*$", line
    )
    if not found:
        return 0
    bare = found["bare"]
    if bare and bare.casefold() in _COMMON_WORDS:
        return 0
    return _number(bare or found["name"])


def _number(form: str) -> int:
    folded = form.casefold()
    if folded in _CAPITALS_ONLY and not form.isupper():
        return 0
    return _NUMBERS.get(folded, 0)
