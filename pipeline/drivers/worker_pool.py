"""Beam's pool of external workers, except for how a worker process starts, and for which jobs.

A job submitted by another version of Wirewatch is refused before a worker unpickles any of it: the submitter puts its
version into the parameters of the workers' environment (``with_version``).

Separate from ``pipeline.drivers.workers``, because importing this module loads Beam, and logging must be configured first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

from core.errors import UsageError
from pipeline.malloc import TIDY
from pipeline.versions import VERSION, OtherVersion, require_same

log = structlog.get_logger()
PARAMETER = "wirewatch"
STATE_CACHE_BYTES = 32 << 20
_PROGRAM = """\
from core.logs import configure_worker
configure_worker(service="worker")
from apache_beam.runners.worker.sdk_worker import SdkHarness
SdkHarness({url!r}, worker_id={name!r}, state_cache_size={cache}, data_buffer_time_limit_ms=-1).run()
"""


class VersionedPool(BeamFnExternalWorkerPoolServicer):
    """Starts workers with this interpreter, whatever is on the path, and with our log format from their first line."""

    def StartWorker(  # noqa: N802 - its name in Beam's interface
        self,
        start_worker_request: beam_fn_api_pb2.StartWorkerRequest,
        unused_context: Any,  # noqa: ARG002
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Start a process; an error is returned to the runner, which shows it as the failure of the job."""
        name = start_worker_request.worker_id
        try:
            require_same(start_worker_request.params.get(PARAMETER), "a job")
        except OtherVersion as error:
            log.error("a job is refused", error=str(error))  # noqa: TRY400 - the message is enough
            return beam_fn_api_pb2.StartWorkerResponse(error=str(error))
        program = program_of(start_worker_request.control_endpoint.url, name)
        try:
            # It inherits our standard output: Beam would give it a pipe that nothing reads, and that would fill up.
            self._worker_processes[name] = subprocess.Popen(  # noqa: S603 - our own program, the rest is quoted
                [sys.executable, "-c", program], close_fds=True, env=environment(os.environ)
            )
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"a worker can't be started: {error.strerror}")
        return beam_fn_api_pb2.StartWorkerResponse()


def program_of(url: str, name: str) -> str:
    """The program of a worker. ``url`` and ``name`` are quoted as text, whatever they contain. Pure."""
    return _PROGRAM.format(url=url, name=name, cache=STATE_CACHE_BYTES)


def with_version(options: Sequence[str]) -> list[str]:
    """Beam's options, with our version in the parameters of an external environment. Raises UsageError. Pure."""
    found = PipelineOptions(list(options)).view_as(PortableOptions)
    if str(found.environment_type).upper() != "EXTERNAL" or not found.environment_config:
        return list(options)
    config: dict[str, Any] = {"url": found.environment_config}
    if found.environment_config.lstrip().startswith("{"):
        try:
            config = json.loads(found.environment_config)
        except ValueError as error:
            raise UsageError(f"--environment_config is not JSON: {error}", hint="use HOST:PORT") from error
    params = {**(config.get("params") or {}), PARAMETER: VERSION}
    # The last one counts.
    return [*options, f"--environment_config={json.dumps({**config, 'params': params})}"]


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment: ours, with the allocator's settings (``TIDY``) unless ours sets them. Pure."""
    return {**TIDY, **ours}
