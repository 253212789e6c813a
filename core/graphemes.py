"""Texts made shorter without cutting a character as readers see it: a letter with its marks, a syllable, an emoji. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import regex  # type: ignore[import-untyped]

MARK = "…"
_CLUSTER = regex.compile(r"\X")


def shortened(text: str, most_bytes: int, mark: str = MARK) -> str:
    """``text`` if its UTF-8 has at most ``most_bytes`` bytes, else as many whole grapheme clusters as fit before ``mark``.

    Of a first cluster that is too long by itself, as many code points as fit. ``most_bytes`` is at least the size of ``mark``.
    Takes time in proportion to ``most_bytes``, however long the text is.
    """
    # No code point has less than a byte, so whatever is cut here would not fit.
    head = text[: most_bytes + 1]
    if len(head) == len(text) and len(text.encode()) <= most_bytes:
        return text
    left = most_bytes - len(mark.encode())
    kept = _fitting((found[0] for found in _CLUSTER.finditer(head)), left)
    return (kept or _fitting(head, left)).rstrip() + mark


def _fitting(parts: Iterable[str], left: int) -> str:
    kept = []
    for part in parts:
        left -= len(part.encode())
        if left < 0:
            break
        kept.append(part)
    return "".join(kept)
