"""What every step of the graph has in common: it runs only in a worker of the version that built the graph."""

from __future__ import annotations

import apache_beam as beam

from core.logs import configure_worker
from pipeline.versions import VERSION, require_same


class Step(beam.DoFn):
    """A DoFn of ours. It is pickled with the submitter's version, which ``setup`` compares with the worker's."""

    _built_by: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self._built_by = VERSION

    def setup(self) -> None:
        """Configure the worker's logs. Raises OtherVersion."""
        require_same(self._built_by, f"step {type(self).__name__.lstrip('_')}")
        configure_worker()
