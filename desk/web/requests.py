"""Answers to what a person sent with a form, or a script of ours with fetch."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.responses import RedirectResponse

from desk.web.guard import FORM_HEADER


def inside(path: str) -> str:
    """The path if it is one of this desk, else the front page: no form leads elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"


def done(request: Request, back: str) -> Response:
    """Nothing for a script; for a form, the page to go on with."""
    if FORM_HEADER in request.headers:
        return Response(status_code=204)
    return RedirectResponse(inside(back), 303)


async def sent(request: Request) -> dict[str, list[str]]:
    """All fields of a form by name, for forms with boxes and lists; files are left out."""
    found: dict[str, list[str]] = {}
    for name, value in (await request.form(max_fields=500)).multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return found


TheForm = Annotated[dict[str, list[str]], Depends(sent)]
