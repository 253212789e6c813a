"""Webhooks: a signed POST of JSON as in https://www.standardwebhooks.com, so that existing libraries can verify it.

Headers: ``webhook-id`` (the idempotency key, the same for every try), ``webhook-timestamp`` (seconds), ``webhook-signature``
(``v1,`` and the Base64 of HMAC-SHA256 over ``id.timestamp.body``). The secret is ``whsec_`` and Base64. The schema of the body
is ``docs/alert.schema.json``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from core.errors import UsageError
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, host_of
from desk.delivery.channels.posting import Answer, Poster
from desk.delivery.render import Notice
from desk.delivery.store.channels import Channel

PREFIX = "whsec_"


class WebhookKind(ChannelKind):
    """``http(s)://``: any receiver that accepts a signed POST."""

    schemes = ("http", "https")
    example = "https://hooks.outlet.example/wirewatch"
    rank = 10
    per_minute = 600
    options: ClassVar[Mapping[str, str]] = {
        "secret": "Secret of the webhook (Standard Webhooks); default: a generated one."
    }

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:
        """See ChannelKind. Generates a secret if none is given."""
        try:
            host, _ = urlsplit(address).hostname, urlsplit(address).port
        except ValueError:
            host = None
        if not host:
            raise UsageError("that web address has no host")
        if secret := options.get("secret", ""):
            key_of(secret)
            return Configured({"url": address, "secret": secret})
        made = PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
        return Configured({"url": address, "secret": made}, made)

    def open(self, channel: Channel, options: Options) -> Carrier:
        """See ChannelKind."""
        return WebhookCarrier(channel, options)

    def shown(self, config: Mapping[str, Any]) -> str:
        """The host of the receiver."""
        url = str(config.get("url", ""))
        return f"{url.partition(':')[0]}://{host_of(url)}/…"

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """See ChannelKind."""
        yield from super().public(config)
        yield host_of(str(config.get("url", "")))


class WebhookCarrier:
    """One receiver."""

    def __init__(self, channel: Channel, options: Options) -> None:
        self._url = str(channel.config["url"])
        self._secret = str(channel.config.get("secret", ""))
        self._options = options
        self._poster = Poster(options)

    def send(self, notice: Notice) -> None:
        """POST a notice. 2xx: accepted. 408, 425, 429 and 5xx: retried later. Others: refused. Redirects are not followed."""
        body = msgspec.json.encode(notice.payload())
        now_ms = self._options.clock_ms()
        headers = {
            "content-type": "application/json",
            "user-agent": "wirewatch",
            "idempotency-key": notice.id,
            "webhook-id": notice.id,
            "webhook-timestamp": str(now_ms // 1000),
        }
        if self._secret:
            headers["webhook-signature"] = sign(self._secret, notice.id, now_ms // 1000, body)
        self._judge(self._poster.post(self._url, headers, body))

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    @staticmethod
    def _judge(answer: Answer) -> None:
        if answer.taken:
            return
        status = answer.status
        answer.check_passing("the receiver")
        if 300 <= status < 400:
            raise Trouble(f"the receiver answered {status}: it has moved, give its new address", again=False)
        if status in (401, 403, 404, 410):
            raise Trouble(f"the receiver refused the request ({status}): check the address and secret", again=False)
        raise Trouble(f"the receiver refused this message ({status})", again=False, channel=False)


def sign(secret: str, identity: str, timestamp_s: int, body: bytes) -> str:
    """The value of ``webhook-signature``. Raises UsageError for an invalid secret."""
    digest = hmac.new(key_of(secret), f"{identity}.{timestamp_s}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def key_of(secret: str) -> bytes:
    """The key in a ``whsec_`` secret. Raises UsageError if it is invalid."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 16 <= len(key) <= 64:
        raise UsageError("a webhook's secret must be whsec_ followed by 16 to 64 bytes in Base64")
    return key
