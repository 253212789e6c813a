"""A caller that asks for certain odds gets the same answer from fewer stretches."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction import wall_meaning
from pipeline.extraction.wall_meaning import Meaning, kind_of, meaning_of

KINDS = ("consent", "robot", "login")


@given(st.text(min_size=1, max_size=12), st.integers(1, 400), st.integers(-300, 300))
def test_odds_that_are_asked_for_are_reached_by_the_same_texts(text: str, times: int, least: int) -> None:
    read: list[str] = []

    def reading(stretch: str) -> Meaning:
        read.append(stretch)
        number = zlib.crc32(stretch.encode("utf-8", "surrogatepass"))
        return Meaning(number % 601 - 300, KINDS[number % 3])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wall_meaning, "_read", reading)
        long = text * times
        whole, count = meaning_of(long), len(read)
        asked = meaning_of(long, least=least)
        assert len(read) - count <= count
        assert asked.kind == whole.kind == kind_of(long)
        assert (asked.odds >= least) == (whole.odds >= least)
        if asked.odds >= least:
            assert asked == whole
