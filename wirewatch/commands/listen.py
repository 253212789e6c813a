"""``wirewatch connectors listen``: takes what hubs and others push."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Annotated

import typer

from connectors.http.client import Http
from connectors.push import webhook, websub
from connectors.push.request import NOT_FOUND, Request, Response
from connectors.push.server import PushServer, serving
from connectors.push.subscriptions import HubBook
from connectors.runner import to_records
from connectors.store.state import FeedState
from core.errors import StoreError, UsageError
from core.records import RawArticle
from core.settings import Settings, load_settings
from core.store import open_store
from core.streams.installation import raw_plan
from core.streams.open import create_planned
from wirewatch.monitoring.connectors import ConnectorProbes
from wirewatch.terminal import console

LOOK_S = 30.0


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.", min=0, max=65_535)] = 8410,
    public_url: Annotated[str, typer.Option(help="Where hubs reach this server; none: no hub is asked.")] = "",
    token: Annotated[str, typer.Option(envvar="PUSH_TOKEN", help="Who pushes articles must show it.")] = "",
    metrics_port: Annotated[
        int, typer.Option(help="Port of /metrics, /healthz and /readyz; 0: none (default: the setting).", min=-1)
    ] = -1,
) -> None:
    """Take pushes: of WebSub hubs (the feed is polled at once) and of articles (POST /articles), until stopped."""
    from wirewatch.commands.services import stop_on_signals

    if public_url and not public_url.startswith(("https://", "http://")):
        raise UsageError(f"{public_url}: not an address", hint="give one that begins with https://")
    if token and len(token) < 16:
        raise UsageError("the token is too short", hint="take 16 characters or more")
    settings = load_settings(context.obj)
    console.configure_service("listen", settings)
    stop = stop_on_signals()
    store = open_store(settings.store)
    probes = ConnectorProbes(settings, store, console.utc_now, "listen")
    probes.serve(settings.metrics_port if metrics_port < 0 else metrics_port)
    hubs = HubBook(store.engine)
    with Http.of_settings(settings) as http:
        public = public_url.rstrip("/")
        subscriber = websub.WebSub(hubs, FeedState(store.engine), http, public, clock=console.utc_now)
        hook = webhook.Webhook(token, _appending(settings, probes), clock=console.utc_now) if token else None

        def handle(request: Request) -> Response:
            if request.path.startswith(websub.PREFIX):
                return subscriber.handle(request)
            if request.path == webhook.PATH and hook:
                return hook.handle(request)
            return NOT_FOUND

        try:
            server = PushServer((host, port), handle, on_error=lambda words: console.note(words, "red"))
        except OSError as error:
            raise UsageError(f"{host}:{port}: {error.strerror}") from error
        with serving(server):
            console.note(f"listening on http://{host}:{server.server_address[1]}", "bold")
            while True:
                probes.tend()
                if public_url:
                    _ask_hubs(subscriber)
                if stop.wait(LOOK_S):
                    break
    store.close()


def _ask_hubs(subscriber: websub.WebSub) -> None:
    try:
        for one, problem in subscriber.subscribe():
            console.note(f"{one.hub}: {problem or 'asked for pushes of ' + one.topic}", "yellow" if problem else "dim")
    except StoreError as error:
        console.note(error.message, "red")


def _appending(settings: Settings, probes: ConnectorProbes) -> webhook.Append:
    """An append that any thread may call. A stream belongs to one thread, so each call opens it; calls take turns."""
    lock = threading.Lock()

    def append(articles: Sequence[RawArticle]) -> None:
        with lock, create_planned(settings.stream, raw_plan(settings)) as stream:
            records, stubs = to_records(tuple(articles), stream.max_value_bytes)
            stream.append(records)
            probes.appended(len(records), sum(len(record.value) for record in records), stubs)

    return append
