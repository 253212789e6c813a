"""``wirewatch deliver``: alerts to people, until stopped."""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, ProcessCollector

from core.errors import StoreError
from core.settings import Settings, load_settings
from core.store import Store, open_store
from core.store.canary import CanaryRepository
from desk.delivery.channels import Options
from desk.delivery.metrics import DeliveryMetrics
from desk.delivery.render import Notice, Renderer
from desk.delivery.service import DeliveryService
from desk.delivery.store.channels import key_of
from desk.delivery.store.queue import Message
from wirewatch.commands.services import stop_on_signals
from wirewatch.monitoring.canary import CanaryMetrics, CanaryWatch, looking, ready_checks
from wirewatch.monitoring.probes import Check, serve_probes
from wirewatch.terminal import console

LOOK_S = 0.25
AWAY_S = 5.0
DAY_MS = 86_400_000


def deliver(
    context: typer.Context,
    metrics_port: Annotated[
        int,
        typer.Option(
            help="Port of /metrics, /healthz and /readyz; 0: none (default: the setting).", min=-1, max=65_535
        ),
    ] = -1,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is left that may go out now.")] = False,
) -> None:
    """Deliver alerts to mail, webhooks and chats. Several may run on one store; stopping loses nothing."""
    stop = stop_on_signals()
    settings = load_settings(context.obj)
    console.configure_service("delivery", settings)
    store = open_store(settings.store)
    worker = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
    service = DeliveryService(
        store,
        worker,
        delivery_options(settings),
        renderer_of(settings),
        canaries=CanaryRepository(store, settings.run),
        keep_ms=int(settings.delivery_keep_days * DAY_MS),
    )
    watch = _serve(settings, store, settings.metrics_port if metrics_port < 0 else metrics_port)
    if not once:
        watch.start(stop)
    try:
        while not stop.is_set():
            try:
                done = service.step()
            except StoreError as error:
                if once:
                    raise
                console.note(f"{error}; trying again", "red")
                stop.wait(AWAY_S)
                continue
            if once:
                service.wait_idle()
                if done.idle:
                    break
            elif done.idle:
                stop.wait(LOOK_S)
            else:
                stop.wait(LOOK_S / 10)
    finally:
        service.close()
        store.close()


def _serve(settings: Settings, store: Store, port: int) -> CanaryWatch:
    """The service's own probes, and the watch that one of them tells of. Raises UsageError where the port is taken."""
    registry = CollectorRegistry()
    look = looking(settings, store, console.now_ms)
    watch = CanaryWatch(look)
    DeliveryMetrics(store, console.now_ms, registry)
    registry.register(CanaryMetrics(look))
    ProcessCollector(registry=registry)

    def health() -> list[Check]:
        return [Check("delivery", ok=True, words="alive"), watch.last]

    def ready() -> list[Check]:
        return ready_checks("delivery", look)

    serve_probes(settings.metrics_host, port, registry, health=health, ready=ready)
    return watch


def delivery_options(settings: Settings) -> Options:
    """What channels are given."""
    allowed = frozenset(one.strip().lower() for one in settings.delivery_allow_private.split(",") if one.strip())
    return Options(
        clock_ms=console.now_ms,
        monotonic=time.monotonic,
        smtp=settings.smtp_url,
        sender=settings.smtp_from,
        allowed=allowed,
    )


def renderer_of(settings: Settings) -> Renderer:
    """The templates in force, and the desk that messages link to."""
    return Renderer(settings.delivery_templates, settings.desk_public_url)


def test_notice(settings: Settings, channel: str, now_ms: int) -> Notice:
    """A message that says it is a test."""
    message = Message(
        id=key_of("test", channel, str(now_ms)),
        channel=channel,
        subscription=channel,
        kind="test",
        level="normal",
        queued_ms=now_ms,
    )
    return renderer_of(settings).render(message, [], None)
