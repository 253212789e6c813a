"""Refusals and errors as answers: problem+json (RFC 9457) below ``/api/``, a page elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from core.errors import Conflict, InputError, NotFound, QueryError, StoreError, Unavailable, UsageError, WirewatchError
from desk.language import N_, capitalised, gettext, said, said_error
from desk.web.render import page

PROBLEM_JSON = "application/problem+json"
_TITLES = {
    400: N_("Invalid request"),
    401: N_("Signed out"),
    403: N_("Not allowed"),
    404: N_("Page not found"),
    409: N_("Conflict"),
    413: N_("Too large"),
    422: N_("Invalid request"),
    429: N_("Too many requests"),
    500: N_("Internal error"),
    503: N_("Not available now"),
}


_SAID = {
    400: N_("The request can't be read"),
    404: N_("There is no such page"),
    405: N_("This address does not accept this kind of request"),
    413: N_("The request is too large"),
}
"""Messages to people for the framework's refusals."""
_FAULTS = {
    "missing": N_("%(field)s is missing"),
    "string_too_long": N_("%(field)s: at most %(max_length)s characters"),
    "too_long": N_("%(field)s: at most %(max_length)s"),
    "int_parsing": N_("%(field)s is not a number"),
    "greater_than_equal": N_("%(field)s: at least %(ge)s"),
    "less_than_equal": N_("%(field)s: at most %(le)s"),
    "less_than": N_("%(field)s: less than %(lt)s"),
    "literal_error": N_("%(field)s: one of %(expected)s"),
}
"""Messages for faults of a form's field, by pydantic's error type, with the values of its context."""


class Refused(Exception):
    """The request is refused. ``detail`` is for the person who made it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def too_many(wait_s: float, detail: str = "") -> Refused:
    """The refusal of one request too many, which may come again after ``wait_s``: without ``detail``, its message says so."""
    whole_s = max(1, round(wait_s))
    detail = detail or gettext("too many requests: try again in %(num)s s", num=whole_s)
    return Refused(429, detail, {"Retry-After": str(whole_s)})


class SignInNeeded(Refused):
    """The request has no session."""

    def __init__(self) -> None:
        super().__init__(
            401, "sign in, or send an API token as 'Authorization: Bearer …'", {"WWW-Authenticate": "Bearer"}
        )


def is_api(request: Request) -> bool:
    """Whether the request is for the API."""
    return request.url.path.startswith("/api/")


def answer(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The error as an answer for a program or a person."""
    title = HTTPStatus(status).phrase
    if is_api(request):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        return Response(msgspec.json.encode(body), status, dict(headers or {}), PROBLEM_JSON)
    title = gettext(_TITLES[status]) if status in _TITLES else title.capitalize()
    detail = capitalised(detail)
    detail = detail if detail.endswith((".", "!", "?", "؟")) else f"{detail}."
    return page(request, "problem.html", status=status, title=title, detail=detail, headers=headers)


def _for_programs(field: str, error: Mapping[str, Any]) -> str:
    return f"{field}: {error['msg']}"


def _for_people(field: str, error: Mapping[str, Any]) -> str:
    sentence = _FAULTS.get(error["type"], N_("%(field)s can't be accepted"))
    values = {name: value for name, value in error.get("ctx", {}).items() if f"%({name})s" in sentence}
    return gettext(sentence, field=field, **values)


def install(app: FastAPI, recognise: Callable[[Request], None]) -> None:
    """Make the application answer errors with problems. ``recognise`` finds the caller if no route did."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - registered for it
        if isinstance(error, SignInNeeded) and not is_api(request):
            if request.method in ("GET", "HEAD") and "text/event-stream" not in request.headers.get("accept", ""):
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/sign-in?next={quote(here, safe='')}", 303)
            return answer(request, 401, gettext("You are signed out: sign in again"))
        return answer(request, error.status, error.detail, error.headers)

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        detail = gettext("There is no such page") if error.status_code == 404 else str(error.detail)
        if not is_api(request):
            recognise(request)
            # The framework's own words are English.
            detail = gettext(_SAID[error.status_code]) if error.status_code in _SAID else detail
        return answer(request, error.status_code, detail, error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        words = _for_programs if is_api(request) else _for_people
        parts = [
            words(".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]), one) for one in error.errors()
        ]
        return answer(request, 422, "; ".join(parts)[:1_000])

    def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, WirewatchError)  # noqa: S101 - registered for it
        # The hint of these errors names a command.
        return answer(request, status_of(error), said(error.said) if isinstance(error, NotFound) else said_error(error))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(WirewatchError, ours)
    app.add_exception_handler(
        Exception, lambda request, _error: answer(request, 500, gettext("An internal error; the log has the details"))
    )


def status_of(error: WirewatchError) -> int:
    """The HTTP status for a WirewatchError."""
    match error:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case Unavailable():
            return 503
        case QueryError() | UsageError() | InputError():
            return 400
        case StoreError():
            return 503
        case _:
            return 502
