"""Which kind of channel an address is for."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.errors import UsageError
from desk.delivery.channels.base import Carrier, Options
from desk.delivery.channels.chat import Chat, plugin_of
from desk.delivery.channels.mail import Mail, recipients_of, server_of
from desk.delivery.channels.webhook import Webhook, key_of
from desk.delivery.store.channels import Channel

PER_MINUTE = {"mail": 120, "webhook": 600, "chat": 30}
"""Messages a minute unless a channel says otherwise: what chat services bear, and mail servers."""


def kind_of(url: str, secret: str = "") -> str:
    """``mail`` for ``mailto:`` and ``smtp(s)://``, ``webhook`` for ``http(s)://``, else ``chat`` (Apprise).

    Raises UsageError where the address can't be used; the message never shows it.
    """
    scheme = url.partition(":")[0].lower()
    if scheme in ("mailto", "smtp", "smtps") and not url.startswith("mailto://"):
        recipients_of(url)
        if scheme != "mailto":
            server_of(url)
        return "mail"
    if scheme in ("http", "https"):
        try:
            host, _ = urlsplit(url).hostname, urlsplit(url).port
        except ValueError:
            host = None
        if not host:
            raise UsageError("that web address has no host")
        if secret:
            key_of(secret)
        return "webhook"
    plugin_of(url)
    return "chat"


def carrier_of(channel: Channel, options: Options) -> Carrier:
    """The channel, ready to carry. Raises UsageError where it can't."""
    match channel.kind:
        case "mail":
            return Mail(channel, options)
        case "webhook":
            return Webhook(channel, options)
        case "chat":
            return Chat(channel, options)
    raise UsageError(f"channel {channel.name!r} is of an unknown kind {channel.kind!r}")
