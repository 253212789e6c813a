"""Memory is given back after work, by what was handled."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from pipeline.malloc import GIVE_BACK_EVERY_BYTES, TIDY, GiveBack, give_back, tidy_heaps

_PART = GIVE_BACK_EVERY_BYTES // 4


def test_it_is_given_back_after_so_many_bytes_and_not_while_idle() -> None:
    given: list[bool] = []
    begun: list[int] = []
    counts: list[int] = []
    heap = GiveBack(lambda: given.append(True), lambda: begun.append(len(counts)))
    for size in (_PART, 0, _PART, 2 * _PART - 1, 0, 1, 0, 0, 8 * _PART, _PART):
        heap.after(size)
        counts.append(len(given))
    assert counts == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert begun == [0]


def test_the_c_library_is_used_if_there_is_one() -> None:
    tidy_heaps()
    give_back()


_FAULTS = """
import resource, sys
from pipeline.malloc import reuse_heap
if "reuse" in sys.argv:
    reuse_heap()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(1 << 20)
before = faults()
for _ in range(20):
    bytearray(b"x") * (1 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_a_page_process_reuses_large_blocks_although_its_worker_maps_them() -> None:
    def faults(*words: str) -> int:
        command = [sys.executable, "-c", _FAULTS, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **TIDY})
        return int(done.stdout)

    pages = (1 << 20) // 4096
    assert faults() > 19 * pages
    assert faults("reuse") < 3 * pages
