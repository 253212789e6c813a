"""Jobs on a Flink cluster through its REST API: list, cancel, savepoint. Uses only the standard library.

Beam's job server leaves a job on the cluster when its submitter ends: a cancel request only makes it stop waiting (seen
with Beam 2.62 and Flink 1.19). A job left over from an earlier submitter can't write, because the run has a new owner,
but it keeps restarting and takes slots.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from core.errors import UsageError, WirewatchError

OVER = {"CANCELED", "FAILED", "FINISHED", "SUSPENDED"}
PATIENCE_S, ANSWER_S = 120.0, 30.0


class FlinkRefused(WirewatchError):
    """The cluster refused a request, or can't be reached."""


class FlinkAway(FlinkRefused):
    """The cluster can't be reached now."""


class FlinkJob(NamedTuple):
    """A job in the cluster's list; ``name`` is Beam's ``--job_name``."""

    id: str
    state: str
    name: str

    @property
    def over(self) -> bool:
        """Whether it has ended for good."""
        return self.state in OVER


class FlinkJobs:
    """The jobs of the cluster whose REST interface is at ``rest`` (http or https). Calls raise FlinkRefused.

    ``answer_s``: how long one request waits for the cluster.
    """

    def __init__(self, rest: str, *, answer_s: float = ANSWER_S) -> None:
        if not rest.startswith(("http://", "https://")):
            raise UsageError(f"{rest}: the REST address begins with http:// or https://")
        self._rest, self._answer_s = rest.rstrip("/"), answer_s

    def listing(self) -> list[FlinkJob]:
        """All jobs that the cluster remembers."""
        return [FlinkJob(job["jid"], job["state"], job["name"]) for job in self._ask("/jobs/overview")["jobs"]]

    def running(self, name: str) -> list[FlinkJob]:
        """The jobs with this name that have not ended."""
        return [job for job in self.listing() if job.name == name and not job.over]

    def ready(self, name: str) -> bool:
        """Whether a job with this name is running; one that waits for slots or restarts is not."""
        return any(job.state == "RUNNING" for job in self.running(name))

    def cancel(self, name: str) -> list[FlinkJob]:
        """Cancel all jobs with this name, wait until they have ended, and return them; it is not an error if there are none."""
        jobs = self.running(name)
        for job in jobs:
            self._ask(f"/jobs/{job.id}?mode=cancel", method="PATCH")
        self._until(lambda: not self.running(name), "end of the cancelled jobs")
        return jobs

    def savepoint(self, name: str, folder: str) -> str:
        """Make a savepoint of the only job with this name below ``folder`` (a URL); returns its location. The job goes on."""
        jobs = self.running(name)
        if len(jobs) != 1:
            raise FlinkRefused(f"{len(jobs)} jobs with the name {name!r} are running, not one")
        path = f"/jobs/{jobs[0].id}/savepoints"
        begun = self._ask(path, {"target-directory": folder, "cancel-job": False})
        told: dict[str, Any] = {}

        def over() -> bool:
            told.update(self._ask(f"{path}/{begun['request-id']}"))
            return bool(told["status"]["id"] == "COMPLETED")

        self._until(over, "savepoint")
        operation = told["operation"]
        if "location" not in operation:
            cause = str(operation.get("failure-cause", {}).get("stack-trace", operation)).partition("\n")[0]
            raise FlinkRefused(f"the savepoint failed: {cause}")
        return str(operation["location"])

    def failures(self, name: str, *, but: Collection[str] = ()) -> list[str]:
        """The failures of jobs with this name, even if they run again, as Flink and workers report them. ``but``:
        excluded ones.
        """
        told = [
            self._ask(f"/jobs/{job.id}/exceptions") for job in self.listing() if job.name == name and job.id not in but
        ]
        return [str(entry["stacktrace"]) for one in told for entry in one["exceptionHistory"]["entries"]]

    def _ask(self, path: str, body: object = None, *, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - http and https only, as checked above
            self._rest + path, data=data, headers={"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=self._answer_s) as answer:  # noqa: S310
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            # A proxy or the cluster itself while it starts.
            kind = FlinkAway if error.code in (502, 503, 504) else FlinkRefused
            raise kind(f"{self._rest}: HTTP {error.code} for {path}: {said}") from error
        except (OSError, ValueError) as error:
            raise FlinkAway(
                f"{self._rest}: {error}", hint="check that the cluster is running, and that this is its address"
            ) from error

    @staticmethod
    def _until(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise FlinkRefused(f"no {what} within {PATIENCE_S:.0f} s")
            time.sleep(0.5)
