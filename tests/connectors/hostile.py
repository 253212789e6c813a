"""A server that does to a client what the worst of the web does: a path for each case."""

from __future__ import annotations

import gzip
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.connectors.support import Answer, Page, Site
from tests.serving import Answering, Handler

RUSSIAN = "Министр заявил во вторник, что переговоры будут продолжены, хотя дата следующей встречи не назначена"


def items(*entries: str) -> str:
    return "".join(f"<item>{entry}</item>" for entry in entries)


def rss(inner: str, *, head: str = "", declaration: str = "") -> str:
    return f"{declaration}{head}<rss version='2.0'><channel><title>Hostile</title>{inner}</channel></rss>"


def said(name: str, number: int = 1) -> str:
    """An item without a link: its text is the article, so that a feed is all that is asked for."""
    return f"<title>{name} {number}</title><guid>{name}-{number}</guid><description>Text of {name}.</description>"


def xml(text: str | bytes, kind: str = "application/rss+xml", **headers: str) -> Answer:
    return Answer(text.encode() if isinstance(text, str) else text, headers={"Content-Type": kind, **headers})


def endless(request: BaseHTTPRequestHandler) -> Answer:
    """A feed that never stops: one item after another."""
    request.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n\r\n<rss><channel>"
    )
    piece = items(said("endless")).encode() * 500
    request.close_connection = True
    for _ in range(2_000):
        request.wfile.write(piece)
    return Answer()


def endless_header(request: BaseHTTPRequestHandler) -> Answer:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    request.close_connection = True
    for _ in range(2_000):
        request.wfile.write(b"x" * 10_000)
    return Answer()


def noise(request: BaseHTTPRequestHandler) -> Answer:
    request.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    request.close_connection = True
    raise ConnectionError


class Drip:
    """A byte now and then, without end: each comes in time, the sum does not."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def __call__(self, request: BaseHTTPRequestHandler) -> Answer:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n\r\n")
        request.close_connection = True
        while not self._over.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()
        raise ConnectionError


def lying_etag(name: str, box: list[int]) -> Page:
    """The ETag stays although the feed changes, and requests with it are answered with 304."""

    def page(request: BaseHTTPRequestHandler) -> Answer:
        if request.headers["If-None-Match"]:
            return Answer(status=304)
        return xml(rss(items(*(said(name, n) for n in range(box[0], 0, -1)))), ETag='"always"')

    return page


def entity_bomb() -> str:
    levels = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    head = f'<!DOCTYPE r [<!ENTITY a0 "lol">{levels}]>'
    return rss(items(said("bomb"), "<title>&a9;</title><guid>bomb-2</guid>"), head=head)


def external_entity(secret: Path, site: Site) -> str:
    declared = f'<!ENTITY file SYSTEM "file://{secret}"><!ENTITY web SYSTEM "{site.url("/asked-by-an-entity")}">'
    head = f'<!DOCTYPE r [{declared}<!ENTITY % dtd SYSTEM "{site.url("/asked-by-an-entity")}"> %dtd;]>'
    return rss(items("<title>&file;&web;</title><guid>x</guid><description>Text &file;</description>"), head=head)


def gzip_bomb() -> bytes:
    return gzip.compress(b"\0" * 200_000_000, 9)


@contextmanager
def tls_site(folder: Path, body: bytes) -> Iterator[str]:
    """A server with a certificate of no known authority; gives its host and port."""
    key, certificate = folder / "own.key", folder / "own.pem"
    subject = ("-subj", "/CN=localhost", "-days", "2")
    made = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *subject,
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    )
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Page(Handler):
        def do_GET(self) -> None:
            self.send(200, body)

    with Answering(Page, context) as server:
        yield f"127.0.0.1:{server.server_port}"
