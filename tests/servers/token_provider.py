"""A token endpoint as OpenID providers have it: client credentials in, unsigned tokens out, over TLS."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

from tests.serving import Answering, Handler

CLIENT, SECRET = "wire watch", "s:e/c@r&t"


def unsigned_token(subject: str, seconds: int = 600) -> str:
    """A token that a broker believes which checks no signatures."""
    now_s = int(time.time())
    claims = {"sub": subject, "iat": now_s - 5, "exp": now_s + seconds, "scope": "kafka"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims)]
    return b".".join([*parts, b""]).decode()


class Provider:
    """Gives tokens for ``subject``; ``status`` and ``answer`` replace them. ``asked`` has the scope of each request."""

    def __init__(self, subject: str) -> None:
        self.subject, self.seconds = subject, 600
        self.status, self.answer = 200, b""
        self.asked: list[str] = []
        self.url = ""

    def reply(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        """The status and the body for a request."""
        self.asked.append(form.get("scope", [""])[0])
        if self.answer or self.status != 200:
            return self.status, self.answer
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {known}" or form["grant_type"] != ["client_credentials"]:
            return 401, b'{"error": "invalid_client"}'
        token = unsigned_token(self.subject, self.seconds)
        return 200, json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": self.seconds}).encode()


@contextmanager
def token_provider(subject: str, certificate: Path, key: Path) -> Iterator[Provider]:
    """Serve tokens on 127.0.0.1."""
    provider = Provider(subject)

    class Tokens(Handler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = provider.reply(self.headers["Authorization"] or "", form)
            self.send(status, body, Content_Type="application/json")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Answering(Tokens, context) as server:
        provider.url = f"{server.url}/token"
        yield provider
