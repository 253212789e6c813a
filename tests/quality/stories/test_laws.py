"""Laws of the index's parts, each beside its slow oracle, and of questions for events."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from random import Random
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import OrderKey, Position
from pipeline.elements import Draft
from pipeline.stories.across import packed, total_of, unpacked
from pipeline.stories.entries import Columns, IndexEntry, key_of, number_of, pack, place_of, unpack
from pipeline.stories.events import PRIOR_VECTORS, alike, likeness
from pipeline.stories.features import LAYOUT, PAD, SIZE, features, is_full, read_features, written
from pipeline.stories.frequencies import Counted, Frequencies
from pipeline.stories.index import StoryIndex
from pipeline.stories.multimap import Multimap
from pipeline.stories.similarity import are_among, matches
from pipeline.stories.stage import StoryStage
from pipeline.text.encoder import DIMENSIONS, HIGHEST
from pipeline.text.fingerprint import fingerprint
from pipeline.text.same_text import text_hash
from tests.laws import examples
from tests.quality.stories.test_events import articles, events

WINDOW = 20
IDS = st.sampled_from(["0" * 32, "f" * 32, "00ff" * 8, "a", "b", "Ä", "a:b", ""])
KEYS = st.builds(
    OrderKey, st.integers(-5, 40), IDS, IDS, st.integers(0, 3) | st.just(2**31), st.integers(0, 3) | st.just(2**31)
)


@given(KEYS, KEYS)
def test_places_sort_as_keys_do(one: OrderKey, other: OrderKey) -> None:
    assert (place_of(one) < place_of(other)) == (one < other)
    assert key_of(place_of(one)) == one


ENTRIES = st.builds(
    IndexEntry,
    article=IDS.filter(bool),
    version=st.integers(1, 900),
    version_hash=IDS,
    text_hash=IDS,
    key=KEYS.filter(lambda key: bool(key.article)),
    story=IDS.filter(bool),
    source=st.text(max_size=20),
    duplicate_of=st.none() | IDS.filter(bool),
    language=st.none() | st.sampled_from(["en", "ar"]),
    fingerprint=st.sampled_from([b"", fingerprint(" ".join(map(str, range(90)))), features("T", "One two three.")]),
    backfill=st.booleans(),
)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: IndexEntry) -> None:
    told = unpack(
        pack(entry),
        key_of(place_of(entry.key)),
        entry.fingerprint,
        text=number_of(entry.text_hash),
        source=entry.source,
        language=entry.language,
    )
    assert told == entry
    columns = Columns()
    assert columns.entry(columns.put(entry, read_features(entry.fingerprint))) == entry


@given(st.lists(st.tuples(st.integers(0, 8) | st.just(2**32 - 1), st.integers(0, 30)), max_size=60), st.data())
def test_the_multimap_is_a_dictionary_of_lists(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    held, oracle = Multimap(buffer_pairs=4), list(pairs)
    for key, slot in pairs:
        held.add([key], slot)
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=31, max_size=31)))
    if data.draw(st.booleans()):
        held.keep(alive)
        oracle = [(key, slot) for key, slot in pairs if alive[slot]]
    asked = data.draw(st.lists(st.integers(0, 9) | st.just(2**32 - 1), max_size=5))
    slots, by = held.find(asked)
    found = [sorted(slots[by == place].tolist()) for place in range(len(asked))]
    assert found == [sorted(slot for key, slot in oracle if key == each) for each in asked]
    assert len(held) == len(oracle)


PAIRS = st.lists(st.tuples(st.integers(0, 8) | st.just(2**32 - 1), st.integers(0, 30)), max_size=30)
ASKED = st.lists(st.integers(0, 9) | st.just(2**32 - 1), max_size=6)


@given(PAIRS, st.lists(ASKED, max_size=4), PAIRS, st.data())
def test_keys_looked_up_ahead_are_found_as_without(
    before: list[tuple[int, int]], texts: list[list[int]], after: list[tuple[int, int]], data: st.DataObject
) -> None:
    held = Multimap(buffer_pairs=4)
    for key, slot in before:
        held.add([key], slot)
    ahead = held.look_ahead(texts)
    for key, slot in after:
        held.add([key, key + 1 if key < 8 else 0], slot)
    for number, keys in enumerate(texts):
        chosen = data.draw(st.none() | st.lists(st.sampled_from(range(len(keys))), unique=True) if keys else st.none())
        slots, by = held.find(keys, chosen, ahead, number)
        alone, by_alone = held.find(keys, chosen)
        assert sorted(zip(by.tolist(), slots.tolist(), strict=True)) == sorted(
            zip(by_alone.tolist(), alone.tolist(), strict=True)
        )
        assert chosen is None or set(by.tolist()) <= set(chosen)


class Unprepared(StoryIndex):
    def expect(self, fingerprints: Iterable[bytes]) -> None:
        """Leaves everything to the questions."""


@pytest.mark.parametrize("buffer_pairs", [65_536, 64])
def test_a_batch_is_decided_as_its_articles_one_by_one(buffer_pairs: int) -> None:
    """Whatever was looked up ahead, and however often runs are merged within a batch."""
    several = articles("en")[:24]
    drafts = [
        Draft(
            number=at, position=Position(run="r", stream="s", partition=0, offset=at), key=one.key, item="", article=one
        )
        for at, one in enumerate(several)
    ]
    told = []
    for index, at_once in ((Unprepared(), 24), (StoryIndex(), 24), (StoryIndex(), 5), (StoryIndex(), 1)):
        index._by_band, index._by_term, index._by_key = (Multimap(buffer_pairs) for _ in range(3))
        stage, last, decided = StoryStage(index), None, []
        for first in range(0, len(drafts), at_once):
            handled = stage.handle(drafts[first : first + at_once], done={}, histories={}, last_key=last)
            last, decided = handled.last_key, decided + handled.decided
        told.append([(one.outcome.kind, one.article and one.article.story_id, one.links) for one in decided])
        assert bool(index._by_key._runs) == (buffer_pairs == 64)
    assert told[0] == told[1] == told[2] == told[3]
    assert len({story for _, story, _ in told[0]}) < 24


@given(
    st.lists(st.integers(0, 20), max_size=30), st.lists(st.tuples(st.integers(0, 22), st.integers(0, 22)), max_size=8)
)
def test_frequencies_are_those_between_the_ends(added: list[int], questions: list[tuple[int, int]]) -> None:
    """Adding in any order, asking forwards and backwards, forgetting in between."""

    def some(slots: np.ndarray) -> Counted:
        terms = np.asarray([added[slot] % 3 for slot in slots.tolist()], np.uint32)
        return Counted(terms, len(slots), np.full(DIMENSIONS, terms.sum(), np.int64), len(slots))

    counted = Frequencies(some)
    forgotten = 0
    for slot, time in enumerate(added):
        counted.add(bytes((time,)), slot)
        if slot < len(questions):
            low, high = questions[slot]
            if low > high:
                forgotten = max(forgotten, high)
                counted.forget_before(bytes((high,)))
                continue
            counted.as_of(bytes((low,)), bytes((high,)))
            between = [each for each in added[: slot + 1] if max(low, forgotten) <= each < high]
            # Only what was added behind a place that is forgotten already may still be there.
            late = [each for each in added[: slot + 1] if low <= each < min(high, forgotten)]
            assert len(between) <= counted.articles <= len(between) + len(late)
            if not forgotten:
                expected = [sum(each % 3 == term for each in between) for term in range(3)]
                assert counted.counts_of(np.arange(3, dtype=np.uint32)).tolist() == expected
                assert (counted.total[0], counted.vectors) == (sum(each % 3 for each in between), len(between))


@cache
def known() -> list[tuple[str, bytes]]:
    return [(each["event"], features(each["title"], each["text"])) for each in events("en")[:9]]


@st.composite
def told(draw: st.DrawFn) -> list[IndexEntry]:
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(0, 1), st.integers(0, 8)),
            max_size=14,
            unique_by=lambda row: row[:3],
        )
    )
    return [
        IndexEntry(
            article=f"{who:032x}",
            version=1 + late,
            version_hash="",
            text_hash=text_hash(str(which)),
            key=OrderKey(at, f"{who:032x}", "0" * 32, 0, late),
            story=f"{which % 4:032x}",
            source="post",
            language="en",
            fingerprint=known()[which][1],
        )
        for at, who, late, which in rows
    ]


def asked(index: StoryIndex, at: int, which: int) -> IndexEntry | None:
    return index.event_of(known()[which][1], article="e" * 32, language="en", as_of=OrderKey(at, "e" * 32, "e" * 32))


def index_of(entries: list[IndexEntry]) -> StoryIndex:
    index = StoryIndex(WINDOW)
    for entry in entries:
        index.add(entry)
    return index


@given(told(), st.integers(0, 45), st.integers(0, 8), st.randoms(use_true_random=False))
@settings(max_examples=examples(60), deadline=None)
def test_an_event_is_a_function_of_what_lies_in_the_window(
    entries: list[IndexEntry], at: int, which: int, random: Random
) -> None:
    """Not of the order of adding, nor of what is later or too old, nor of earlier questions, nor of forgetting."""
    as_of = OrderKey(at, "e" * 32, "e" * 32)
    answer = asked(
        index_of([each for each in entries if each.key < as_of and each.key.time_ms > at - WINDOW]), at, which
    )
    shuffled = list(entries)
    random.shuffle(shuffled)
    index = index_of(shuffled)
    for other in (45, 0, at // 2):
        asked(index, other, which)
    assert asked(index, at, which) == answer
    index.expire(as_of)
    assert asked(index, at, which) == answer


@given(st.binary(max_size=40) | st.binary(min_size=512, max_size=512))
def test_a_fingerprint_of_any_kind_can_be_read(value: bytes) -> None:
    read = read_features(value)
    assert written(read) == (value if len(value) == 512 else b"")
    assert not is_full(value)


@given(st.text(max_size=200), st.text(max_size=400))
@settings(deadline=None)
def test_features_of_any_text(title: str, text: str) -> None:
    value = features(title, text)
    assert len(value) == SIZE
    assert value == features(title, text) == written(read_features(value))


@pytest.mark.parametrize(
    "text", ["", "word " * 50_000, "字" * 100_000, "a" * 300_000], ids=["empty", "word", "字", "a"]
)
def test_a_text_that_says_nothing_has_no_keys(text: str) -> None:
    read = read_features(features("", text))
    assert not read["shingles"]


HASHES = st.integers(0, 2**32 - 1) | st.integers(0, 3).map(lambda high: high << 16 | 7) | st.just(PAD)


@given(st.lists(HASHES, min_size=1, max_size=60), st.lists(HASHES, min_size=1, max_size=80))
def test_hashes_are_found_whatever_they_end_in(own: list[int], others: list[int]) -> None:
    found = are_among(np.asarray(own, np.uint32), np.asarray([others], np.uint32))[0].tolist()
    assert found == [other in own and other != PAD for other in others]
    rows, columns = matches(np.asarray(own, np.uint32), np.asarray([others, others], np.uint32))
    at = [place for place, each in enumerate(found) if each]
    assert (rows.tolist(), columns.tolist()) == ([0] * len(at) + [1] * len(at), at * 2)


class Window:
    """What ``alike`` asks of the frequencies."""

    def __init__(self, total: np.ndarray, vectors: int) -> None:
        self.total, self.vectors = total, vectors


@given(st.integers(0, 2**32 - 1), st.integers(0, 2_000_000))
@settings(max_examples=examples(40))
def test_vectors_are_alike_by_whole_numbers(seed: int, vectors: int) -> None:
    dice = np.random.default_rng(seed)
    rows = np.zeros(5, LAYOUT)
    plain = dice.integers(-HIGHEST, HIGHEST + 1, (5, DIMENSIONS))
    for row, vector in zip(rows, plain, strict=True):
        row["vector"], row["encoded"] = packed(vector.astype(np.int8)), 1
    total = dice.integers(-2 * vectors - 1, 2 * vectors + 2, DIMENSIONS)
    centred = plain.astype(object) * (vectors + PRIOR_VECTORS) - total.astype(object)
    products = centred @ centred[0]
    lengths = [float(one @ one) for one in centred]
    wanted = [float(product) / (lengths[0] * length) ** 0.5 for product, length in zip(products, lengths, strict=True)]
    window = cast("Frequencies", Window(total, vectors))
    got = alike(rows[0], rows, window)
    assert got == pytest.approx(wanted, abs=1e-6)
    # With memory that another comparison has used, too small or not.
    for size in (5, 6):
        assert alike(rows[0], rows, window, np.full((size, DIMENSIONS), 9.0, np.float32)).tolist() == got.tolist()


def _reports(dice: np.random.Generator, count: int) -> np.ndarray:
    """Invented rows that share hashes often enough for scores on both sides of any limit."""
    rows = np.zeros(count, LAYOUT)
    for name in ("across", "lead_figures", "cognates", "terms", "figures"):
        several = np.sort(dice.integers(0, 60, rows[name].shape, np.uint32))
        several[dice.random(several.shape) < 0.2] = PAD
        rows[name] = np.sort(several)
    rows["encoded"], rows["cased"] = dice.integers(0, 3, count), dice.integers(0, 2, count)
    rows["title_figures"] = dice.integers(0, 7, count)
    rows["vector"] = dice.integers(0, 256, rows["vector"].shape, np.uint8)
    rows["vector"][:, :200] = rows["vector"][0, :200]
    return rows


@given(st.integers(0, 2**32 - 1), st.floats(-8.0, 8.0))
@settings(max_examples=examples(60))
def test_entries_compared_in_part_do_not_reach_the_limit(seed: int, least: float) -> None:
    dice = np.random.default_rng(seed)
    rows = _reports(dice, 30)
    counted = Counted(np.empty(0, np.uint32), 30, total_of(rows["vector"]), 30)
    background = Frequencies(lambda _slots: counted)
    background.add(place_of(OrderKey(0, "", "")), 0)
    background.as_of(b"", place_of(OrderKey(1, "", "")))
    told = dice.random(len(rows))
    one, outlet = dice.random(len(rows)) < 0.5, dice.random(len(rows)) < 0.2
    rows["shingles"] = np.arange(len(rows))

    def words(near: np.ndarray) -> np.ndarray:
        return np.asarray(told[near["shingles"]])

    ages = dice.integers(0, 10**8, len(rows))
    wanted = likeness(rows[0], rows, ages, one, outlet, words, background).scores
    got = likeness(rows[0], rows, ages, one, outlet, words, background, least)
    assert got.scores[got.whole].tolist() == wanted[got.whole].tolist()
    assert set((wanted >= least).nonzero()[0].tolist()) <= set(got.whole.tolist())
    assert (got.scores >= wanted).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_packed_vectors_are_summed_as_they_are(seed: int, count: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (count, DIMENSIONS // 2), np.uint8)
    assert total_of(rows).tolist() == unpacked(rows).sum(axis=0).tolist()
