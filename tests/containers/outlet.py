"""An outlet and a webhook's receiver. POST /more/N publishes N articles; POST /broken/1 breaks the feed."""

import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORDS = [
    "harbour",
    "grain",
    "corridor",
    "insurer",
    "envoy",
    "ceasefire",
    "pipeline",
    "ferry",
    "tanker",
    "customs",
    "delegation",
    "ministry",
    "winter",
    "border",
    "convoy",
    "market",
    "summit",
    "union",
    "rail",
    "bridge",
]
KEPT = Path("/var/lib/wirewatch/articles")
state = {"articles": 0, "notices": 0, "broken": 0}


def title(number: int) -> str:
    chosen = random.Random(number)
    return f"{' '.join(chosen.sample(WORDS, 5))} {number}".capitalize()


def page(number: int) -> str:
    chosen = random.Random(-number)
    lines = [
        f"{' '.join(chosen.choices(WORDS, k=40))} in Ukraine, item {number}.{line}".capitalize() for line in range(5)
    ]
    body = "".join(f"<p>{line}</p>" for line in lines)
    head = f"<head><title>{title(number)}</title></head>"
    return f"<html>{head}<body><article><h1>{title(number)}</h1>{body}</article></body></html>"


def feed() -> str:
    newest = range(state["articles"], max(0, state["articles"] - 400), -1)
    items = "".join(
        f"<item><title>{title(number)}</title><link>http://outlet:8000/a/{number}</link>"
        f"<guid>http://outlet:8000/a/{number}</guid></item>"
        for number in newest
    )
    head = "<title>Outlet</title><link>http://outlet:8000/</link><description>Harbours</description>"
    return f"<rss version='2.0'><channel>{head}{items}</channel></rss>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/count":
            self._answer("text/plain", f"{state['articles']} {state['notices']}")
        elif self.path == "/feed.xml" and state["broken"]:
            self.send_error(500)
        elif self.path == "/feed.xml":
            self._answer("application/rss+xml", feed())
        elif self.path.startswith("/a/"):
            self._answer("text/html; charset=utf-8", page(int(self.path.removeprefix("/a/"))))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.startswith("/more/"):
            state["articles"] += int(self.path.removeprefix("/more/"))
            # What was published stays so, also if the engine ends.
            KEPT.write_text(str(state["articles"]))
        elif self.path.startswith("/broken/"):
            state["broken"] = int(self.path.removeprefix("/broken/"))
        else:
            state["notices"] += 1
        self._answer("text/plain", "ok")

    def _answer(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


state["articles"] = int(KEPT.read_text()) if KEPT.exists() else int(sys.argv[1])
ThreadingHTTPServer(("", 8000), Handler).serve_forever()
