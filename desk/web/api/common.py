"""What the API's routes share."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from fastapi import Query

from desk.web.api.models import Problem
from desk.web.problems import PROBLEM_JSON, Refused

PREFIX = "/api/v1"
Limit = Annotated[int, Query(ge=1, le=200, description="Most items on a page.")]
CursorText = Annotated[str | None, Query(max_length=2_000, description="The cursor of the page before.")]
Word = Annotated[str | None, Query(max_length=200)]
Words = Annotated[list[str], Query(max_length=50)]
MOST_MS = 253_402_300_799_000
"""The last moment of the year 9999."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals that a route may answer with, for its OpenAPI description; those that all share are always there."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    words = {400: "what was asked for makes no sense", 401: "not signed in", 403: "not allowed", 404: "not there"}
    words |= {
        409: "somebody else was first",
        422: "a parameter is wrong",
        429: "too many requests",
        503: "not available now",
        502: "a site did not answer",
    }
    return {
        status: {"model": Problem, "description": words[status], "content": content}
        for status in sorted({401, 403, 422, 429, 503, *statuses})
    }


def cursor_of(text: str) -> str:
    """A cursor of our own text."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, pattern: str) -> str | None:
    """The text of a cursor, which must match ``pattern`` whole. Raises Refused for anything that we did not make."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    if not re.fullmatch(pattern, text):
        raise Refused(400, "this is no cursor of this list: begin without one")
    return text
