"""Search gives what the plain matcher gives, in order, page by page, with counts that are true."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import cache
from itertools import count
from pathlib import Path

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from core.durations import HOUR_MS
from core.errors import QueryError, StoreError, UsageError
from core.query import compile_query, parse
from core.search import Filters, FoundArticle, Hit, Order, Results, SearchIndex
from core.search.indexer import Indexer
from core.search.pages import facets_and_volume
from core.search.question import day_of
from core.search.schema import SAMPLES, document_of, index_document, read_record, story_number
from tests.core.query import strategies
from tests.core.search.world import DAY_MS, START_MS, found, mixed
from tests.laws import examples

FOREVER_MS = 1e9


def fill(index: SearchIndex, articles: list[FoundArticle]) -> None:
    """Put articles in without a store."""
    indexer = Indexer(index.folder, index._index)
    for article in articles:
        indexer._writer.delete_documents_by_term("id", article.id)
        indexer._writer.add_document(index_document(article))
    indexer._writer.commit()
    indexer.close()
    index._index.reload()
    index._snapshot = index._look()


@cache
def articles() -> list[FoundArticle]:
    return mixed(strategies.WORDS, strategies.GLUE, 300, seed=3)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    made = SearchIndex.open(tmp_path_factory.mktemp("full"))
    fill(made, articles())
    return made


def wanted(query: str, given: list[FoundArticle] | None = None) -> list[tuple[FoundArticle, object]]:
    matcher = compile_query(parse(query)) if query else None
    pairs = [
        (one, matcher.match(document_of(one)) if matcher else ()) for one in (articles() if given is None else given)
    ]
    return [(one, matches) for one, matches in reversed(pairs) if matches is not None]


def pages(index: SearchIndex, query: str, limit: int, order: Order = "newest") -> list[Results]:
    got = [index.search(query, limit=limit, order=order, budget_ms=FOREVER_MS)]
    while got[-1].cursor is not None:
        got.append(index.search(query, limit=limit, order=order, budget_ms=FOREVER_MS, cursor=got[-1].cursor))
    return got


def hits_of(got: list[Results]) -> list[Hit]:
    return [hit for page in got for hit in page.hits]


@settings(max_examples=examples(150), deadline=None)
@given(strategies.queries, st.integers(1, 60))
def test_the_same_as_the_matcher_on_every_article(full: SearchIndex, query: str, limit: int) -> None:
    got = pages(full, query, limit)
    assert [(hit.article, hit.matches) for hit in hits_of(got)] == wanted(query)
    assert all(len(page.hits) <= limit and not page.partial for page in got)
    assert str(got[0].total) == f"{len(wanted(query)):,}"


@settings(max_examples=examples(60), deadline=None)
@given(strategies.queries)
def test_facets_and_volume_count_all_matches(full: SearchIndex, query: str) -> None:
    got = full.search(query, limit=1, budget_ms=FOREVER_MS)
    those = [article for article, _ in wanted(query)]
    assert got.facets is not None
    assert got.volume is not None
    assert got.facets.certainty == got.volume.certainty == "exact"
    facets = {name: {one.value: one.count for one in getattr(got.facets, name)} for name in ("topics", "sources")}
    assert facets["topics"] == Counter(topic for one in those for topic in one.topics)
    assert facets["sources"] == Counter(one.source for one in those)
    assert {one.value: one.count for one in got.facets.days} == Counter(day_of(one.time_ms) for one in those)
    assert sum(got.volume.counts) == len(those)
    start, step = got.volume.start_ms, got.volume.step_ms
    for i, number in enumerate(got.volume.counts):
        assert number == sum(start + i * step <= one.time_ms < start + (i + 1) * step for one in those)


@pytest.mark.parametrize("order", ["oldest", "relevance"])
@pytest.mark.parametrize("query", ["syria", "ATLEAST/1(LEAD/4(syr* OR iran))", "NOT syria", ""])
def test_other_orders_page_completely(full: SearchIndex, query: str, order: Order) -> None:
    hits = hits_of(pages(full, query, 7, order))
    assert Counter(hit.article.id for hit in hits) == Counter(one.id for one, _ in wanted(query))
    if order == "oldest":
        assert [hit.article for hit in hits] == [one for one, _ in wanted(query)][::-1]
    else:
        scores = [hit.score or 0.0 for hit in hits]
        assert scores == sorted(scores, reverse=True)


def test_title_and_repetition_rank_before_a_mention_and_new_before_old(tmp_path: Path) -> None:
    index = SearchIndex.open(tmp_path)
    filler = " ".join(f"word{n}" for n in range(60))
    made = [
        found(1, "Nothing much", f"{filler} grain", time_ms=START_MS),
        found(2, "Grain ships leave", f"grain grain {filler}", time_ms=START_MS),
        found(3, "Nothing much", f"{filler} grain", time_ms=START_MS + 60 * DAY_MS),
    ]
    fill(index, made)
    ranked = [hit.article.id for hit in index.search("grain", order="relevance", now_ms=START_MS).hits]
    assert ranked[0] == made[1].id
    ranked = [hit.article.id for hit in index.search("grain", order="relevance").hits]
    assert ranked.index(made[2].id) < ranked.index(made[0].id)


@pytest.mark.parametrize("query", ["", "grain", "LEAD/9(gr?in)"])
def test_pages_by_time_hold_while_articles_come_and_change(tmp_path: Path, query: str) -> None:
    index = SearchIndex.open(tmp_path)
    # Many of one millisecond: a page ends among them.
    fill(index, [found(n, text=f"grain {n}", time_ms=START_MS + n // 10) for n in range(60)])
    seen: list[str] = []
    page = index.search(query, limit=7)
    for number in count(60):
        seen += [hit.article.id for hit in page.hits]
        if page.cursor is None:
            break
        fill(index, [found(number, text="grain new", time_ms=START_MS + 100 + number)])
        page = index.search(query, limit=7, cursor=page.cursor)
    assert len(seen) == len(set(seen)) == 60


def test_ranked_pages_hold_while_articles_come(tmp_path: Path) -> None:
    index = SearchIndex.open(tmp_path)
    fill(index, [found(n, text="grain " * (n % 7 + 1)) for n in range(40)])
    page, seen = index.search("grain", limit=7, order="relevance"), []
    for number in count(40):
        seen += [hit.article.id for hit in page.hits]
        if page.cursor is None:
            break
        fill(index, [found(number, "Grain", text="grain " * 9)])
        page = index.search("grain", limit=7, order="relevance", cursor=page.cursor)
    assert len(seen) == len(set(seen)) == 40


def test_period_and_filters(full: SearchIndex) -> None:
    since, until = START_MS + 50 * 3_600_000, START_MS + 200 * 3_600_000
    filters = Filters(sources=("afp", "REUTERS.com"), languages=("ar", "en"), copies=False)
    got = full.search("", since_ms=since, until_ms=until, filters=filters, limit=500)
    those = [
        one
        for one in articles()[50:200]
        if one.source in ("AFP", "reuters.com") and one.language in ("ar", "en") and one.duplicate_of is None
    ]
    assert those
    assert [hit.article for hit in got.hits] == those[::-1]
    assert got.total.value == len(those)
    story = articles()[0].story
    by_story = full.search("", filters=Filters(stories=(story,), topics=("syria",)), limit=500)
    assert [hit.article for hit in by_story.hits] == [
        one for one in reversed(articles()) if one.story == story and "syria" in one.topics
    ]


def test_when_time_runs_out_the_page_continues_and_counts_are_estimates(full: SearchIndex) -> None:
    ticks = count()
    full._clock = lambda: float(next(ticks))
    try:
        got = [full.search("LEAD/6(syr* OR iran)", limit=10, budget_ms=5_000)]
        while got[-1].cursor is not None:
            got.append(full.search("LEAD/6(syr* OR iran)", limit=10, budget_ms=5_000, cursor=got[-1].cursor))
    finally:
        full._clock = time.perf_counter
    assert got[0].partial
    assert got[0].total.certainty in ("about", "at_most")
    assert got[0].facets is not None
    assert got[0].facets.certainty == "at_most"
    assert [hit.article for hit in hits_of(got)] == [one for one, _ in wanted("LEAD/6(syr* OR iran)")]


def test_time_for_the_count_ends_before_the_time_for_the_page(full: SearchIndex) -> None:
    ticks = count()
    full._clock = lambda: float(next(ticks))
    query = "LEAD/6(syr* OR iran)"
    try:
        got = full.search(query, limit=2, budget_ms=FOREVER_MS, count_ms=0)
        other = full.search(query, limit=2, budget_ms=FOREVER_MS)
    finally:
        full._clock = time.perf_counter
    assert [hit.article for hit in got.hits] == [one for one, _ in wanted(query)][:2]
    assert not got.partial
    assert (got.total.certainty, other.total.certainty) == ("about", "exact")
    assert other.total.value == len(wanted(query))


@pytest.mark.parametrize("order", ["newest", "oldest", "relevance"])
def test_the_estimate_is_at_least_what_the_page_shows(tmp_path: Path, order: Order) -> None:
    index = SearchIndex(tmp_path)
    other, match = "beta and then much else, so not near: alpha", "alpha beta"
    fill(index, [found(number, "News", match if number < 360 else other) for number in range(400)])
    ticks = count()
    index._clock = lambda: next(ticks) / 2_000
    got = index.search("alph* NEAR/3 bet*", order=order, limit=40, budget_ms=150, count_ms=0)
    index.close()
    assert len(got.hits) == 40
    assert got.total.certainty == "about"
    assert 150 <= got.total.value <= 400


def test_wrong_use_is_named(full: SearchIndex, tmp_path: Path) -> None:
    with pytest.raises(QueryError):
        full.search("syria AND")
    with pytest.raises(UsageError, match="another search"):
        full.search("iran", cursor=full.search("NOT xyz", limit=1).cursor)
    for bad in ("x", "!!!", "é", "AAAA" * 40):
        with pytest.raises(UsageError, match="not a cursor"):
            full.search("iran", cursor=bad)
    with pytest.raises(UsageError, match="500"):
        full.search("iran", limit=501)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        SearchIndex.open(tmp_path / "file")


def test_a_near_within_a_near_is_decided_on_a_hostile_page(tmp_path: Path) -> None:
    index = SearchIndex.open(tmp_path)
    rng = random.Random(1)
    bomb = " ".join(rng.choice("ab") for _ in range(6_000))
    fill(index, [found(1, text=bomb), found(2, text="a x b")])
    hits = index.search("(a NEAR/900 b) NEAR/900 a OR x", limit=10, budget_ms=60_000).hits
    assert {hit.article.id for hit in hits} == {found(1).id, found(2).id}


def test_texts_that_databases_and_terminals_cannot_handle(tmp_path: Path) -> None:
    index = SearchIndex.open(tmp_path)
    made = [
        found(1, "a\x00b grain", "x" * 300_000 + " grain \ud800"),
        found(2, "", ""),
        found(3, "\u202e grain", "é" * 9),
    ]
    fill(index, made[1:])
    assert [hit.article.id for hit in index.search("grain").hits] == [made[2].id]
    assert index.search("").total.value == 2


def test_facets_and_volume_of_very_many_hits_are_estimated_from_a_sample(
    full: SearchIndex,
) -> None:
    exact = full.search("")
    assert exact.facets is not None
    assert exact.volume is not None
    about = SearchIndex(full.folder, sampled_above=exact.total.value - 1).search("")
    assert about.facets is not None
    assert about.volume is not None
    assert about.total == exact.total
    assert about.hits == exact.hits
    assert about.facets.certainty == about.volume.certainty == "about"
    assert {one.count % SAMPLES for one in about.facets.languages} == {0}
    assert {one.value for one in about.facets.languages} <= {one.value for one in exact.facets.languages}
    # Each article is in it by chance: of those of the sample all, sixteenfold.
    addresses = full.snapshot().searcher.search(tantivy.Query.all_query(), limit=10_000).hits
    ids = [read_record(full.snapshot().searcher.doc(one)).id for _, one in addresses]
    sampled = sum(story_number(one) % SAMPLES == 0 for one in ids)
    assert sum(about.volume.counts) == sampled * SAMPLES
    assert SearchIndex(full.folder, sampled_above=exact.total.value).search("").facets == exact.facets


def test_a_volume_over_more_hours_than_the_index_counts(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path)
    writer = index._index.writer(50_000_000, 1)
    hours = 65_001
    for number in range(hours):
        one = tantivy.Document()
        one.add_integer("time", START_MS + number * HOUR_MS)
        writer.add_document(one)
    writer.commit()
    index._index.reload()
    index._snapshot = index._look()
    question = index.ask("")
    by_hour = {"steps": {"histogram": {"field": "time", "interval": HOUR_MS, "min_doc_count": 1}}}
    with pytest.raises(ValueError, match="bucket limit"):
        question.snapshot.searcher.aggregate(question.wanted, by_hour)
    facets, volume = facets_and_volume(question, hours, hourly=False, sampled_above=hours)
    index.close()
    assert volume.step_ms == DAY_MS
    assert sum(volume.counts) == sum(one.count for one in facets.days) == hours
    assert set(volume.counts[1:-1]) == {24}
