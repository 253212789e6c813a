"""The sorted_input of a bounded run: any order in, order of the keys out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.records import OrderKey, RawArticle, article_id, decode, raw_hash
from pipeline.drivers.slices import SliceLimits
from pipeline.drivers.sorted_input import SortedHistory, SortedInput, SortedWriter, Where
from pipeline.elements import Envelope
from tests.laws import examples

START = datetime(2026, 3, 5, tzinfo=UTC)


def raw(number: int, second: int) -> RawArticle:
    return RawArticle(
        url=f"https://outlet.test/{number}",
        source="outlet",
        fetched_at=START + timedelta(seconds=second),
        text=f"Text {number}.",
    )


def drained(sorted_input: SortedInput, limits: SliceLimits) -> list[Envelope]:
    out: list[Envelope] = []
    while part := sorted_input.take(limits):
        out += part
    return out


@pytest.fixture
def count() -> list[int]:
    return [0]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=12),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_items_in_any_order_and_any_slices(
    tmp_path: Path, count: list[int], items: list[tuple[int, int]], bad: int, random: Random, records: int
) -> None:
    orders = []
    for shuffled in (False, True):
        count[0] += 1
        adding: list[tuple[int, int] | str] = [*items, *(f"file:{number}" for number in range(bad))]
        if shuffled:
            random.shuffle(adding)
        with SortedInput(tmp_path / f"{count[0]}.db", "run") as sorted_input:
            for one in adding:
                if isinstance(one, str):
                    sorted_input.add_problem(one, "not JSON")
                else:
                    sorted_input.add(raw(*one), item=f"{one}")
            assert sorted_input.count == len(adding)
            orders.append(drained(sorted_input, SliceLimits(records if shuffled else 1_000)))
    first, second = orders
    assert [one.number for one in first] == list(range(len(items) + bad))
    assert [one.key for one in first] == sorted({one.key for one in first})
    assert sorted(one.position.offset for one in second) == list(range(len(items) + bad))
    assert [(one.number, one.key, one.value, one.problem) for one in first] == [
        (one.number, one.key, one.value, one.problem) for one in second
    ]


def test_envelopes_hold_the_article_and_its_name(tmp_path: Path) -> None:
    with SortedInput(tmp_path / "input.db", "run") as sorted_input:
        sorted_input.add(raw(1, 5), "news.jsonl:7")
        sorted_input.add_problem("news.jsonl:8", "not JSON")
        problem, article = sorted_input.take(SliceLimits())
        assert sorted_input.take(SliceLimits()) == []
    assert (article.item, article.problem) == ("news.jsonl:7", None)
    assert article.key.article == article_id("https://outlet.test/1")
    assert decode(article.value, RawArticle) == raw(1, 5)
    assert problem.problem is not None
    assert (problem.item, problem.problem.stage, problem.problem.reason) == ("news.jsonl:8", "read", "not JSON")


def test_a_slice_ends_at_its_bytes(tmp_path: Path) -> None:
    with SortedInput(tmp_path / "input.db", "run") as sorted_input:
        for number in range(4):
            sorted_input.add(raw(number, number), str(number))
        assert [len(sorted_input.take(SliceLimits(10, 1))) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_a_record_at_a_stored_place_has_no_digest_of_the_one_that_it_follows(tmp_path: Path) -> None:
    first, second = b'{"first": 1}', b'{"second": 2}'
    place = OrderKey(1_000, "a", raw_hash(first)).follower()
    where = Where("raw", 0, 1)
    writer = SortedWriter(tmp_path / "index.db", late={where: place})
    for value, at, key in ((first, Where("raw", 0, 0), OrderKey(1_000, "a", raw_hash(first))), (second, where, place)):
        writer.add(value, time_ms=key.time_ms, article=key.article, digest=key.raw_hash, item="", where=at)
    writer.finish()
    seen: list[Envelope] = []
    history = SortedHistory(tmp_path / "index.db", "replay")
    # A look for kept drafts goes by the digest, before the record is unpacked.
    taken = history.take(SliceLimits(), lambda bare: seen.append(bare))
    history.close()
    assert [(one.value, one.digest) for one in taken] == [(first, raw_hash(first)), (second, "")]
    assert [one.value for one in seen] == [b"", b""]
