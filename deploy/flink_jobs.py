#!/usr/bin/env python3
"""Wirewatch's jobs on a Flink cluster, by its REST interface: list, cancel, savepoint. Needs only Python.

Beam's job server leaves a job on the cluster when its submitter ends: asked to cancel, it only stops waiting (seen with
Beam 2.62 and Flink 1.19). So whoever starts the pipeline service cancels what an earlier one left. An uncancelled job
can't write, as the run has a new owner, but it restarts for ever.

    flink_jobs.py http://jobmanager:8081 list
    flink_jobs.py http://jobmanager:8081 cancel wirewatch-live
    flink_jobs.py http://jobmanager:8081 savepoint wirewatch-live file:///flink-data/savepoints

A job is meant by its name (Beam's ``--job_name``). ``savepoint`` prints the savepoint's place; the job goes on. Exit 0: done
(also where there is no job to cancel); 1: the cluster can't be reached or refuses, or there is no job to save; 2: wrong use.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

OVER = {"CANCELED", "FAILED", "FINISHED", "SUSPENDED"}
PATIENCE_S = 120.0


class FlinkRefused(Exception):
    """What the cluster said, for the person who asked."""


def main(arguments: list[str]) -> int:
    """Do what the arguments say; see the module's own words."""
    work: Callable[..., None]
    names: tuple[str, ...] = ()
    match arguments:
        case [rest, "list"]:
            work = _list
        case [rest, "cancel", name] if name:
            work, names = _cancel, (name,)
        case [rest, "savepoint", name, folder] if name:
            work, names = _savepoint, (name, folder)
        case _:
            sys.stderr.write("usage: flink_jobs.py REST_URL list | cancel NAME | savepoint NAME FOLDER\n")
            return 2
    if not rest.startswith(("http://", "https://")):
        sys.stderr.write(f"flink_jobs.py: {rest}: the REST address begins with http:// or https://\n")
        return 2
    try:
        work(rest.rstrip("/"), *names)
    except (OSError, ValueError, FlinkRefused) as error:
        sys.stderr.write(f"flink_jobs.py: {rest}: {error}\n")
        return 1
    return 0


def _list(rest: str) -> None:
    for job in _ask(rest, "/jobs/overview")["jobs"]:
        sys.stdout.write(f"{job['jid']}  {job['state']:<10}  {job['name']}\n")


def _cancel(rest: str, name: str) -> None:
    for job in _running(rest, name):
        _ask(rest, f"/jobs/{job['jid']}?mode=cancel", method="PATCH")
        sys.stdout.write(f"{job['jid']} {job['name']}: cancelled\n")
    _until(lambda: not _running(rest, name), "end of the cancelled jobs")


def _savepoint(rest: str, name: str, folder: str) -> None:
    jobs = _running(rest, name)
    if len(jobs) != 1:
        raise FlinkRefused(f"{len(jobs)} jobs of the name {name!r} run, not one")
    begun = _ask(rest, f"/jobs/{jobs[0]['jid']}/savepoints", {"target-directory": folder, "cancel-job": False})
    told: dict[str, Any] = {}

    def over() -> bool:
        told.update(_ask(rest, f"/jobs/{jobs[0]['jid']}/savepoints/{begun['request-id']}"))
        return bool(told["status"]["id"] == "COMPLETED")

    _until(over, "savepoint")
    operation = told["operation"]
    if "location" not in operation:
        cause = str(operation.get("failure-cause", {}).get("stack-trace", operation)).partition("\n")[0]
        raise FlinkRefused(f"the savepoint failed: {cause}")
    sys.stdout.write(f"{operation['location']}\n")


def _running(rest: str, name: str) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = _ask(rest, "/jobs/overview")["jobs"]
    return [job for job in jobs if job["name"] == name and job["state"] not in OVER]


def _ask(rest: str, path: str, body: object = None, *, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - main() let only http and https through
        rest + path, data=data, headers={"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        raise FlinkRefused(f"HTTP {error.code} for {path}: {error.read(500).decode(errors='replace')}") from error


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise FlinkRefused(f"no {what} within {PATIENCE_S:.0f} s")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
