"""Channels as people handle them: made from an address, tried out. The desk uses this; nothing here shows an address."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

from core.errors import UsageError, WirewatchError
from core.settings import Settings
from desk.delivery.channels import Options, carrier_of, kind_of
from desk.delivery.channels.kinds import PER_MINUTE
from desk.delivery.channels.webhook import PREFIX
from desk.delivery.render import Renderer
from desk.delivery.secrets import redacted
from desk.delivery.store.channels import Channel, key_of
from desk.delivery.store.queue import Message

LONGEST_NAME = 60


def options_of(settings: Settings, clock_ms: Callable[[], int], monotonic: Callable[[], float]) -> Options:
    """What channels are given by the installation."""
    allowed = frozenset(one.strip().lower() for one in settings.delivery_allow_private.split(",") if one.strip())
    return Options(
        clock_ms=clock_ms, monotonic=monotonic, smtp=settings.smtp_url, sender=settings.smtp_from, allowed=allowed
    )


def channel_of_address(name: str, url: str, *, owner: str, options: Options) -> tuple[Channel, str]:
    """A channel, checked but not stored, and the secret that was made for a webhook (else empty); show it this once.

    Raises UsageError; the message never shows the address.
    """
    name, url = name.strip(), url.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name or " " in name:
        raise UsageError(
            f"{name!r} is no name for a channel", hint="use up to 60 characters without spaces and slashes"
        )
    kind = kind_of(url)
    secret = PREFIX + base64.b64encode(secrets.token_bytes(24)).decode() if kind == "webhook" else ""
    config = {"url": url, "secret": secret} if secret else {"url": url}
    made = Channel(
        name=name, kind=kind, config=config, owner=owner, per_minute=PER_MINUTE[kind], added_ms=options.clock_ms()
    )
    carrier_of(made, options).close()
    return made, secret


def try_out(channel: Channel, settings: Settings, options: Options) -> str:
    """Send a test message now: empty where the receiver took it, else why not, in plain words without secrets."""
    now_ms = options.clock_ms()
    message = Message(
        id=key_of("test", channel.name, str(now_ms)),
        channel=channel.name,
        subscription=channel.name,
        kind="test",
        level="normal",
        queued_ms=now_ms,
    )
    try:
        carrier = carrier_of(channel, options)
        try:
            carrier.send(Renderer(settings.delivery_templates, settings.desk_public_url).render(message, [], None))
        finally:
            carrier.close()
    except WirewatchError as error:
        return redacted(error.message, channel)
    except Exception as error:  # noqa: BLE001,RUF100 - a channel is somebody else's code and somebody else's server
        return redacted(str(error), channel) or type(error).__name__
    return ""
