"""The application, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from desk.web import problems
from desk.web.deps import Desk
from desk.web.guard import guard
from desk.web.render import STATIC
from desk.web.routes import ROUTERS
from desk.web.runtime import running
from desk.web.shell import Shell, hosts_of


def create_app(desk: Desk) -> FastAPI:
    """The application of one desk. Its background work runs between ASGI's start-up and shut-down."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(desk):
            yield

    app = FastAPI(
        title="Wirewatch",
        version="1",
        description="Articles, stories and alerts of a Wirewatch desk.",
        lifespan=lifespan,
        dependencies=[Depends(guard)],
        # FastAPI's own pages load scripts from elsewhere; /api/ shows the same from our own files.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router)
    app.state.paths = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app)
    app.add_middleware(Shell, hosts=hosts_of(desk.settings.desk_public_url, demo=desk.demo), secure=desk.secure)
    return app
