"""Searches look at their deadline within an article too, and end when no client waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from core.query import budget
from core.search import SearchIndex, backtest, compare
from core.search.indexer import index_document
from core.search.question import Deadline
from tests.core.search.world import DAY_MS, START_MS, found

CHAIN = " NEAR/1000 ".join(["t*", "a*", "s*", "c*", "b*"] * 2)
TEXT = "The talks about a state attack: sources said the city bank and border trade stay closed. " * 14
END_MS = START_MS + 90 * DAY_MS
ARTICLES = 15


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    """An index of some articles on each of which the chain takes all its steps."""
    made = SearchIndex(tmp_path, clock=count().__next__)
    writer = made._index.writer(15_000_000, 1)
    for number in range(ARTICLES):
        writer.add_document(index_document(found(number, "News", TEXT)))
    writer.commit()
    made._index.reload()
    made._snapshot = made._look()
    yield made
    made.close()


class Looks:
    """Counts how often it is asked, and says yes from the given time on."""

    def __init__(self, yes_from: int) -> None:
        self.number, self._yes_from = 0, yes_from

    def __call__(self) -> bool:
        self.number += 1
        return self.number >= self._yes_from


def test_the_deadline_is_looked_at_within_an_article(index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock is a second. Without looks within an article, all would be counted.
    monkeypatch.setattr(budget, "STEPS_A_LOOK", 1_000)
    page = index.search(CHAIN, budget_ms=5_000, facets=False)
    assert page.partial
    assert page.checked == 1
    assert page.cursor is not None
    further = index.search(CHAIN, budget_ms=5_000, facets=False, cursor=page.cursor)
    assert further.checked == 1
    assert further.cursor != page.cursor


def test_an_answer_gets_further_however_little_time_it_has(index: SearchIndex) -> None:
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = index.search(CHAIN, budget_ms=0, facets=False, cursor=cursor)
        cursor, pages = page.cursor, pages + 1
        assert not page.hits
    assert pages <= ARTICLES + 1


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
@pytest.mark.parametrize("yes_from", [1, 5, 40])
def test_a_search_ends_when_it_is_stopped(index: SearchIndex, order: str, yes_from: int) -> None:
    stopped = Looks(yes_from)
    page = index.search(CHAIN, budget_ms=1e12, order=order, stopped=stopped)  # type: ignore[arg-type]
    assert page.partial
    # A few more, for what is left to be said; not one for each article and step.
    assert stopped.number < yes_from + 5
    assert page.checked <= yes_from


def test_an_exact_search_ends_too(index: SearchIndex) -> None:
    page = index.search("talks", budget_ms=1e12, limit=20, stopped=Looks(4))
    assert page.partial
    assert len(page.hits) < 5


def _backtest(index: SearchIndex, stopped: Callable[[], bool]) -> bool:
    return backtest(index, CHAIN, START_MS, END_MS, stopped=stopped, clock=lambda: 0.0).complete


def _compare(index: SearchIndex, stopped: Callable[[], bool]) -> bool:
    return compare(index, CHAIN, f"{CHAIN} OR x", START_MS, END_MS, stopped=stopped, clock=lambda: 0.0).after.complete


@pytest.mark.parametrize("work", [_backtest, _compare])
@pytest.mark.parametrize("yes_from", [1, 10])
def test_backtests_end_when_they_are_stopped(
    index: SearchIndex, work: Callable[[SearchIndex, Callable[[], bool]], bool], yes_from: int
) -> None:
    stopped = Looks(yes_from)
    assert not work(index, stopped)
    assert stopped.number < yes_from + 6


def test_without_a_stop_everything_is_looked_at(index: SearchIndex) -> None:
    report = backtest(index, CHAIN, START_MS, END_MS)
    assert (report.complete, report.cost.checked) == (True, ARTICLES)


def test_a_deadline_without_a_time_is_never_late() -> None:
    assert not Deadline(lambda: 1e9, None).late()
    assert Deadline(lambda: 1.0, 0.5).late()
    assert Deadline(lambda: 0.0, None, lambda: True).late()
