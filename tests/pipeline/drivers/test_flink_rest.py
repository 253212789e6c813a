"""Flink's REST interface, played by a small server: what is cancelled, what is left alone, what is said when it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import UsageError
from pipeline.drivers.flink_rest import FlinkJobs, FlinkRefused
from tests.servers.flink_rest import Cluster, playing


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with playing() as made:
        yield made


def test_exactly_the_remaining_jobs_of_a_run_are_cancelled(cluster: Cluster) -> None:
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


def test_nothing_to_cancel_is_not_an_error(cluster: Cluster) -> None:
    assert FlinkJobs(cluster.url).cancel("wirewatch-live") == []
    assert cluster.cancelled == []


def test_what_the_cluster_says_is_passed_on(cluster: Cluster) -> None:
    cluster.refuses = True
    with pytest.raises(FlinkRefused, match=r"HTTP 503 for /jobs/overview.*no leader"):
        FlinkJobs(cluster.url).cancel("wirewatch-live")


def test_a_cluster_that_is_away_is_named() -> None:
    with pytest.raises(FlinkRefused, match=r"http://127\.0\.0\.1:1: .*check that the cluster is running"):
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
    with pytest.raises(FlinkRefused, match="2 jobs with the name 'wirewatch-live' are running, not one"):
        FlinkJobs(cluster.url).savepoint("wirewatch-live", "file:///savepoints")
