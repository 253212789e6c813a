"""Texts of news that Wirewatch writes itself: how they are stored, and the same as sentences that can be translated. Pure.

All other texts of news are words of an article.
"""

from __future__ import annotations

import re

from core.saying import Said, counting, saying

_REWRITTEN = re.compile(r"rewritten: ([0-9]+) words removed, ([0-9]+) added")
_SOURCES = re.compile(r"([0-9]+) independent sources by now")


def rewritten(removed: int, added: int) -> str:
    """The text of the news that an article was largely rewritten, with the numbers of words."""
    return f"rewritten: {removed} words removed, {added} added"


def more_sources(count: int) -> str:
    """The text of the news that a story has this many independent sources."""
    return f"{count} independent sources by now"


def own_sentence(kind: str, text: str) -> Said | None:
    """The text of the news of a kind as a sentence, if Wirewatch wrote it; None for words of an article."""
    if kind == "edit" and (found := _REWRITTEN.fullmatch(text)):
        return saying(
            "rewritten: %(removed)s words removed, %(added)s added", removed=int(found[1]), added=int(found[2])
        )
    if kind == "sources" and (found := _SOURCES.fullmatch(text)):
        return counting("%(num)s independent source by now", "%(num)s independent sources by now", int(found[1]))
    return None
