"""Notes on the words of a query that find more or less than a reader may expect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.query.ast import Phrase, Term
from core.query.folding import APOSTROPHES, INVISIBLE, fold
from core.saying import Said, saying

_PLAIN = r".,;:!?*'’‘‚‛`´′＇\"“”„«»()\[\]{}…/\\|&\u0591-\u05f4\u060c\u061b\u061f\u3001\u3002-"
"""Punctuation marks, and signs that have findings of their own."""
_SIGNS = re.compile(rf"[^\w\s{INVISIBLE}{_PLAIN}]|[-+]{{2}}")
_LEADING_POINT = re.compile(r"\.\w")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_MODEL = re.compile(r"([^\W\d_]{1,12})-(\d{1,4})", re.ASCII)
_COMPOUND = re.compile(r"([^\W\d_]{3,})-([^\W\d_]{3,})")
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])+\.?")
_GENITIVE = re.compile(rf"([^\W\d_]{{3,}})[{APOSTROPHES}]s", re.IGNORECASE)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_CAPITALS_WORDS = """us it who is as in on at to so we he me my be do go no of if by up an am was has can may all
    are aid nice"""
_CAPITALS = frozenset(_CAPITALS_WORDS.split())
"""English words that are names or abbreviations in capitals."""


def notes_on(node: Term | Phrase, *, cased: bool) -> Iterator[tuple[bool, Said]]:
    """Each note, and whether it is a warning, because a part of the query is not compared at all. ``cased``: below ``cs:``."""
    text = node.text
    letters = re.sub(r"[\W_]", "", text)
    signs = dict.fromkeys(_SIGNS.findall(text)) | dict.fromkeys(one[0] for one in _LEADING_POINT.findall(text[:2]))
    if signs and not set("*?") & set(text):
        values = {"signs": " ".join(signs), "text": text, "rest": fold(letters)}
        yield (
            cased or len(letters) < 3,
            saying("%(signs)s in %(text)s is not compared: it finds %(rest)s with any sign or none", **values)
            if isinstance(node, Term)
            else saying("%(signs)s in %(text)s is not compared: it finds the words with any sign or none", **values),
        )
    if cased:
        return
    if text.isupper() and text.isascii() and text.lower() in _CAPITALS:
        said = saying(
            '%(text)s also finds "%(low)s"; cs:%(text)s finds it only in capitals', text=text, low=text.lower()
        )
        yield False, said
    if _THOUSANDS.fullmatch(text):
        plain = re.sub("[.,]", "", text)
        yield False, saying("%(text)s is found as written; %(plain)s is another word", text=text, plain=plain)
    # Parts of names have capitals, and are not joined, as in al-Assad.
    if parts := _MODEL.fullmatch(text) or (_COMPOUND.fullmatch(text) if text.islower() else None):
        values = {"text": text, "apart": f"{parts[1]} {parts[2]}", "joined": f"{parts[1]}{parts[2]}"}
        yield False, saying("%(text)s also finds %(apart)s, but not %(joined)s", **values)
    if _INITIALS.fullmatch(text):
        said = saying(
            "%(text)s is found with its points only; without them, %(plain)s is another word",
            text=text,
            plain=text.replace(".", ""),
        )
        yield False, said
    if genitive := _GENITIVE.fullmatch(text):
        yield False, saying("%(text)s finds this form only; %(plain)s finds both", text=text, plain=genitive[1])
    if (spelled := text.translate(_UMLAUTS)) != text:
        said = saying("%(text)s is also found without its dots, but not as %(spelled)s", text=text, spelled=spelled)
        yield False, said
