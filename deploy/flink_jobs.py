#!/usr/bin/env python3
"""Wirewatch's jobs on a Flink cluster, by its REST interface: list, cancel, savepoint. Needs Wirewatch's Python.

Beam's job server leaves a job on the cluster when its submitter ends: asked to cancel, it only stops waiting (seen with
Beam 2.62 and Flink 1.19). So before the pipeline service starts, the job of an earlier one must be cancelled; with the setting
``flink_rest_url`` the service does so itself. An uncancelled job can't write, as the run has a new owner, but it restarts
without end.

    flink_jobs.py http://jobmanager:8081 list
    flink_jobs.py http://jobmanager:8081 cancel wirewatch-live
    flink_jobs.py http://jobmanager:8081 savepoint wirewatch-live file:///flink-data/savepoints

A job is given by its name (Beam's ``--job_name``). ``savepoint`` prints the savepoint's path; the job continues. Exit 0: done
(also if there is no job to cancel); 1: the cluster can't be reached or refuses, or there is no job to save; 2: wrong use.
"""

from __future__ import annotations

import sys

from core.errors import WirewatchError
from pipeline.drivers.flink_rest import FlinkJobs

USAGE = "usage: flink_jobs.py REST_URL list | cancel NAME | savepoint NAME FOLDER\n"


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name; see the module's docstring."""
    try:
        match arguments:
            case [rest, "list"]:
                for job in FlinkJobs(rest).listing():
                    sys.stdout.write(f"{job.id}  {job.state:<10}  {job.name}\n")
            case [rest, "cancel", name] if name:
                for job in FlinkJobs(rest).cancel(name):
                    sys.stdout.write(f"{job.id} {job.name}: cancelled\n")
            case [rest, "savepoint", name, folder] if name:
                sys.stdout.write(f"{FlinkJobs(rest).savepoint(name, folder)}\n")
            case _:
                sys.stderr.write(USAGE)
                return 2
    except WirewatchError as error:
        sys.stderr.write(f"flink_jobs.py: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
