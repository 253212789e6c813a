"""The stream driver's own loop, beside the runner: waiting for an unavailable store, fencing, restarts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from core.clock import wall_ms
from core.errors import Fenced, StoreError, StreamUnavailable, UsageError, WirewatchError
from core.settings import Settings
from pipeline.drivers import stream
from pipeline.ledger.ledger import UNOWNED
from pipeline.versions import OtherVersion, require_same
from tests.wirewatch.command import wirewatch


class Job:
    """A submitted job; ``state`` as Beam tells it."""

    def __init__(self) -> None:
        self.state, self.cancelled = "RUNNING", False

    def cancel(self) -> None:
        self.cancelled = True


class Live:
    """A run whose store answers from a script: a name is the owner, an exception is raised."""

    def __init__(self, *answers: str | Exception) -> None:
        self.settings, self.owner, self.ledger = Settings(), "me", self
        self.answers, self.relayed, self.closed = list(answers), 0, False
        self.cut: list[int] = []
        self.fenced = False
        self.lanes: list[mock.Mock] = []

    def owner_now(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def relay(self) -> None:
        self.relayed += 1

    def strike_cut_off(self) -> int:
        return self.cut.pop(0) if self.cut else 0

    def mirror_ledger(self) -> None:
        if self.fenced:
            raise Fenced("run 'live' belongs to another owner now")

    def prune(self) -> None:
        pass

    def slow_lane(self) -> mock.Mock:
        self.lanes.append(mock.Mock())
        return self.lanes[-1]

    def close(self) -> None:
        # Before the store is closed that it works on.
        assert [(lane.start.call_count, lane.close.call_count) for lane in self.lanes] == [(1, 1)] * len(self.lanes)
        self.closed = True


def drive(
    *runs: Live, settings: Settings | None = None, failures: Sequence[str] = (), running: Sequence[int] = ()
) -> tuple[list[Job], mock.Mock]:
    """Run the driver over these submissions until the last one's script is used up."""
    jobs = [Job() for _ in runs]
    submitted = iter(zip(runs, jobs, strict=True))
    told = mock.Mock(return_value=list(failures))
    counts = iter(running)
    beside = mock.Mock(side_effect=lambda _name: [None] * next(counts, 1))
    on_cluster = mock.Mock(
        return_value=mock.Mock(cancel=mock.Mock(return_value=[]), failures=told, listing=list, running=beside)
    )

    def submit(*_arguments: Any, **_options: Any) -> tuple[Live, Job]:
        return next(submitted)

    patched = mock.patch.multiple(stream, submit=submit, FlinkJobs=on_cluster, ASK_FAILURES_S=0.0)
    with patched:
        try:
            stream.run_as_stream(
                settings or Settings(),
                ["--runner=PortableRunner"],
                clock_ms=lambda: 0,
                wait=lambda _seconds: None,
                stop=lambda: not runs[-1].answers,
            )
        finally:
            assert all(job.cancelled for job in jobs)
            assert all(run.closed for run in runs)
    return jobs, on_cluster


def test_a_store_or_stream_that_is_away_is_waited_for_with_the_same_job() -> None:
    live = Live("me", StoreError("gone"), StreamUnavailable("kafka://x", "gone"), "me", "me")
    drive(live)
    assert live.relayed == 3


def test_a_run_that_was_taken_over_ends_and_leaves_the_other_job_alone() -> None:
    on_cluster = mock.Mock()
    with mock.patch.object(stream, "_cancel_on_cluster", on_cluster), pytest.raises(Fenced, match="taken over"):
        drive(Live("me", "somebody", "me"), settings=Settings(flink_rest_url="http://cluster:8081"))
    on_cluster.assert_not_called()


def test_a_store_behind_the_runner_starts_a_new_job() -> None:
    first, second = Live("me", UNOWNED), Live("me")
    jobs, _ = drive(first, second)
    assert (len(jobs), first.relayed, second.relayed) == (2, 1, 1)


def test_a_run_released_between_two_queries_is_not_a_takeover() -> None:
    # The kill harness found it: a worker saw that the log was cut while the driver was asking for the position.
    first, second = Live("me", UNOWNED), Live("me")
    first.fenced = True
    jobs, _ = drive(first, second)
    assert (len(jobs), first.relayed, second.relayed) == (2, 1, 1)
    taken = Live("me", "somebody", "me")
    taken.fenced = True
    with pytest.raises(Fenced, match="taken over"):
        drive(taken)


def test_a_stream_that_came_back_shorter_starts_a_new_job() -> None:
    first, second = Live("me", StreamUnavailable("kafka://x", "gone"), "me", "me"), Live("me")
    first.cut = [3]
    jobs, _ = drive(first, second)
    assert (len(jobs), first.answers, second.relayed) == (2, ["me"], 1)


