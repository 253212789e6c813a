"""The forms of one article for print, mobiles and sharing are one article, in any order, however the run is cut."""

from __future__ import annotations

from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.durations import DAY_S
from core.records import OutcomeKind, article_id
from core.store import Store
from core.store import tables as t
from pipeline.elements import Draft
from pipeline.ledger.base import Base, place_at
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.takedown import take_down
from pipeline.ledger.writer import RunWriter
from pipeline.stories.aliases import Alias, joined
from tests.pipeline.ledger.drafts import ends, of_run, opened, story, taken
from tests.pipeline.transforms.support import NOON_MS, article, draft

MAIN = "https://a.example/news/7"
PRINT, SHARE, BARE = f"{MAIN}/print", f"{MAIN}?share=vk", f"{MAIN}?print=1"
FORMS = (MAIN, PRINT, SHARE, BARE)


def shown(number: int, url: str, text: int = 0, *, names: bool = True) -> Draft:
    """The page at ``url``, which names the address without its form unless told otherwise."""
    made = draft(number, url, title="A title", text=story(text))
    assert made.article is not None
    return replace(made, article=replace(made.article, canonical_url=MAIN if names else url))


def kinds(store: Store) -> list[str]:
    return [one[1] for one in ends(store) if isinstance(one[0], int)]


@pytest.mark.parametrize("order", permutations(FORMS[:3]))
def test_the_forms_of_one_page_are_one_article_in_any_order(order: tuple[str, ...]) -> None:
    known: dict[str, str] = {}
    versions = set[str]()
    for url in order:
        page = article(0, url, canonical_url=MAIN)
        identity, new = joined(page, known, versions.__contains__)
        known |= {one.alias: one.article for one in new}
        versions.add(identity)
    assert versions == {article_id(order[0])}
    others = {article_id(one) for one in (*order[1:], MAIN)} - versions
    assert known == dict.fromkeys(others, article_id(order[0]))


def test_two_that_were_distinguished_stay_two() -> None:
    page = article(0, PRINT, canonical_url=MAIN)
    both = {article_id(PRINT), article_id(MAIN)}
    assert joined(page, {}, both.__contains__) == (article_id(PRINT), ())
    third = article(0, SHARE, canonical_url=MAIN)
    assert joined(third, {}, both.__contains__) == (article_id(MAIN), (Alias(article_id(SHARE), article_id(MAIN)),))


def test_versions_are_joined_and_a_form_that_always_differs_is_not_news(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        writer = RunWriter(taken(store), publish=False)
        writer.write([shown(0, PRINT), shown(1, MAIN, 1), shown(2, PRINT), shown(3, MAIN, 1)])
        writer.write([shown(4, PRINT, names=False), shown(5, MAIN, 2), shown(6, SHARE, 2)])
        new, edited, same = OutcomeKind.PUBLISHED, OutcomeKind.UPDATED, OutcomeKind.UNCHANGED
        assert kinds(store) == [new, edited, same, same, same, edited, same]
        with store.reading() as connection:
            assert set(connection.execute(sa.select(t.outcomes.c.article)).scalars()) == {article_id(PRINT)}
            assert set(connection.execute(sa.select(t.articles.c.id)).scalars()) == {article_id(PRINT)}


COMING = st.lists(st.tuples(st.sampled_from(FORMS), st.integers(0, 2), st.booleans()), min_size=1, max_size=8)


def test_one_outcome_a_record_however_a_run_is_cut_and_from_wherever_it_is_replayed(tmp_path: Path) -> None:
    numbers = count()
    with opened(tmp_path) as store:

        @settings(max_examples=8, deadline=None)
        @given(coming=COMING, cut=st.integers(1, 3))
        def law(coming: list[tuple[str, int, bool]], cut: int) -> None:
            whole, parted, again = (f"{kind} {next(numbers)}" for kind in ("whole", "cut", "again"))
            several = [shown(place, url, text, names=names) for place, (url, text, names) in enumerate(coming)]
            RunWriter(taken(store, run=whole), publish=False).write(of_run(several, whole))
            for begin in range(0, len(several), cut):
                batch = of_run(several[begin : begin + cut], parted)
                RunWriter(taken(store, run=parted), publish=False).write(batch)
                RunWriter(taken(store, run=parted), publish=False).write(batch)
            assert ends(store, parted) == ends(store, whole)
            found: list[tuple[Any, ...]] = [one for one in ends(store, whole) if isinstance(one[0], int)]
            assert [one[0] for one in found] == list(range(len(several)))
            from_ms = several[len(several) // 2].key.time_ms
            mine = [one for one in of_run(several, again) if one.key.time_ms >= from_ms]
            RunWriter(taken(store, run=again, base=Base(whole, place_at(from_ms))), publish=False).write(mine)
            assert ends(store, again, from_ms) == ends(store, whole, from_ms)

        law()


@pytest.mark.parametrize("named", [MAIN, PRINT, SHARE])
def test_a_takedown_takes_all_addresses(named: str, tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        writer = RunWriter(taken(store), publish=False)
        writer.write([shown(0, PRINT), shown(1, MAIN, 1), shown(2, SHARE, 1)])
        take_down(store, named, "a court", by="", now_ms=0)
        with store.reading() as connection:
            for table in (t.articles, t.versions, t.stories):
                assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        writer.write([shown(3, MAIN), shown(4, PRINT, names=False), shown(5, SHARE), shown(6, BARE)])
        assert kinds(store) == [OutcomeKind.REJECTED] * 7


def test_aliases_go_with_their_article(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ledger = taken(store)
        writer = RunWriter(ledger, publish=False)
        writer.write([shown(0, PRINT), shown(1, MAIN), draft(40 * DAY_S, "https://b.example/1", text=story(3))])
        pruning = Pruning(ledger, Keep(articles_ms=20 * DAY_S * 1_000))
        while pruning.step(NOON_MS + 40 * DAY_S * 1_000):
            pass
        with store.reading() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(t.article_aliases)).scalar() == 0
        writer.write([shown(41 * DAY_S, MAIN)])
        both = t.articles.c.id.in_([article_id(MAIN), article_id(PRINT)])
        with store.reading() as connection:
            assert connection.execute(sa.select(t.articles.c.id).where(both)).scalars().all() == [article_id(MAIN)]
