"""Words for what records only name. Pure."""

from __future__ import annotations

import re

_REASONS = {
    "story": "new story",
    "sources": "another source",
    "figures": "new figure",
    "quotes": "new quote",
    "correction": "correction",
    "retraction": "retracted",
    "edit": "edited",
    "takedown": "taken down",
}
# Changed stretches are stored as their words and marks, each apart.
_BEFORE_MARK = re.compile(r"(?<!\s)\s++(?=[.,:;!?…)\]}»”’،؛؟。，、])")
_AFTER_BRACKET = re.compile(r"(?<=[(\[{«“‘])\s+")


def reason_in_words(kind: str) -> str:
    """Why an alert was raised, or what is new in it; a kind that is not known here as it is called."""
    return _REASONS.get(kind, kind)


def closed_up(text: str) -> str:
    """A text whose words and marks stand apart, with the marks where they belong."""
    return _AFTER_BRACKET.sub("", _BEFORE_MARK.sub("", text))
