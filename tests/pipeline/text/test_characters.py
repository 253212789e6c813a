"""Letters are counted by a table of all characters."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.characters import count_letters

DENSE = re.compile("[\u2e80-\ud7af]")
TEXTS = st.text(st.one_of(st.characters(), st.characters(exclude_categories=()), st.sampled_from("aé中カ한я1 .")))


def letters(text: str) -> int:
    return sum(2 if DENSE.match(char) else 1 for char in text if char.isalpha())


@given(TEXTS, st.integers(1, 500))
def test_letters_are_counted_as_defined(text: str, times: int) -> None:
    long = text * times
    counted = count_letters(long)
    assert counted == letters(text) * times
    for enough in (1, counted, counted + 1):
        assert count_letters(long, enough=enough) == min(counted, enough)


def test_each_character_counts_as_defined() -> None:
    step = 0x400
    for start in range(0, 0x110000, step):
        part = "".join(map(chr, range(start, start + step)))
        assert count_letters(part) == letters(part)
