"""Matrix products of the story stage stay in their thread."""

from __future__ import annotations

import os
import subprocess
import sys

_PRINTED = """
from threadpoolctl import threadpool_info
from pipeline.stories.index import StoryIndex

def threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

before = threads()
StoryIndex()
print(before, threads())
"""


def test_an_index_leaves_one_thread_for_matrix_products() -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    told = subprocess.run([sys.executable, "-c", _PRINTED], env=environment, capture_output=True, text=True, check=True)
    # The library takes no more threads than there are cores.
    assert told.stdout in ("[2] [1]\n", "[1] [1]\n")
