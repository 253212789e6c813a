"""Words that mean little in any text. Pure."""

from __future__ import annotations

from core.package_data import package_toml

_WORDS = package_toml("pipeline.stories", "function_words.toml")
FUNCTION_WORDS = frozenset(word for listed in _WORDS["words"].values() for word in listed.split())
"""Frequencies in the window identify such words too, but only once it has articles; this list works from the first article."""

FUNCTION_WORDS_UNSPACED: str = _WORDS["unspaced"]
