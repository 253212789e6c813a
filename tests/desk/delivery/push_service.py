"""A push service on this machine, and browsers that it delivers to: it checks who sends, they decrypt."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.jwt import decode

from tests.serving import Answering, Handler


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Browser:
    """A browser with a subscription; ``shown`` are the messages that it decrypted."""

    endpoint: str
    shown: list[dict[str, Any]] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def keys(self) -> dict[str, str]:
        """What a page sends of the subscription."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": self.endpoint, "p256dh": text(point), "auth": text(self.secret)}

    def decrypted(self, body: bytes) -> dict[str, Any]:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        found: dict[str, Any] = json.loads(plain)
        return found


@dataclass
class Push:
    """One request that the service took or refused."""

    browser: Browser
    headers: dict[str, str]
    size: int
    claims: dict[str, Any]
    status: int


@dataclass
class PushService:
    """``answers`` are the next statuses with headers, whoever is written to; ``gone`` the browsers that unsubscribed.

    ``faults``: what was wrong with a request, in which case it was refused with 400.
    """

    origin: str
    browsers: dict[str, Browser] = field(default_factory=dict)
    pushes: list[Push] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    now_s: float | None = None

    def browser(self) -> Browser:
        """A browser that subscribes."""
        path = f"/send/{secrets.token_urlsafe(12)}"
        made = self.browsers[path] = Browser(self.origin + path)
        return made

    def unsubscribe(self, browser: Browser) -> None:
        self.gone.add(browser.endpoint.removeprefix(self.origin))

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """The answer to a request; what it carries is shown by its browser if it is accepted."""
        browser = self.browsers.get(path)
        if browser is None:
            return 404, {}
        claims = self._claims(headers)
        if path in self.gone:
            answer: tuple[int, dict[str, str]] = (410, {})
        elif not claims or not self._fits(headers, body):
            answer = (400, {})
        else:
            answer = self.answers.pop(0) if self.answers else (201, {"location": f"{path}/receipt"})
        self.pushes.append(Push(browser, headers, len(body), claims, answer[0]))
        if answer[0] < 300:
            browser.shown.append(browser.decrypted(body))
        return answer

    def _claims(self, headers: dict[str, str]) -> dict[str, Any]:
        """What the sender signed (RFC 8292); empty, with a fault, if the signature, audience or time is wrong."""
        given = headers.get("authorization", "")
        scheme, _, rest = given.partition(" ")
        parts = dict(one.strip().split("=", 1) for one in rest.split(",") if "=" in one)
        if scheme.lower() != "vapid" or not Vapid02.verify(given):
            self.faults.append("the signature is wrong")
            return {}
        claims: dict[str, Any] = decode(parts["t"], parts["k"])
        now_s = self.now_s
        if claims["aud"] != self.origin:
            self.faults.append(f"audience {claims['aud']}")
        elif now_s is not None and not now_s < claims["exp"] <= now_s + 86_400:
            self.faults.append(f"expiry {claims['exp']}")
        elif not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
            self.faults.append("no contact")
        else:
            return claims | {"key": parts["k"]}
        return {}

    def _fits(self, headers: dict[str, str], body: bytes) -> bool:
        wrong = [
            headers.get("content-encoding") != "aes128gcm",
            not headers.get("ttl", "").isdigit(),
            headers.get("urgency") not in ("very-low", "low", "normal", "high"),
            not 0 < len(headers.get("topic", "")) <= 32,
            len(body) > 4_096,
        ]
        if any(wrong):
            self.faults.append(f"headers {headers} with {len(body)} bytes")
        return not any(wrong)


@contextmanager
def push_service() -> Iterator[PushService]:
    """One on a free port of this machine."""
    lock = threading.Lock()

    class Service(Handler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                status, headers = service.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send(status, **{name.replace("-", "_"): value for name, value in headers.items()})

    with Answering(Service) as server:
        service = PushService(server.url)
        yield service
