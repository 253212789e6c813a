"""A pool of external Python workers for Flink: ``python -m pipeline.drivers.workers PORT``.

Flink's task managers ask the pool for a worker each; every worker is a process of its own, so a page that kills it
takes nobody along, and Flink restarts the job from its checkpoint.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer


def serve(port: int) -> None:
    """Serve workers on ``port`` until the process is ended."""
    # Beam starts workers with whatever "python" is on the path: it must be the one that has Wirewatch.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    _, server = BeamFnExternalWorkerPoolServicer.start(use_process=True, port=port, state_cache_size=32 << 20)
    try:
        threading.Event().wait()
    finally:
        server.stop(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
