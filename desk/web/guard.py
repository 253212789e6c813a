"""Access control, which every request to a page or the API passes through.

It checks in this order: the caller (token of a feed or a program, session, proxy, demo), the rate, the role that the route
needs, and for requests that change something, that they come from a page of the desk. A route without a rule is refused to
everyone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import itemgetter
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from core.errors import StoreError
from core.net.addresses import place_of
from desk import language
from desk.language import gettext
from desk.people.accounts import By
from desk.people.addresses import client_address, trusted
from desk.people.credentials import is_form_token, new_secret
from desk.people.limits import API, PAGES
from desk.people.roles import DEMO, ROLE_NAMES, Caller, Role
from desk.use_cases.desk import Desk
from desk.web.problems import Refused, SignInNeeded, is_api, too_many
from desk.web.requests import FORM_FIELD, FORM_HEADER, desk_of

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAFE = ("GET", "HEAD", "OPTIONS")
SESSION_COOKIE, FORM_COOKIE = "wirewatch", "wirewatch_form"
LANGUAGE_COOKIE = "wirewatch_language"
API_PAGE = "/api/"
"""The page that describes the API to people."""

FEED_PARAMETER = "feed_token"
"""A feed reader can't sign in, so the address of a feed contains a token that is valid for this feed only."""
# An id of 100 characters has up to 1,200 when it is encoded.
_FEED_PATHS = re.compile(r"/(?:live|search)/export\.atom|/subscriptions/of/[^/]{1,1200}/alerts\.atom")

RULES: dict[Callable[..., Any], Role | None] = {}
"""The role that each endpoint needs; None: everyone, signed in or not."""


def allow(role: Role | None) -> Callable[[Endpoint], Endpoint]:
    """Allow an endpoint for this role and those above; None: for everyone."""

    def note(endpoint: Endpoint) -> Endpoint:
        RULES[endpoint] = role
        return endpoint

    return note


PROBES: set[Callable[..., Any]] = set()
"""Health endpoints, answered for every caller and at any rate.

A monitor may share its address with strangers, and would restart a desk that refuses it.
"""


def probe(endpoint: Endpoint) -> Endpoint:
    """Register the endpoint in ``PROBES``."""
    PROBES.add(endpoint)
    return allow(None)(endpoint)


async def guard(request: Request) -> None:
    """Accept the request, or raise Refused. Sets ``caller``, ``address`` and ``form_cookie`` in ``request.state``."""
    desk = desk_of(request)
    peer = request.client.host if request.client else ""
    _begin(desk, request, peer)
    if request.scope.get("endpoint") in PROBES:
        return
    try:
        caller = await run_in_threadpool(_caller, desk, request, peer)
    except Refused:
        # A client that tries tokens is limited like one that isn't signed in.
        _limit(desk, request, None)
        raise
    _know(desk, request, caller)
    _limit(desk, request, caller)
    endpoint = request.scope.get("endpoint")
    if endpoint not in RULES:
        raise Refused(403, gettext("no rule defines who may use this address"))
    role = RULES[endpoint]
    if role is not None:
        if caller is None:
            raise SignInNeeded
        if not caller.role.covers(role):
            raise Refused(403, _takes(role, caller.role))
    if is_api(request):
        _check_parameters(request)
    if request.method in SAFE:
        return
    if caller is not None and caller.means == "token":
        if not caller.writes:
            raise Refused(403, gettext("this token may only read"))
        return
    await _check_form(request)


def recognise(request: Request) -> None:
    """Set what ``guard`` sets, for an answer outside all routes, such as for an unknown address: the caller, if known.

    Refuses and counts nothing, so the answer must not contain anyone's data.
    """
    desk, peer = desk_of(request), request.client.host if request.client else ""
    _begin(desk, request, peer)
    with suppress(Refused, StoreError):
        caller = _caller(desk, request, peer)
        if caller is not None:
            _know(desk, request, caller)


