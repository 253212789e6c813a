"""``wirewatch desk``: the newsroom page."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Annotated

import typer
from msgspec.structs import replace

from core.errors import UsageError
from core.settings import Settings, load_settings
from core.store import Store, open_store
from desk.people.addresses import is_loopback
from desk.people.store import PeopleStore
from wirewatch.commands.services import SUPERVISED, stop_on_signals
from wirewatch.terminal import console

CLOSING_S = 3


def desk(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on (setting desk_host).")] = "",
    port: Annotated[int | None, typer.Option(help="Port; 0: any (setting desk_port).", min=0, max=65_535)] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", hidden=True, help="For wirewatch up --demo alone.")] = False,
) -> None:
    """Serve the desk until stopped: live stories, search, subscriptions, coverage, and the API."""
    settings = load_settings(context.obj)
    settings = replace(
        settings, desk_host=host or settings.desk_host, desk_port=settings.desk_port if port is None else port
    )
    if demo and not (is_loopback(settings.desk_host) and os.environ.get(SUPERVISED)):
        raise UsageError("without sign-in the desk is for the demo alone", hint="wirewatch up --demo starts it")
    listening = listen(settings)
    _serve(settings, listening, demo=demo)


def _serve(settings: Settings, listening: socket.socket, *, demo: bool) -> None:
    if not os.environ.get(SUPERVISED):
        console.note("the desk starts …")
    # Here, so that other commands don't wait for a web server to be loaded.
    import uvicorn

    from core.search import SearchIndex, search_folder
    from desk.web.app import create_app
    from desk.web.deps import Desk
    from wirewatch.commands.desk_feeds import Feeds

    store = open_store(settings.store)
    if not demo:
        _somebody_may_in(settings, store)
    feeds = Feeds(settings, store)
    app = create_app(
        made := Desk(
            settings=settings,
            store=store,
            clock_ms=console.now_ms,
            monotonic=time.monotonic,
            feeds=feeds,
            search=SearchIndex.open(search_folder(settings), run=settings.run),
            demo=demo,
        )
    )
    if not os.environ.get(SUPERVISED):
        # Under ``up`` the supervisor has said so.
        console.note(f"the desk is at {address(settings, listening.getsockname()[1])}; Ctrl-C ends it", "bold")
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # Open streams end by themselves once the desk closes.
            timeout_graceful_shutdown=CLOSING_S,
        )
    )
    stop = stop_on_signals()

    async def until_stopped() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not serving.done() and not stop.is_set():
            await asyncio.sleep(0.2)
        # Streams first, or the server would wait for them.
        made.hub.close()
        server.should_exit = True
        await serving

    asyncio.run(until_stopped())
    feeds.close()
    store.close()


def _somebody_may_in(settings: Settings, store: Store) -> None:
    """Nobody being let in yet is fine on this machine; a desk that is open to others should not wait there like that.

    Raises UsageError.
    """
    if settings.desk_proxy_header or PeopleStore(store).listing():
        return
    hint = "wirewatch people add NAME --role admin"
    if not is_loopback(settings.desk_host):
        store.close()
        raise UsageError(f"nobody can sign in yet, and {settings.desk_host} can be reached by others", hint=hint)
    console.note(f"nobody can sign in yet: {hint}", "yellow")


def address(settings: Settings, port: int | None = None) -> str:
    """Where people reach the desk."""
    if settings.desk_public_url:
        return settings.desk_public_url
    host = "127.0.0.1" if settings.desk_host in ("0.0.0.0", "::") else settings.desk_host  # noqa: S104 - compared
    return f"http://{f'[{host}]' if ':' in host else host}:{port or settings.desk_port}/"


def free_port(wanted: int) -> int:
    """The port on this machine if it is free, else one that is."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted


def listen(settings: Settings) -> socket.socket:
    """The socket of the desk. Raises UsageError."""
    family = socket.AF_INET6 if ":" in settings.desk_host else socket.AF_INET
    # The protocol by name: where it is 0, asyncio leaves Nagle's algorithm on, and every answer's body comes 40 ms late.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.desk_host, settings.desk_port))
        made.listen(256)
    except OSError as error:
        made.close()
        raise UsageError(
            f"the desk can't listen on {settings.desk_host}:{settings.desk_port}: {error.strerror}",
            hint="choose others with --host and --port, or desk_host and desk_port",
        ) from error
    return made
