"""Words that mean little in any text. Pure."""

from __future__ import annotations

from core.package_data import package_toml

_WORDS = package_toml("pipeline.stories", "function_words.toml")
FUNCTION_WORDS = frozenset(word for listed in _WORDS["words"].values() for word in listed.split())
"""Frequencies of the window find such words too, but only once the window has articles; these work from the first one."""

FUNCTION_WORDS_UNSPACED: str = _WORDS["unspaced"]
