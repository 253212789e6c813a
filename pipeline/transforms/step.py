"""The base of all steps of the graph, which run only in workers of the version that built the graph.

Objects that the steps of a process share (matcher, writer) are loaded once and kept: an index of 72 hours takes seconds to
load, and runners drop steps that were idle for a minute. In ``teardown``, a step closes only connections, which are opened
again when needed. In slices every graph ends with a teardown, so there the driver keeps connections open (``keep_open``).
"""

from __future__ import annotations

import apache_beam as beam

from core.logs import configure_worker
from core.store import Store
from pipeline.versions import VERSION, require_same

_kept = False


def keep_open() -> None:
    """Make steps of this process keep their connections from now on, since it runs one graph after another."""
    global _kept
    _kept = True


def rest(store: Store) -> None:
    """Close the store's idle connections, unless this process keeps them. The store can still be used afterwards."""
    if not _kept:
        store.engine.dispose()


class Step(beam.DoFn):
    """The base DoFn. It is pickled with the submitter's version, which ``setup`` compares with the worker's."""

    _built_by: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self._built_by = VERSION

    def setup(self) -> None:
        """Configure the worker's logs. Raises OtherVersion."""
        require_same(self._built_by, f"step {type(self).__name__.lstrip('_')}")
        configure_worker()
