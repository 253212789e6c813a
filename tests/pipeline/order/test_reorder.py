"""Restoring a numbered sequence, against a plain oracle."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.order import restore


@dataclass(frozen=True)
class Element:
    number: int
    body: str = ""


def numbers(elements: list[Element]) -> list[int]:
    return [element.number for element in elements]


CASES = {
    "nothing": (0, [], [], [], [], 0),
    "the one that is awaited": (3, [], [3], [3], [], 4),
    "an early one": (3, [], [5], [], [5], 3),
    "the awaited one frees what is held": (3, [4, 5, 7], [3], [3, 4, 5], [7], 6),
    "one handled before": (3, [], [2], [], [], 3),
    "held ones handled meanwhile": (6, [4, 5, 7], [], [], [7], 6),
    "a repeat of a held one": (3, [5], [5], [], [5], 3),
    "all at once, backwards": (0, [], [3, 2, 1, 0], [0, 1, 2, 3], [], 4),
}


@pytest.mark.parametrize("case", CASES)
def test_elements_are_held_or_ready_as_a_case_says(case: str) -> None:
    expected, held, arrived, ready, still_held, then = CASES[case]
    result = restore(expected, [Element(n) for n in held], [Element(n) for n in arrived])
    assert (numbers(result.ready), numbers(result.held), result.expected) == (ready, still_held, then)


@given(st.lists(st.lists(st.integers(0, 20), max_size=6), max_size=12))
def test_arrivals_in_any_order_with_repeats_come_out_as_the_oracle_says(batches: list[list[int]]) -> None:
    expected, held, out = 0, list[Element](), list[int]()
    arrived: set[int] = set()
    for batch in batches:
        result = restore(expected, held, [Element(number) for number in batch])
        expected, held = result.expected, result.held
        out += numbers(result.ready)
        # Oracle: the longest gapless beginning of all that ever arrived has come out; the rest is held, once each.
        arrived |= set(batch)
        whole = next(number for number in range(22) if number not in arrived)
        assert out == list(range(whole))
        assert expected == whole
        assert numbers(held) == sorted(number for number in arrived if number > whole)


@given(st.permutations(range(12)), st.integers(1, 5))
def test_nothing_is_missing_once_all_have_come(order: list[int], size: int) -> None:
    expected, held, out = 0, list[Element](), list[int]()
    for at in range(0, len(order), size):
        result = restore(expected, held, [Element(number) for number in order[at : at + size]])
        expected, held = result.expected, result.held
        out += numbers(result.ready)
    assert out == list(range(12))
    assert held == []
