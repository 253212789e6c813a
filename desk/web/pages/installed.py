"""The desk as an app: its manifest, the script that answers while offline, and the offline page."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from desk import language
from desk.web.guard import allow
from desk.web.render import STATIC, fragment, static_url

router = APIRouter(include_in_schema=False)
KEPT_FILES = ("desk.css", "icon.svg", "theme.js", "retry.js")
"""Files that the offline page needs; the script lists their addresses."""


@cache
def _worker(code: str, folder: Path) -> str:  # noqa: ARG001 - the offline page is in the current language
    kept = hashlib.blake2b(fragment("offline.html").encode(), digest_size=8)
    for name in KEPT_FILES:
        kept.update((folder / name).read_bytes())
    return (folder / "service-worker.js").read_text("utf-8").replace("DIGEST", kept.hexdigest(), 1)


@router.get("/manifest.webmanifest")
@allow(None)
def manifest(request: Request) -> Response:  # noqa: ARG001 - every route has one
    """The app's manifest. The same for everyone, since browsers fetch it without a session."""
    icon = {"src": static_url("icon.svg"), "type": "image/svg+xml", "sizes": "any", "purpose": "any"}
    described = {
        "name": "Wirewatch",
        "short_name": "Wirewatch",
        "id": "/overview",
        "start_url": "/overview",
        "scope": "/",
        "display": "standalone",
        "background_color": "#14171b",
        "theme_color": "#14171b",
        "icons": [icon],
    }
    return JSONResponse(described, media_type="application/manifest+json")


@router.get("/service-worker.js")
@allow(None)
def service_worker() -> Response:
    """The service worker, at the root, since it handles only addresses below its own.

    It contains a digest of the files it caches: a browser reinstalls a script, and refreshes its cache, only if it differs.
    """
    script = _worker(language.current(), STATIC)
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/offline")
@allow(None)
def offline() -> Response:
    """The page shown while offline. It contains no one's data."""
    return HTMLResponse(fragment("offline.html"))
