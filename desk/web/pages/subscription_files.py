"""Subscriptions as files: export, import of an export, and the Atom feed of one's alerts."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Request, Response, UploadFile
from starlette.responses import RedirectResponse

from core.store.lookup import alerts_of
from desk.delivery.atom import MEDIA_TYPE, atom_feed
from desk.people.roles import Role
from desk.use_cases.subscriptions import read, to_json_lines, to_toml
from desk.web.deps import TheActor, TheCaller, TheDesk, base_url
from desk.web.guard import allow
from desk.web.pages.subscriptions import known, subscriptions_of
from desk.web.problems import Refused

router = APIRouter(include_in_schema=False)
FORMATS = {"jsonl": "application/jsonl; charset=utf-8", "toml": "application/toml; charset=utf-8"}


@router.get("/subscriptions/export.{kind}")
@allow(Role.READER)
def export(desk: TheDesk, kind: str) -> Response:
    """All subscriptions, for import elsewhere."""
    if kind not in FORMATS:
        raise Refused(404, f"no such format; there are {', '.join(FORMATS)}")
    several = subscriptions_of(desk).all()
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-subscriptions.{kind}"'}
    return Response(
        to_toml(several) if kind == "toml" else to_json_lines(several), headers=headers, media_type=FORMATS[kind]
    )


@router.post("/subscriptions/import")
@allow(Role.EDITOR)
def import_file(desk: TheDesk, by: TheActor, caller: TheCaller, file: Annotated[UploadFile, File()]) -> Response:
    """Store the subscriptions of a file, all or none."""
    name = (file.filename or "the file")[:100]
    several = read(file.file.read(), name, toml=name.endswith(".toml"))
    saved = subscriptions_of(desk).save_all(several, by=caller.name)
    count = sum(one.changed for one in saved)
    desk.directory.note(by, "subscriptions imported", name, f"{count} of {len(saved)} changed")
    done = f"{name}: {count} saved, {len(saved) - count} as they were"
    return RedirectResponse(f"/subscriptions?done={quote(done)}", 303)


@router.get("/subscriptions/of/{subscription}/alerts.atom")
@allow(Role.READER)
def alerts(request: Request, desk: TheDesk, subscription: str) -> Response:
    """The newest alerts of a subscription, for a feed reader."""
    stored = known(desk, subscription)
    base = base_url(request, desk)
    found = alerts_of(desk.store, desk.settings.run, stored.id)
    query = f"?{request.url.query}" if request.url.query else ""
    return Response(
        atom_feed(stored, found, self_url=f"{base}{request.url.path}{query}", desk_url=base), media_type=MEDIA_TYPE
    )
