"""Flink's REST interface, played by a small server: what is cancelled, what is left alone, what is said when it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.errors import UsageError
from pipeline.drivers.flink_rest import FlinkJobs, FlinkRefused


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


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_all_that_is_left_of_a_run_is_cancelled_and_nothing_else(cluster: Cluster) -> None:
    cluster.jobs = {
        "old": ["RUNNING", "wirewatch-live"],
        "older": ["RESTARTING", "wirewatch-live"],
        "done": ["FAILED", "wirewatch-live"],
        "other": ["RUNNING", "wirewatch-replay"],
    }
    assert [job.id for job in FlinkJobs(cluster.url).cancel("wirewatch-live")] == ["old", "older"]
    assert cluster.cancelled == ["old", "older"]
    assert {one: state for one, (state, _) in cluster.jobs.items()} == {
        "old": "CANCELED",
        "older": "CANCELED",
        "done": "FAILED",
        "other": "RUNNING",
    }


def test_nothing_to_cancel_is_no_error(cluster: Cluster) -> None:
    assert FlinkJobs(cluster.url).cancel("wirewatch-live") == []
    assert cluster.cancelled == []


def test_what_the_cluster_says_is_passed_on(cluster: Cluster) -> None:
    cluster.refuses = True
    with pytest.raises(FlinkRefused, match=r"HTTP 503 for /jobs/overview.*no leader"):
        FlinkJobs(cluster.url).cancel("wirewatch-live")


def test_a_cluster_that_is_away_is_named() -> None:
    with pytest.raises(FlinkRefused, match=r"http://127\.0\.0\.1:1: .*does the cluster run"):
        FlinkJobs("http://127.0.0.1:1").listing()
    with pytest.raises(UsageError, match="begins with http"):
        FlinkJobs("file:///etc/passwd")


def test_failures_are_those_of_jobs_of_the_name_that_are_not_excepted(cluster: Cluster) -> None:
    assert FlinkJobs(cluster.url).failures("wirewatch-live") == []
    cluster.jobs = {
        "old": ["CANCELED", "wirewatch-live"],
        "new": ["RESTARTING", "wirewatch-live"],
        "other": ["FAILED", "wirewatch-replay"],
    }
    cluster.failed = {"old": ["long ago"], "new": ["refused", "refused before"], "other": ["of another run"]}
    assert FlinkJobs(cluster.url).failures("wirewatch-live", but={"old"}) == ["refused", "refused before"]
    assert FlinkJobs(cluster.url).failures("wirewatch-live", but={"old", "new"}) == []


def test_a_savepoint_needs_exactly_one_job(cluster: Cluster) -> None:
    cluster.jobs = {one: ["RUNNING", "wirewatch-live"] for one in ("a", "b")}
    with pytest.raises(FlinkRefused, match="2 jobs of the name 'wirewatch-live' run, not one"):
        FlinkJobs(cluster.url).savepoint("wirewatch-live", "file:///savepoints")
