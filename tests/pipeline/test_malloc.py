"""Memory is given back after work, by what was handled."""

from __future__ import annotations

from pipeline.malloc import GIVE_BACK_EVERY_BYTES, GiveBack, give_back, tidy_heaps

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
