"""Finding the feeds of a site: it takes up to minutes, at the site's pace, so it goes on while the page waits."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from core.errors import WirewatchError
from desk.people.roles import Role
from desk.views.coverage import FeedPort, FoundFeed
from desk.web.deps import TheActor, TheDesk
from desk.web.guard import allow
from desk.web.pages.coverage import feeds_of
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
AT_ONCE, KEPT = 4, 50


@dataclass
class Search:
    """One site being looked through, or one that was."""

    url: str
    found: list[FoundFeed] = field(default_factory=list)
    problem: str = ""
    over: bool = False


class Searches:
    """All of a process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Search] = {}

    def get(self, name: str) -> Search | None:
        """The search of this name, while it is remembered."""
        return self._known.get(name)

    def begin(self, url: str, feeds: FeedPort) -> str | None:
        """Look through a site in a thread of its own, and return the search's name; None: enough are under way."""
        with self._lock:
            if sum(not one.over for one in self._known.values()) >= AT_ONCE:
                return None
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            name, search = secrets.token_hex(8), Search(url)
            self._known[name] = search
        threading.Thread(target=_look, args=(search, feeds), name=f"find {name}", daemon=True).start()
        return name


SEARCHES = Searches()


@router.post("/coverage/find")
@allow(Role.EDITOR)
def find(desk: TheDesk, by: TheActor, url: Annotated[str, Form(max_length=2_000)]) -> Response:
    """Begin to look for the feeds of a site."""
    url = url.strip()
    if "://" not in url:
        url = f"https://{url}"
    if not url.startswith(("http://", "https://")) or len(url) < 11:
        raise Refused(400, "give the address of a site, as in https://outlet.example/")
    name = SEARCHES.begin(url, feeds_of(desk))
    if name is None:
        raise Refused(429, "several sites are being looked through: wait for one of them", {"Retry-After": "30"})
    desk.directory.note(by, "feeds looked for", url)
    return RedirectResponse(f"/coverage/find/{name}", 303)


@router.get("/coverage/find/{name}")
@allow(Role.EDITOR)
def show(request: Request, desk: TheDesk, name: str) -> Response:
    """What was found so far."""
    search = SEARCHES.get(name)
    if search is None:
        raise Refused(404, "that search is forgotten: begin it again")
    watched = {feed.url for feed in feeds_of(desk).report().feeds if feed.state != "removed"}
    return page(request, "found.html", search=search, found=list(search.found), watched=watched)


def _look(search: Search, feeds: FeedPort) -> None:
    try:
        for found in feeds.find(search.url):
            search.found.append(found)
    except WirewatchError as error:
        search.problem = str(error)
    except Exception as error:  # noqa: BLE001,RUF100 - a thread has nobody else to tell
        search.problem = f"it broke off: {type(error).__name__}"
    finally:
        search.over = True
