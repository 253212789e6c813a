"""Web Push: notifications in a person's browser, through the push service that the browser chose.

The message is encrypted for the device (RFC 8291) and signed by this installation (RFC 8292). The endpoint comes from a
browser, so it is untrusted: only https on the default port, and no private network, unless the administrator lists the host.

A person's channel of this kind has no address: it represents their devices, each of which is a separate channel, named
``channel/device`` (``desk.use_cases.devices``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from core.errors import UsageError
from core.net.guard import is_listed
from desk.delivery import vapid
from desk.delivery.channels.base import Carrier, ChannelKind, Configured, Options, Trouble, host_of
from desk.delivery.channels.posting import Answer, Poster
from desk.delivery.push_payload import payload_of, topic_of
from desk.delivery.render import Notice
from desk.delivery.store.channels import Channel
from desk.delivery.store.devices import KIND, PER_MINUTE
from desk.language import N_

LONGEST = 2_000
KEPT_S = 86_400
"""How long a push service keeps a message for a device that is off; older messages can be read at the desk."""
URGENCY = {"low": "low", "normal": "normal", "high": "high", "urgent": "high"}
_SERVICE = "the push service"


class WebPushKind(ChannelKind):
    """``webpush:?endpoint=…&p256dh=…&auth=…``, with the values of a browser's subscription."""

    schemes = (KIND,)
    rank = 10
    per_minute = PER_MINUTE

    def configure(self, address: str, options: Mapping[str, str]) -> Configured:  # noqa: ARG002 - it has none
        """See ChannelKind."""
        given = parse_qs(address.partition(":")[2].removeprefix("?"))
        endpoint, p256dh, auth = (given.get(name, [""])[-1] for name in ("endpoint", "p256dh", "auth"))
        if not (endpoint and p256dh and auth):
            raise UsageError("a device's notifications are turned on at the desk, on its owner's account page")
        _checked_endpoint(endpoint)
        _checked_keys(p256dh, auth)
        return Configured({"url": endpoint, "p256dh": p256dh, "auth": auth})

    def open(self, channel: Channel, options: Options) -> Carrier:
        """See ChannelKind."""
        if not channel.config.get("url"):
            return NoDevice()
        url = str(channel.config["url"])
        address = _checked_endpoint(url)
        port = address.port or (443 if address.scheme == "https" else 80)
        usual = address.scheme == "https" and port == 443
        if not usual and not is_listed(address.hostname or "", port, options.allowed):
            raise UsageError("a push service is reached over HTTPS, on the usual port")
        key = options.push_key()
        if not key:
            raise UsageError("this installation has no key for Web Push yet: turn notifications on at the desk")
        return WebPushCarrier(channel, options, key)

    def shown(self, config: Mapping[str, Any]) -> str:
        """The push service's host."""
        host = host_of(str(config.get("url", "")))
        return f"{KIND}://{host}/…" if host else f"{KIND}:"

    def public(self, config: Mapping[str, Any]) -> Iterable[str]:
        """See ChannelKind."""
        yield KIND
        yield str(config.get("label", ""))
        yield host_of(str(config.get("url", "")))


class NoDevice:
    """A person's channel while it has no device."""

    def send(self, notice: Notice) -> None:  # noqa: ARG002 - nothing to send it to
        """Raise Trouble, since there is no device."""
        raise Trouble(N_("notifications are not turned on for any device"), again=False, channel=False)

    def close(self) -> None:
        """Does nothing: no connection is open."""


class WebPushCarrier:
    """One device. ``key``: the private key by which its push service recognises this installation."""

    def __init__(self, channel: Channel, options: Options, key: str) -> None:
        self._url = str(channel.config["url"])
        self._p256dh, self._auth = str(channel.config["p256dh"]), str(channel.config["auth"])
        self._options, self._key = options, key
        self._poster = Poster(options)

    def send(self, notice: Notice) -> None:
        """Push a notice. 2xx: accepted. 404 and 410: the device is gone. 408, 425, 429 and 5xx: retried later."""
        level = notice.alerts[0].level if notice.alerts else "normal"
        headers = {
            "content-type": "application/octet-stream",
            "content-encoding": "aes128gcm",
            "user-agent": "wirewatch",
            "ttl": str(KEPT_S),
            "urgency": "high" if notice.kind in ("kill", "test") else URGENCY.get(level, "normal"),
            "topic": topic_of(notice),
        }
        body = encrypted(payload_of(notice), self._p256dh, self._auth)
        now_ms = self._options.clock_ms()
        headers["authorization"] = vapid.authorization(self._key, self._url, self._options.sender, now_ms)
        _judge(self._poster.post(self._url, headers, body, receiver=_SERVICE))

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()


def address_of(endpoint: str, p256dh: str, auth: str) -> str:
    """The address of a device, from the values of its browser."""
    return f"{KIND}:?{urlencode({'endpoint': endpoint, 'p256dh': p256dh, 'auth': auth})}"


def encrypted(message: bytes, p256dh: str, auth: str) -> bytes:
    """The message encrypted for this device, with a key that is used only once."""
    import http_ece
    from cryptography.hazmat.primitives.asymmetric import ec

    once = ec.generate_private_key(ec.SECP256R1())
    point, secret = _bytes(p256dh), _bytes(auth)
    return bytes(http_ece.encrypt(message, private_key=once, dh=point, auth_secret=secret, version="aes128gcm"))


def _judge(answer: Answer) -> None:
    if answer.taken:
        return
    status = answer.status
    if status in (404, 410):
        raise Trouble(f"the browser's subscription has ended ({status}): the device is removed", again=False, gone=True)
    answer.check_passing(_SERVICE)
    if 300 <= status < 400:
        raise Trouble(f"{_SERVICE} redirected the request ({status}), which is not followed", again=False)
    if status in (401, 403):
        raise Trouble(
            f"{_SERVICE} refused the request ({status}): turn notifications on again on this device", again=False
        )
    raise Trouble(f"{_SERVICE} refused this message ({status})", again=False, channel=False)


def _checked_endpoint(endpoint: str) -> SplitResult:
    """The endpoint's parts. Raises UsageError if its form is not that of a push service; the message never shows it."""
    try:
        address = urlsplit(endpoint)
        host, _ = address.hostname, address.port
    except ValueError:
        host = None
    plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint and len(endpoint) <= LONGEST
    # A push can't be signed for an IPv6 address (RFC 8292 names an origin), and no push service has one.
    if (
        not host
        or ":" in host
        or not plain
        or address.scheme not in ("https", "http")
        or "@" in address.netloc
        or address.fragment
    ):
        raise UsageError("the browser gave an address that is not one of a push service")
    return address


def _checked_keys(p256dh: str, auth: str) -> None:
    """Raise UsageError for keys that can't be used for encryption."""
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(p256dh))
        fits = len(_bytes(p256dh)) == 65 and len(_bytes(auth)) == 16
    except (ValueError, binascii.Error):
        fits = False
    if not fits:
        raise UsageError("the browser gave keys that can't be used")


def _bytes(text: str) -> bytes:
    """Decodes Base64url with or without padding. Raises ValueError."""
    if not text.isascii() or len(text) > 200:
        raise ValueError(text)
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
