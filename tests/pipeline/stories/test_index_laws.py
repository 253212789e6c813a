"""The index is a function of what lies before the question: whatever else it has seen, in whatever order."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stories.peer import similarity
from core.records import OrderKey
from pipeline.stories.entries import IndexEntry
from pipeline.stories.index import COPY_AT, StoryIndex
from pipeline.stories.stage import decide
from pipeline.text.fingerprint import fingerprint
from pipeline.text.same_text import text_hash
from tests.laws import examples
from tests.pipeline.stories.world import article, edited, prose

WINDOW = 10
BASE = [prose(seed) for seed in range(3)]
TEXTS = [*BASE, *(edited(text, 6) for text in BASE), edited(BASE[0], 20), edited(BASE[0], 60), "Video", "more " * 40]
PRINTS = {text: fingerprint(text) for text in TEXTS}
RANDOM = st.randoms(use_true_random=False)


@st.composite
def entries(draw: st.DrawFn) -> list[IndexEntry]:
    """Entries with keys of their own, as a run gives them; some late, some of one article."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(0, 2), st.sampled_from(TEXTS)),
            max_size=15,
            unique_by=lambda row: row[:3],
        )
    )
    return [
        IndexEntry(
            article=f"{who:032x}",
            version=1 + late,
            version_hash=text_hash(text),
            text_hash=text_hash(text),
            key=OrderKey(time_ms, f"{who:032x}", "0" * 32, 0, late),
            story=f"{who:032x}",
            source="post",
            fingerprint=PRINTS[text],
        )
        for time_ms, who, late, text in rows
    ]


QUESTION = st.tuples(st.integers(0, 35), st.integers(0, 6), st.sampled_from(TEXTS))


def index_of(several: list[IndexEntry]) -> StoryIndex:
    index = StoryIndex(WINDOW)
    for entry in several:
        index.add(entry)
    return index


def ask(index: StoryIndex, question: tuple[int, int, str]) -> IndexEntry | None:
    time_ms, who, text = question
    as_of = OrderKey(time_ms, f"{who:032x}", "f" * 32)
    return index.copy_of(text_hash(text), PRINTS[text], article=f"{who:032x}", as_of=as_of)


def plain(several: list[IndexEntry], question: tuple[int, int, str]) -> IndexEntry | None:
    """The oracle: look at every entry."""
    time_ms, who, text = question
    as_of = OrderKey(time_ms, f"{who:032x}", "f" * 32)
    copies = [
        entry
        for entry in several
        if entry.article != f"{who:032x}"
        and entry.key < as_of
        and entry.key.time_ms > time_ms - WINDOW
        and (
            (text_hash(text) and entry.text_hash == text_hash(text))
            or similarity(entry.fingerprint, PRINTS[text]) >= COPY_AT
        )
    ]
    return min(copies, key=lambda entry: entry.key, default=None)


def test_the_texts_make_copies_and_no_copies() -> None:
    index = index_of([])
    first = article("post/1", BASE[0], at_ms=1)
    decision = decide(first, first.key, [], index)
    assert decision.entry is not None
    index.add(decision.entry)
    kinds = {
        str(decide(one, one.key, [], index).kind)
        for n, text in enumerate(TEXTS)
        for one in [article(f"b/{n}", text, at_ms=2)]
    }
    assert kinds == {"duplicate", "published"}


@given(entries(), QUESTION, RANDOM)
@settings(max_examples=examples(200))
def test_the_answer_is_the_oracles_whatever_the_order_of_adding(
    several: list[IndexEntry], question: tuple[int, int, str], random: Random
) -> None:
    random.shuffle(several)
    assert ask(index_of(several), question) == plain(several, question)


@given(entries(), entries(), QUESTION, RANDOM)
def test_records_that_come_after_the_query_change_nothing(
    before: list[IndexEntry], after: list[IndexEntry], question: tuple[int, int, str], random: Random
) -> None:
    known = {entry.key for entry in before}
    later = [entry for entry in after if entry.key.time_ms > question[0] and entry.key not in known]
    answer = ask(index_of(before), question)
    mixed = [*before, *later]
    random.shuffle(mixed)
    assert ask(index_of(mixed), question) == answer


@given(entries(), st.integers(0, 35), QUESTION)
def test_forgetting_changes_no_answer_from_then_on(
    several: list[IndexEntry], now_ms: int, question: tuple[int, int, str]
) -> None:
    now = OrderKey(now_ms, "0" * 32, "0" * 32)
    question = (max(now_ms, question[0]), *question[1:])
    index = index_of(several)
    index.expire(now)
    assert ask(index, question) == plain(several, question)


@given(entries(), st.lists(st.tuples(st.booleans(), QUESTION), max_size=10))
def test_forgetting_step_by_step_gives_the_same_answers_as_never_forgetting(
    several: list[IndexEntry], steps: list[tuple[bool, tuple[int, int, str]]]
) -> None:
    index = StoryIndex(WINDOW)
    waiting = sorted(several, key=lambda entry: entry.key)
    told: list[IndexEntry] = []
    for forget, question in sorted(steps, key=lambda step: step[1][0]):
        while waiting and waiting[0].key.time_ms <= question[0]:
            told.append(waiting.pop(0))
            index.add(told[-1])
        if forget:
            index.expire(OrderKey(question[0], "0" * 32, "0" * 32))
        assert ask(index, question) == plain(told, question)


@given(entries())
def test_everything_is_forgotten_in_the_end(several: list[IndexEntry]) -> None:
    index = index_of(several)
    assert len(index) == len(several)
    index.expire(OrderKey(1_000, "0" * 32, "0" * 32))
    assert len(index) == 0
    assert not index._by_band
    assert not index._by_text