def is_known(request: Request) -> bool:
    """Whether the sender of a request is known, even before it reaches a route. Refuses and counts nothing."""
    if getattr(request.state, "caller", None) is not None:
        return True
    # With a separate state, since a body is counted while the guard or a route reads it.
    request = Request({**request.scope, "state": {}})
    desk, peer = desk_of(request), request.client.host if request.client else ""
    _begin(desk, request, peer)
    with suppress(Refused, StoreError):
        return _caller(desk, request, peer) is not None
    return False


def still_in(desk: Desk, request: Request) -> bool:
    """Whether the caller of an open stream may continue to read, since sessions end and accounts are closed meanwhile."""
    try:
        return _caller(desk, request, request.client.host if request.client else "") is not None
    except Refused:
        return False


def cookie_name(desk: Desk, name: str) -> str:
    """The cookie's name; with https, one that no other host and no plain connection can set."""
    return f"__Host-{name}" if desk.secure else name


def set_cookie(desk: Desk, request: Request, name: str, value: str, *, max_age_s: int | None = None) -> None:
    """Set a cookie that scripts can't read and other sites' forms can't send; ``max_age_s`` 0 deletes it."""
    parts = [f"{cookie_name(desk, name)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if desk.secure:
        parts.append("Secure")
    if max_age_s is not None:
        parts.append(f"Max-Age={max_age_s}")
    request.state.cookies.append("; ".join(parts))


def _begin(desk: Desk, request: Request, peer: str) -> None:
    """Set what is known before the caller is: also the language that the browser chose or asks for, or the desk's.

    Programs and feed readers get English, since people search for and compare their messages.
    """
    request.state.address = client_address(peer, request.headers.getlist("x-forwarded-for"), desk.proxies)
    request.state.form_cookie = request.state.caller = None
    if _is_program(request):
        language.speak(language.SOURCE)
        return
    chosen = request.cookies.get(cookie_name(desk, LANGUAGE_COOKIE), "")
    if chosen not in language.LANGUAGES:
        chosen = language.preferred(request.headers.get("accept-language", ""), desk.settings.desk_language)
    language.speak(chosen)


def _know(desk: Desk, request: Request, caller: Caller | None) -> None:
    """Store the caller. If the account has a language, use it from here on."""
    request.state.caller = caller
    request.state.form_cookie = _form_cookie(desk, request, caller)
    if caller is not None and caller.language in language.LANGUAGES and not _is_program(request):
        language.speak(caller.language)


def _is_program(request: Request) -> bool:
    path = request.url.path
    return (is_api(request) and path != API_PAGE) or is_feed(path)


def _caller(desk: Desk, request: Request, peer: str) -> Caller | None:
    if FEED_PARAMETER in request.query_params and request.method in ("GET", "HEAD") and is_feed(request.url.path):
        caller = desk.accounts.by_feed_token(request.query_params[FEED_PARAMETER], asked_address(request))
        if caller is None:
            raise Refused(403, gettext("this feed's address is no longer valid: make a new one at the desk"))
        return caller
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_api(request):
        caller = desk.accounts.by_token(token.strip())
        if caller is None:
            raise Refused(
                401, "this token is unknown, outdated or its owner's account is closed", {"WWW-Authenticate": "Bearer"}
            )
        return caller
    if desk.demo:
        return DEMO
    header = desk.settings.desk_proxy_header
    if header and trusted(peer, desk.proxies) and (names := request.headers.getlist(header)) and any(names):
        address: str = request.state.address
        if len(names) > 1:
            # A client sent one of them through the proxy, and it is unknown which.
            desk.accounts.refused(By(address=address, name=", ".join(names)), "proxy sign-in refused")
            said = gettext(
                "the proxy sent the header %(header)s %(num)s times: it must replace the client's",
                num=len(names),
                header=header,
            )
            raise Refused(400, said)
        name = names[0].strip()
        caller = desk.accounts.by_proxy(name, address)
        if caller is None:
            said = gettext(
                "the proxy signed you in as %(name)s, but there is no open account with that name",
                name=repr(name[:100]),
            )
            raise Refused(403, said)
        return caller
    cookie = request.cookies.get(cookie_name(desk, SESSION_COOKIE), "")
    return desk.accounts.by_session(cookie) if cookie else None


def _form_cookie(desk: Desk, request: Request, caller: Caller | None) -> str:
    """The secret from which form tokens are computed: the session's, or for callers without a session, a special cookie."""
    if caller is not None and caller.means == "feed":
        return ""
    if caller is not None and caller.means == "session":
        return request.cookies[cookie_name(desk, SESSION_COOKIE)]
    kept = request.cookies.get(cookie_name(desk, FORM_COOKIE), "")
    if len(kept) >= 32:
        return kept
    made = new_secret()
    set_cookie(desk, request, FORM_COOKIE, made)
    return made


def _limit(desk: Desk, request: Request, caller: Caller | None) -> None:
    who = caller.id if caller is not None else place_of(request.state.address)
    what, limit = ("api", API) if is_api(request) else ("pages", PAGES)
    if caller is not None and caller.means == "feed":
        # An address that was passed on to many readers must not lock its owner out of the pages.
        what = "feeds"
    wait_s = desk.buckets.take(f"{what} {who}", limit, desk.monotonic())
    if wait_s:
        raise too_many(wait_s)


def _check_parameters(request: Request) -> None:
    """Refuse unknown and repeated parameters: a misspelt filter would match everything, a repeated one only its last value."""
    route = request.scope.get("route")
    if isinstance(route, APIRoute):
        known = {field.alias: field.field_info.annotation for field in route.dependant.query_params}
        for name in request.query_params:
            if name not in known:
                there = f"there are {', '.join(sorted(known))}" if known else "there are none"
                raise Refused(422, f"unknown parameter {name[:100]!r}; {there}")
            if get_origin(known[name]) is not list and len(request.query_params.getlist(name)) > 1:
                raise Refused(422, f"the parameter {name!r} may be given only once")


async def _check_form(request: Request) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, gettext("this request was sent by another site"))
    given = request.headers.get(FORM_HEADER, "")
    kind = request.headers.get("content-type", "")
    if not given and kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        value = (await request.form()).get(FORM_FIELD, "")
        given = value if isinstance(value, str) else ""
    if not is_form_token(given, request.state.form_cookie):
        raise Refused(403, gettext("the page that sent this is too old: reload it and try again"))


