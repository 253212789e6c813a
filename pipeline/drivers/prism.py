"""Prism, Beam's runner in one binary, with its precautions: for people who have it and ask for it.

See docs/architecture.md, "Two drivers of one graph".

Prism keeps everything in memory: when it ends, the run begins anew from the ledger. Beam would download a binary for whoever
asks for its runner; here it must be given, so that nothing unknown is run. A slow bundle is never split (Prism 2.77 may then
lose state; mended after it by apache/beam#40624). A Prism that was left alone ends by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, PrismRunnerOptions, StandardOptions
from apache_beam.runners.portability.job_server import StopOnExitJobServer
from apache_beam.runners.portability.prism_runner import PrismJobServer, PrismRunner

from core.errors import UsageError

NAMES = frozenset({"prism", "prismrunner"})
_NO_SPLIT = "--experiments=prism_disable_sdf_split"
_LEFT_ALONE_FOR = "30s"
_HINT = "deploy/local/prism.sh builds one and prints its path; give it by --beam-option=--prism_location=PATH"


def runner_name(options: Sequence[str]) -> str:
    """The runner that Beam's options name, in lower case and without its module."""
    named = PipelineOptions(list(options)).view_as(StandardOptions).runner or "DirectRunner"
    return str(named).lower().rpartition(".")[2]


def with_precautions(options: Sequence[str], *, which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Beam's options for Prism: the given binary, or a ``prism`` on the path, and no splits.

    Raises UsageError where there is no binary; an address is none, since nothing is downloaded.
    """
    given = PipelineOptions(list(options)).view_as(PrismRunnerOptions).prism_location
    found = given or which("prism")
    if not found:
        raise UsageError("no Prism on the path, and none is downloaded", hint=_HINT)
    if not Path(found).is_file():
        raise UsageError(f"no Prism at {found}, and none is downloaded", hint=_HINT)
    return [*options, f"--prism_location={Path(found).absolute()}", "--prism_log_level=warn", _NO_SPLIT]


class OwnPrism(PrismRunner):
    """Prism as a process of this one, for one job."""

    def default_job_server(self, options: PipelineOptions) -> Any:
        return StopOnExitJobServer(_Server(options))


class _Server(PrismJobServer):
    def prism_arguments(self, job_port: int) -> list[Any]:
        # Nobody ends it where this process is killed.
        return [*super().prism_arguments(job_port), f"--idle_shutdown_timeout={_LEFT_ALONE_FOR}"]
