"""Particles that Arabic writes onto the following word: and, then, with, for, like, the.

A word is taken to be ``(و or ف) (ب, ل or ك) (ال)`` and a rest, each part optional; ``لل`` is ``ل`` with ``ال``. Nobody can
tell the particles from a root's own letters without a dictionary (``والد``, father, is no "and …"), so every reading that
leaves enough letters becomes a further key of the document's word: a query's word is found with any of them before it, and
the query's own word is never cut, so ``السورية`` does not find ``سورية``.
"""

from __future__ import annotations

from functools import lru_cache

import regex  # type: ignore[import-untyped]

_ARABIC_WORD = regex.compile(r"[\u0621-\u064a]+")
_ARTICLE = "ال"
_LEAST = 3
"""Letters that a rest needs: مصر, حلب and غزة have three."""
_LEAST_OF_ROOT_LETTERS = 4
"""The same after a lone ف or ك, which begin far more roots than they stand before names: كتاب is no "like تاب"."""


@lru_cache(maxsize=1 << 15)
def without_particles(key: str) -> tuple[str, ...]:
    """The other readings of a folded word, longest first; none for words of other scripts and with Persian letters."""
    if len(key) <= _LEAST or not _ARABIC_WORD.fullmatch(key):
        return ()
    found: dict[str, None] = {}
    for first in ("", key[0]) if key[0] in "وف" else ("",):
        after = key[len(first) :]
        for second in ("", after[0]) if after[0] in "بلك" else ("",):
            rest = after[len(second) :]
            lone_root_letter = len(first + second) == 1 and first + second in "فك"
            if first or second:
                _keep(found, rest, _LEAST_OF_ROOT_LETTERS if lone_root_letter else _LEAST)
            if rest.startswith(_ARTICLE):
                _keep(found, rest[2:], _LEAST)
            if second == "ل" and rest.startswith("ل"):
                _keep(found, _ARTICLE + rest[1:], _LEAST + 2)
                _keep(found, rest[1:], _LEAST)
    found.pop(key, None)
    return tuple(sorted(found, key=lambda rest: (-len(rest), rest)))


def _keep(found: dict[str, None], rest: str, least: int) -> None:
    if len(rest) >= least:
        found[rest] = None
