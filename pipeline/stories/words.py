"""Words that mean little in any text. Pure."""

from __future__ import annotations

import re
import unicodedata

from core.package_data import package_toml

_WORDS = package_toml("pipeline.stories", "function_words.toml")
FUNCTION_WORDS = frozenset(word for listed in _WORDS["words"].values() for word in listed.split())
"""Frequencies in the window identify such words too, but only once it has articles; this list works from the first article."""

FUNCTION_WORDS_UNSPACED: str = _WORDS["unspaced"]

SIGNS = "".join(chr(code) for code in range(0x0900, 0x0D80) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
"""Vowel signs of India's scripts, for a class of ``re``, which takes them for no part of a word."""

WORD = re.compile(rf"(?:[^\W\d_]{{2,}}|[^\W\d_](?=[{SIGNS}]))(?:[{SIGNS}]+[^\W\d_]*)*(?:['’][^\W\d_]+)?")
"""A word of at least two letters, or of a letter with a vowel sign."""
