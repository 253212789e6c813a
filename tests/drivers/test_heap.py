"""Memory is given back after work, once a minute at most."""

from __future__ import annotations

from pipeline.drivers.heap import GiveBack, give_back, share_heaps


def test_it_is_given_back_after_work_and_no_oftener_than_once_a_minute() -> None:
    now, trims = [0], list[int]()
    heap = GiveBack(lambda: now[0], lambda: trims.append(now[0]))
    for at_ms, count in ((1_000, 5), (59_999, 0), (60_000, 0), (61_000, 3), (119_000, 0), (120_000, 0), (500_000, 0)):
        now[0] = at_ms
        heap.after(count)
    assert trims == [60_000, 120_000]


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    now, trims = [1_000_000], list[int]()
    heap = GiveBack(lambda: now[0], lambda: trims.append(now[0]))
    now[0] = 5
    heap.after(1)
    assert trims == [5]


def test_the_c_library_is_asked_where_there_is_one() -> None:
    share_heaps()
    give_back()
