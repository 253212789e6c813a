"""A pool of external Python workers for Flink: ``python -m pipeline.drivers.workers PORT``.

Flink's task managers ask the pool for a worker each; every worker is a process of its own, so a page that kills it
takes nobody along, and Flink restarts the job from its checkpoint.
"""

from __future__ import annotations

import sys
import threading

from pipeline.logs import configure_worker


def serve(port: int) -> None:
    """Serve workers on ``port`` until the process is ended."""
    # Before Beam is loaded: it warns then of libraries that it lacks, which is no news and not in the form of our logs.
    configure_worker(service="workers")
    from pipeline.drivers.worker_pool import STATE_CACHE_BYTES, Pool

    _, server = Pool.start(use_process=True, port=port, state_cache_size=STATE_CACHE_BYTES)
    try:
        threading.Event().wait()
    finally:
        server.stop(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
