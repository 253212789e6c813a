"""Flink's REST interface, played by a small server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.serving import Answering, Handler


class Cluster:
    """Jobs by id: (state, name). A cancelled one is CANCELLING when first asked for, then CANCELED."""

    def __init__(self) -> None:
        self.jobs: dict[str, list[str]] = {}
        self.cancelled: list[str] = []
        self.failed: dict[str, list[str]] = {}
        self.refuses = False
        cluster = self

        class Rest(Handler):
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
                self.send(status, json.dumps(value).encode())

        self.server = Answering(Rest)
        self.url = f"{self.server.url}/"


@contextlib.contextmanager
def playing() -> Iterator[Cluster]:
    """A cluster without jobs, while the context is open."""
    made = Cluster()
    with made.server:
        yield made
