"""The law: the same input in any order, cut anyhow, stopped anywhere, gives the same records.

See docs/architecture.md, "Replay equals live".
"""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import StoreReader
from pipeline.drivers.slices import SliceLimits
from tests.laws import examples
from tests.pipeline.flow.input import day
from tests.pipeline.flow.runs import Embedded, Results, bounded, spread

LAW = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RANDOM = st.randoms(use_true_random=False)
_names = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("law")


@pytest.fixture(scope="module")
def in_one_piece(folder: Path) -> Results:
    results, _ = bounded(folder / "in one piece", day(), SliceLimits(1_000))
    return results


@pytest.fixture(scope="module")
def embedded(folder: Path) -> Embedded:
    return Embedded.at(folder)


def ends(results: Results) -> Counter[str]:
    return Counter(str(outcome["kind"]) for outcome in results["outcomes"])


def test_the_day_has_every_kind_of_outcome_and_alerts(in_one_piece: Results) -> None:
    assert set(ends(in_one_piece)) == {"published", "updated", "duplicate", "unchanged", "rejected"}
    assert {str(outcome["stage"]) for outcome in in_one_piece["outcomes"] if outcome["kind"] == "rejected"} == {
        "read",
        "decode",
        "fetch",
        "clean",
    }
    assert len(in_one_piece["alerts"]) > 5
    assert {article["language"] for article in in_one_piece["articles"]} >= {"en", "ru", "uk"}
    assert any(article["topics"] for article in in_one_piece["articles"])
    assert any(outcome["key"]["occurrence"] for outcome in in_one_piece["outcomes"])


def test_every_raw_record_has_exactly_one_outcome(in_one_piece: Results) -> None:
    assert sorted(str(outcome["item"]) for outcome in in_one_piece["outcomes"]) == sorted(item.name for item in day())


@LAW
@given(RANDOM, st.integers(1, 30), st.sampled_from((1_000, 8_000, 1 << 20)))
def test_a_bounded_run_in_any_order_and_any_slices(
    folder: Path, in_one_piece: Results, random: Random, records: int, size: int
) -> None:
    items = random.sample(day(), len(day()))
    results, counts = bounded(folder / f"bounded {next(_names)}", items, SliceLimits(records, size))
    assert results == in_one_piece
    assert counts.total() == len(items)
    assert counts == ends(in_one_piece)


@LAW
@given(RANDOM, st.integers(1, 4))
def test_a_stream_over_any_partitions_in_any_slices_with_stops_and_crashes(
    folder: Path, embedded: Embedded, in_one_piece: Results, random: Random, partitions: int
) -> None:
    run = f"run-{next(_names)}"
    with spread(f"sqlite:///{folder}/streams.db", run, day(), partitions, random) as stream:
        embedded.read_all(stream, run, random)
        found = StoreReader(embedded.store, run)
        positions = [(outcome.partition, outcome.first_offset) for outcome in found.outcomes()]
        ended = stream.end_offsets(stream.partitions())
        assert positions == [(partition, offset) for partition, end in ended.items() for offset in range(end)]
        assert found.count_outcomes().total() == len(day())
    results = embedded.results(run)
    assert results["articles"] == in_one_piece["articles"]
    assert results["alerts"] == in_one_piece["alerts"]
    kinds = ends(results)
    news = kinds["published"] + kinds["updated"] + kinds["duplicate"]
    sent = {"enriched-articles": news, "rejected": kinds["rejected"], "alerts": len(results["alerts"])}
    assert embedded.sent() == sent
    # What is not a raw article names no item on a stream; a bounded run rejects it when it reads the file.
    readable = [outcome for outcome in in_one_piece["outcomes"] if outcome["stage"] != "read"]
    named = [outcome for outcome in results["outcomes"] if outcome["item"]]
    unnamed = [outcome for outcome in results["outcomes"] if not outcome["item"]]
    assert named == readable
    bad = sorted((str(outcome["stage"]), str(outcome["reason"]).partition(":")[0]) for outcome in unnamed)
    assert bad == [("decode", "not JSON"), ("decode", "not a raw article")]