@pytest.mark.parametrize("failure", ["java.lang.Exception: Connection refused", ""])
def test_a_job_that_fails_and_is_restarted_is_left_to_the_cluster(failure: str) -> None:
    live = Live("me", "me")
    _, on_cluster = drive(live, settings=Settings(flink_rest_url="http://cluster:8081"), failures=[failure])
    assert live.relayed == 2
    assert on_cluster.return_value.failures.call_count == 2


def test_a_late_job_of_an_earlier_owner_is_cancelled_and_ours_restarts() -> None:
    # Its submitter stood still between taking the run and sending the job off, so there was nothing to cancel then.
    first, second = Live("me", "me", "me"), Live("me", "me")
    jobs, on_cluster = drive(
        first, second, settings=Settings(flink_rest_url="http://cluster:8081"), running=[0, 1, 2, 1, 1]
    )
    assert (len(jobs), first.relayed, second.relayed) == (2, 2, 2)
    assert on_cluster.return_value.cancel.call_count == 2, "between the two and at the end"


def test_a_job_that_meets_workers_of_another_version_ends_with_their_words() -> None:
    with pytest.raises(OtherVersion) as refused:
        require_same("0.2.0+0badcafe", "a job")
    told = f"java.lang.RuntimeException: {refused.value}\n\tat org.apache.beam"
    live = Live("me", "me")
    with pytest.raises(WirewatchError) as caught:
        drive(live, settings=Settings(flink_rest_url="http://cluster:8081"), failures=["something else", told])
    assert str(caught.value) == str(refused.value)
    assert live.relayed == 0


def test_a_job_that_ended_is_an_error() -> None:
    live = Live("me")
    ended = mock.patch.object(Job, "__init__", lambda self: vars(self).update(state="FAILED", cancelled=False))
    with ended, pytest.raises(WirewatchError, match="the job ended: FAILED"):
        drive(live)


@pytest.mark.parametrize(
    ("options", "name"), [((), "wirewatch-live"), (("--job_name=wirewatch-of-mine",), "wirewatch-of-mine")]
)
def test_an_earlier_job_of_the_run_is_cancelled_before_it_is_taken(options: tuple[str, ...], name: str) -> None:
    done: list[str] = []

    class Jobs:
        def __init__(self, rest: str) -> None:
            assert rest == "http://cluster:8081"

        def cancel(self, job_name: str) -> list[Any]:
            done.append(f"cancelled {job_name}")
            return []

    def take(*_arguments: Any, **_options: Any) -> Any:
        done.append("taken")
        raise StoreError("enough seen")

    settings = Settings(flink_rest_url="http://cluster:8081")
    with (
        mock.patch.object(stream, "FlinkJobs", Jobs),
        mock.patch.object(stream, "LiveRun", take),
        pytest.raises(StoreError, match="enough"),
    ):
        stream.submit(settings, ["--runner=PortableRunner", *options], clock_ms=lambda: 0)
    assert done == [f"cancelled {name}", "taken"]
    done.clear()
    with mock.patch.object(stream, "LiveRun", take), pytest.raises(StoreError, match="enough"):
        stream.submit(Settings(), ["--runner=PortableRunner", *options], clock_ms=lambda: 0)
    assert done == ["taken"], "without an address no server is asked"


@pytest.mark.parametrize(
    ("runner", "why"),
    [
        ("DirectRunner", "keeps no order"),
        ("BundleBasedDirectRunner", "keeps no order"),
        ("SwitchingDirectRunner", "by itself"),
        ("FnApiRunner", "only runs bounded pipelines"),
        ("apache_beam.runners.direct.direct_runner.DirectRunner", "keeps no order"),
        ("prism", "in memory only"),
        ("apache_beam.runners.portability.prism_runner.PrismRunner", "in memory only"),
        ("DataflowRunner", "containers that it starts"),
        ("apache_beam.runners.dataflow.dataflow_runner.DataflowRunner", "containers that it starts"),
        ("SparkRunner", "no state and no timers"),
        ("apache_beam.runners.portability.spark_runner.SparkRunner", "no state and no timers"),
        ("DaskRunner", "was never run on it"),
        ("RenderRunner", "was never run on it"),
        ("of.mine.Runner", "was never run on it"),
    ],
)
def test_runners_that_cannot_do_it_are_refused_with_the_reason(tmp_path: Path, runner: str, why: str) -> None:
    settings = Settings(data_dir=str(tmp_path))
    with pytest.raises(UsageError, match=why) as caught:
        stream.submit(settings, [f"--runner={runner}"], clock_ms=wall_ms)
    assert "Flink" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == [], "the run was not taken"


def test_the_command_line_refuses_the_direct_runner_with_one_sentence(tmp_path: Path) -> None:
    done = wirewatch("pipeline", "run", "--runner", "DirectRunner", cwd=tmp_path)
    assert done.returncode == 2
    [said] = [line for line in done.stderr.splitlines() if line.startswith("wirewatch: ")]
    assert "can't run continuously: it keeps no order and leaks memory while idle" in said
