"""Flink's REST interface, played by a small server."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Cluster:
    """Jobs by id: (state, name). A cancelled one is CANCELLING when first asked for, then CANCELED."""

    def __init__(self) -> None:
        self.jobs: dict[str, list[str]] = {}
        self.cancelled: list[str] = []
        self.failed: dict[str, list[str]] = {}
        self.refuses = False
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if cluster.refuses:
                    self._send(503, {"errors": ["no leader"]})
                    return
                if self.path.endswith("/exceptions"):
                    entries = [{"timestamp": 1, "stacktrace": text} for text in cluster.failed[self.path.split("/")[2]]]
                    self._send(200, {"exceptionHistory": {"entries": entries}})
                    return
                told = [{"jid": one, "state": state, "name": name} for one, (state, name) in cluster.jobs.items()]
                for job in cluster.jobs.values():
                    job[0] = {"CANCELLING": "CANCELED"}.get(job[0], job[0])
                self._send(200, {"jobs": told})

            def do_PATCH(self) -> None:
                identity = self.path.removeprefix("/jobs/").removesuffix("?mode=cancel")
                cluster.cancelled.append(identity)
                cluster.jobs[identity][0] = "CANCELLING"
                self._send(202, {})

            def _send(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@contextlib.contextmanager
def playing() -> Iterator[Cluster]:
    """A cluster without jobs, while the context is open."""
    made = Cluster()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()