def _takes(role: Role, has: Role) -> str:
    return gettext(
        "this requires the role %(role)s; your role is %(own)s",
        role=language.in_words(ROLE_NAMES, role),
        own=language.in_words(ROLE_NAMES, has),
    )


def is_feed(path: str) -> bool:
    """Whether the path is that of an Atom feed of this desk."""
    return _FEED_PATHS.fullmatch(path) is not None


def feed_address(address: str) -> str | None:
    """Path and query of a feed in the form to which tokens are bound; None if it is not a feed of this desk."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or not is_feed(parts.path):
        return None
    return _bound(parts.path, parse_qsl(parts.query, keep_blank_values=True))


def asked_address(request: Request) -> str:
    """The address of a request in that form, with its path as sent and its parameters as the route parses them."""
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    return _bound(path, request.query_params.multi_items())


def with_token(address: str, token: str) -> str:
    """The address with the token, for a feed reader."""
    return f"{address}{'&' if '?' in address else '?'}{FEED_PARAMETER}={token}"


def _bound(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    values = [(name, value) for name, value in parameters if name != FEED_PARAMETER]
    # Keeps the order of repeated parameters, and empty ones, since the route decides which of them applies.
    return f"{path}?{urlencode(sorted(values, key=itemgetter(0)))}" if values else path
