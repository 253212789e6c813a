"""Notes on the words of a query that find more or less than a reader may expect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.query.ast import Phrase, Term
from core.query.folding import APOSTROPHES, INVISIBLE, fold

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


def notes_on(node: Term | Phrase, *, cased: bool) -> Iterator[tuple[bool, str]]:
    """Each note, and whether it is a warning, because a part of the query is not compared at all. ``cased``: below ``cs:``."""
    text = node.text
    letters = re.sub(r"[\W_]", "", text)
    signs = dict.fromkeys(_SIGNS.findall(text)) | dict.fromkeys(one[0] for one in _LEADING_POINT.findall(text[:2]))
    if signs and not set("*?") & set(text):
        rest = fold(letters) if isinstance(node, Term) else "the words"
        yield (
            cased or len(letters) < 3,
            f"{' '.join(signs)} in {text} is not compared: it finds {rest} with any sign or none",
        )
    if cased:
        return
    if text.isupper() and text.isascii() and text.lower() in _CAPITALS:
        yield False, f'{text} also finds "{text.lower()}"; cs:{text} finds it only in capitals'
    if _THOUSANDS.fullmatch(text):
        yield False, f"{text} is found as written; {re.sub('[.,]', '', text)} is another word"
    if model := _MODEL.fullmatch(text):
        yield False, f"{text} also finds {model[1]} {model[2]}, but not {model[1]}{model[2]}"
    # Parts of names have capitals: nobody joins those of al-Assad.
    if text.islower() and (compound := _COMPOUND.fullmatch(text)):
        yield False, f"{text} also finds {compound[1]} {compound[2]}, but not {compound[1]}{compound[2]}"
    if _INITIALS.fullmatch(text):
        yield False, f"{text} is found with its points only; without them, {text.replace('.', '')} is another word"
    if genitive := _GENITIVE.fullmatch(text):
        yield False, f"{text} finds this form only; {genitive[1]} finds both"
    if (spelled := text.translate(_UMLAUTS)) != text:
        yield False, f"{text} is also found without its dots, but not as {spelled}"
