"""The frequent words of a language, from justext's lists (100 languages, by word frequency in Wikipedia).

They include more than function words: any frequent word distinguishes articles as little as "with" does.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import justext
from babel import Locale, UnknownLocaleError

from core.normal import normalized

_OTHER_NAMES = {"no": "Norwegian_Bokmal", "sh": "Serbo_Croatian", "ckb": "Kurdish", "pa": "Western_Panjabi"}


@cache
def common_words(language: str | None) -> frozenset[str]:
    """The frequent words of a language (ISO 639 code), in lower case; empty if it is unknown or has no list."""
    name = _OTHER_NAMES.get(language or "") or _english_name(language or "")
    if name not in justext.get_stoplists():
        return frozenset()
    return frozenset(justext.get_stoplist(name))


def _english_name(code: str) -> str:
    try:
        name = Locale.parse(code).get_language_name("en") or ""
    except (UnknownLocaleError, ValueError):
        return ""
    return "".join(one for one in normalized("NFD", name) if not unicodedata.combining(one)).replace(" ", "_")
