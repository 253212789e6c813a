"""The desk as an app: its manifest, the script that answers without a connection, and the page that it then shows."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from desk.web.guard import allow
from desk.web.render import STATIC, fragment, static_url

router = APIRouter(include_in_schema=False)
KEPT_FILES = ("desk.css", "icon.svg", "theme.js", "retry.js")
"""Our own files that the page without a connection needs; the script lists their addresses."""


@router.get("/manifest.webmanifest")
@allow(None)
def manifest(request: Request) -> Response:  # noqa: ARG001 - every route has one
    """What a browser installs. The same for everyone: it is asked for without a session."""
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
    """At the root, since a script answers for what is below its own address only.

    It names the digest of what it keeps: a browser installs a script again, and with it what that keeps, only if it differs.
    """
    kept = hashlib.blake2b(fragment("offline.html").encode(), digest_size=8)
    for name in KEPT_FILES:
        kept.update((STATIC / name).read_bytes())
    script = (STATIC / "service-worker.js").read_text("utf-8").replace("DIGEST", kept.hexdigest(), 1)
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/offline")
@allow(None)
def offline() -> Response:
    """What is shown without a connection. It holds nothing of anyone's."""
    return HTMLResponse(fragment("offline.html"))
