"""Builds the application. A new page needs a module in ``pages``, a template, and a line in ``PAGES``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute

from desk.language import N_
from desk.use_cases.desk import Desk
from desk.web import problems
from desk.web.api import day as api_day
from desk.web.api import decisions as api_decisions
from desk.web.api import feeds as api_feeds
from desk.web.api import handover as api_handover
from desk.web.api import index as api_index
from desk.web.api import search as api_search
from desk.web.api import stories as api_stories
from desk.web.api import subscriptions as api_subscriptions
from desk.web.guard import guard, is_known, probe, recognise
from desk.web.pages import (
    account,
    alerts,
    briefing,
    channels,
    coverage,
    devices,
    handover,
    installed,
    labels,
    live,
    overview,
    people,
    preferences,
    rejected,
    search,
    stories,
    subscriptions,
    topics,
)
from desk.web.render import STATIC
from desk.web.requests import TheDesk
from desk.web.runtime import running
from desk.web.shell import Shell, hosts_of

PAGES: tuple[tuple[APIRouter, str], ...] = (
    (overview.router, N_("Overview")),
    (live.router, N_("Live")),
    (alerts.router, N_("Alerts")),
    (search.router, N_("Search")),
    (subscriptions.router, N_("Subscriptions")),
    (topics.router, N_("Topics")),
    (coverage.router, N_("Coverage")),
    (briefing.router, N_("Briefing")),
    (handover.router, N_("Handover")),
    (stories.router, ""),
    (labels.router, ""),
    (channels.router, ""),
    (account.router, ""),
    (devices.router, ""),
    (preferences.router, ""),
    (installed.router, ""),
    (people.router, ""),
    (rejected.router, ""),
)
"""Every module of pages, in the order of the navigation, with the name of its first route there; "" if it is not there."""

health = APIRouter(include_in_schema=False)


@health.get("/healthz")
@probe
def healthz(desk: TheDesk) -> PlainTextResponse:
    """200: the process answers. The text contains nothing confidential."""
    return PlainTextResponse(f"{_state(desk)}\n")


@health.get("/readyz")
@probe
def readyz(desk: TheDesk) -> PlainTextResponse:
    """200 if the store can be read and followed, else 503."""
    return PlainTextResponse(f"{_state(desk)}\n", 200 if desk.problem is None else 503)


def _state(desk: Desk) -> str:
    if desk.problem is not None:
        return "the store can't be read"
    return "ok" if desk.hub.ready.is_set() else "ok, still loading its stories"


ROUTERS: tuple[APIRouter, ...] = (
    *(router for router, _ in PAGES),
    health,
    api_stories.router,
    api_day.router,
    api_decisions.router,
    api_subscriptions.router,
    api_feeds.router,
    api_search.router,
    api_handover.router,
    api_index.router,
)


_application = partial(
    FastAPI, title="Wirewatch", version="1", description="Articles, stories and alerts of a Wirewatch desk."
)


def described() -> FastAPI:
    """Only the application's routes, without a desk, for its description."""
    app = _application()
    for router in ROUTERS:
        app.include_router(router)
    return app


def create_app(desk: Desk) -> FastAPI:
    """The application of one desk. Its background work runs between ASGI startup and shutdown."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(desk):
            yield

    app = _application(
        lifespan=lifespan,
        dependencies=[Depends(guard)],
        # FastAPI's own pages load scripts from other hosts; /api/ shows the same with our own files.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    app.state.rows = {}
    app.state.navigation = [(_path(router), name) for router, name in PAGES if name]
    app.router.routes.extend(_routes())
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app, recognise)
    hosts = hosts_of(desk.settings.desk_public_url, demo=desk.demo)
    app.add_middleware(Shell, hosts=hosts, secure=desk.secure, known=is_known)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    """The routes of all routers, computed once per process: they don't depend on a desk, and FastAPI needs 70 ms for them."""
    made = _application(dependencies=[Depends(guard)], openapi_url=None, docs_url=None, redoc_url=None)
    for router in ROUTERS:
        made.include_router(router)
    return made.router.routes


def _path(router: APIRouter) -> str:
    return next(route.path for route in router.routes if isinstance(route, APIRoute))
