"""Renders pages from templates. Everything is escaped; content from feeds is always text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jinja2
from fastapi import Request
from markupsafe import Markup
from starlette.responses import HTMLResponse

from core.errors import StoreError
from core.failure_words import FAILURES, WALLS
from desk import language
from desk.labels import KINDS
from desk.people.credentials import form_token
from desk.people.preferences import DENSITIES, MOST_VIEWS, Own
from desk.people.roles import ROLE_NAMES, Caller, Role
from desk.views.status_bar import status_of
from desk.views.wording import (
    CHANGE_SIZES,
    CHANNEL_STATES,
    DELIVERY_STATES,
    FEED_STATES,
    LEVELS,
    REASONS,
    SEVERITIES,
    STATES,
    Clock,
    asked_again_words,
    closed_up,
    iso,
    kept_short,
    language_name,
    news_text,
    outlet_name,
    span,
    total_words,
)

if TYPE_CHECKING:
    from desk.use_cases.desk import Desk

HERE = Path(__file__).parent
STATIC = HERE / "static"
MODULES = frozenset(path.name for path in STATIC.glob("*.js")) - {"theme.js"}


def safe_link(url: str | None) -> str:
    """The address if it is http or https, else "", so that no ``javascript:`` from a feed becomes a link."""
    try:
        parts = urlsplit((url or "").strip())
    except ValueError:
        return ""
    return (url or "").strip() if parts.scheme in ("http", "https") and parts.netloc else ""


@cache
def static_url(name: str) -> str:
    """The address of a static file, with its digest, so that browsers may cache it.

    Modules have no digest: they import each other by plain name, and a module with two addresses would run twice.
    """
    if name in MODULES:
        return f"/static/{name}"
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=8).hexdigest()
    return f"/static/{name}?v={digest}"


def _gettext(message: str, **values: object) -> Markup:
    return _html(language.catalogue(language.current()).gettext(message)) % language.as_written(values)


def _ngettext(one: str, many: str, count: int, **values: object) -> Markup:
    said = language.catalogue(language.current()).ngettext(one, many, count)
    return _html(said) % language.as_written({"num": count, **values})


def _pgettext(context: str, message: str, **values: object) -> Markup:
    return _html(language.catalogue(language.current()).pgettext(context, message)) % language.as_written(values)


def _html(sentence: str) -> Markup:
    return Markup(sentence)  # noqa: S704 - a constant of a template (a test checks this), or its translation


def _environment() -> jinja2.Environment:
    """The template environment. ``_`` and similar functions take constants, which are trusted HTML like their translations.

    Values in them are escaped. Text from a table is translated by the filter ``translated``, and escaped.
    """
    made = jinja2.Environment(
        extensions=["jinja2.ext.i18n"],
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["safe_link"] = safe_link
    made.filters["language"] = language_name
    made.filters["kept_short"] = kept_short
    made.filters["iso"] = iso
    made.filters["span"] = span
    for name, table in (
        ("reason", REASONS),
        ("failure", FAILURES),
        ("level", LEVELS),
        ("severity", SEVERITIES),
        ("state", STATES),
        ("feed_state", FEED_STATES),
        ("delivery_state", DELIVERY_STATES),
        ("channel_state", CHANNEL_STATES),
        ("change_size", CHANGE_SIZES),
        ("wall", WALLS),
        ("label_words", KINDS),
        ("role", ROLE_NAMES),
    ):
        made.filters[name] = partial(language.in_words, table)
    made.filters["total_words"] = total_words
    made.filters["asked_again"] = asked_again_words
    made.filters["closed_up"] = closed_up
    made.filters["news_text"] = news_text
    made.filters["capitalised"] = language.capitalised
    # With "new style", the functions fill in the values.
    setattr(made, "newstyle_gettext", True)  # noqa: B010 - an attribute of the extension
    made.policies["ext.i18n.trimmed"] = True
    made.globals |= {"_": _gettext, "gettext": _gettext, "ngettext": _ngettext, "pgettext": _pgettext}
    made.filters |= {"number": language.number, "percent": language.percent, "listed": language.listed}
    made.filters |= {"translated": language.gettext, "known": language.known, "said": language.said}
    made.globals |= {"language": language.current, "direction": language.direction}
    made.globals["static"] = static_url
    made.globals["Role"] = Role
    return made


ENVIRONMENT = _environment()


def clock_of(desk: Desk) -> Clock:
    """The desk's clock, as of now."""
    return Clock(desk.clock_ms(), desk.zone)


def fragment(template: str, /, **values: Any) -> str:
    """Renders a template without a request: a part of a page that is the same for everyone."""
    return ENVIRONMENT.get_template(template).render(**values)


def _own(desk: Desk, caller: Caller | None, path: str) -> Own:
    """The caller's preferences; none for the page that says that the store is unavailable."""
    if caller is None:
        return Own()
    try:
        return desk.preferences.of(caller.id, path)
    except StoreError:
        return Own()


def page(
    request: Request, template: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Renders a whole page for the caller."""
    desk: Desk = request.app.state.desk
    caller = getattr(request.state, "caller", None)
    own = _own(desk, caller, request.url.path)
    cookie: str = getattr(request.state, "form_cookie", "")
    clock = clock_of(desk)
    html = ENVIRONMENT.get_template(template).render(
        caller=caller,
        can=lambda role: caller is not None and caller.role.covers(Role(role)),
        form_token=form_token(cookie) if cookie else "",
        navigation=request.app.state.navigation,
        path=request.url.path,
        clock=clock,
        status=status_of(desk.health, clock),
        nothing_yet=desk.hub.ready.is_set()
        and not (desk.board.snapshot() or desk.health.last_ms or any(desk.hours.hours.values())),
        watched=desk.health.feeds.watched if desk.health.feeds is not None else None,
        path_query=request.url.query,
        here=f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
        density=own.density,
        densities=DENSITIES,
        views=own.views,
        keeps_views=own.keeps,
        most_views=MOST_VIEWS,
        demo=desk.demo,
        outlet_of=lambda source: outlet_name(source, desk.follower.outlets),
        labels_of=lambda source: desk.follower.labels.get(source, ()),
        page_status=status,
        script_words=language.script_words(language.current()),
        language_names={code: language.own_name(code) for code in language.LANGUAGES},
        **values,
    )
    return HTMLResponse(html, status, dict(headers or {}))
