"""A subscription as a form: what people type, as changes to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import UsageError
from core.records.alert import ALL_NEWS

LISTS = ("topics", "languages", "outlets")
_WORDS = ("name", "note", "level", "state")
_SCHEDULE = ("kind", "at", "zone", "quiet", "breakthrough")
_NUMBERS = ("per_hour", "gather_s")

NEWS: Mapping[str, str] = {
    "sources": "another source joins",
    "figures": "figures change",
    "quotes": "new quotes",
    "corrections": "corrections and retractions",
    "edits": "edits",
}
"""What may raise a further alert in a story, in words."""


def changes_of(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The changes that a sent form asks for (see ``desk.use_cases.subscriptions.changed``); what it doesn't hold stays.

    Boxes that nobody ticked are not sent: with ``boxes`` in the form they count as empty. Raises UsageError for what is no
    number.
    """
    found: dict[str, Any] = {name: form[name][-1].strip() for name in _WORDS if name in form}
    if "query" in form:
        # A form's line ends are CRLF; in a stored query they would be another text than the one that was typed.
        found["query"] = form["query"][-1].replace("\r\n", "\n").strip()
    found |= {name: listed(form[name]) for name in LISTS if name in form}
    if "boxes" in form:
        found["delivery"] = list(dict.fromkeys(form.get("delivery", ())))
        ticked = set(form.get("news", ()))
        found["news"] = [one for one in ALL_NEWS if one in ticked]
    schedule: dict[str, Any] = {name: form[name][-1].strip() for name in _SCHEDULE if name in form}
    schedule |= {name: _number(name, form[name][-1]) for name in _NUMBERS if name in form}
    if schedule:
        found["schedule"] = schedule
    return found


def listed(values: Sequence[str]) -> list[str]:
    """One list of several fields, each with values by commas or lines."""
    return list(dict.fromkeys(one.strip() for text in values for one in re.split(r"[,;\n]", text) if one.strip()))


def _number(name: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 6):
        raise UsageError(f"{name}: {text!r} is no number from 0 to 999,999")
    return int(text)
