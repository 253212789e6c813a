"""One page of results, by time or by relevance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tantivy

from core.search.ask import DAY_MS, Asked, days_of, facets_and_volume, order_range, step_of, volume_of
from core.search.cursor import Cursor
from core.search.results import Count, Facets, FacetValue, FoundArticle, Hit, Results, Volume

RANKED = 1_000
"""Articles that are ranked: the best by BM25; more nobody leafs through."""
_HALF_LIFE_MS = 14 * DAY_MS
_OLD = 0.4
"""What the age of an article leaves of its score at most."""
_BATCH, _LARGEST_BATCH = 32, 512
_ENOUGH = 30
"""Checked candidates from which the share that matches is told."""

Ranking = list[tuple[float, tantivy.DocAddress]]


class Wish(NamedTuple):
    """What of the hits is wanted. ``deadline``: when checking candidates must end, by ``clock``, in seconds."""

    limit: int
    facets: bool
    hourly: bool
    clock: Callable[[], float]
    deadline: float


class _Checked(NamedTuple):
    number: int
    hits: list[Hit]
    complete: bool


def page_by_time(asked: Asked, wish: Wish, question: bytes, cursor: Cursor | None, *, newest: bool) -> Results:
    """The next page from the newest or the oldest on. Articles stored meanwhile neither shift nor repeat it."""
    seen = set(cursor.seen) if cursor is not None else set()
    wanted = asked.wanted
    if cursor is not None:
        schema = asked.snapshot.schema
        rest = order_range(schema, None, cursor.at, to_the_end=True) if newest else order_range(schema, cursor.at, None)
        wanted = asked.within(tantivy.Query.const_score_query(rest, 0.0))
    total = asked.size()
    last: tuple[int, FoundArticle] | None = None
    hits: list[Hit] = []
    checked, partial, more = 0, False, False
    at_last: list[str] = []
    for order, address in _by_time(asked, wanted, wish.limit, newest=newest):
        article = asked.article(address)
        if article.id in seen:
            continue
        if len(hits) == wish.limit:
            more = True
            break
        if not asked.exact and checked and wish.clock() > wish.deadline:
            more = partial = True
            break
        checked += 1
        matches = asked.check(article)
        at_last = [*at_last, article.id] if last is not None and last[0] == order else [article.id]
        last = order, article
        if matches is not None:
            hits.append(Hit(article, matches))
    follow = None
    if more and last is not None:
        held = cursor.seen if cursor is not None and cursor.at == last[0] else ()
        follow = Cursor(question=question, at=last[0], seen=(*held, *at_last)).text()
    return _results(asked, wish, hits, total, checked, follow, partial=partial, first_page=cursor is None)


def rank(asked: Asked, now_ms: int | None) -> Ranking:
    """The best by BM25, weighed by age: an article of two weeks keeps two thirds of its score, a very old one two fifths.

    ``now_ms`` None: the newest of them is new.
    """
    searcher = asked.snapshot.searcher
    found = searcher.search(asked.wanted, limit=RANKED, count=False).hits
    addresses = [address for _, address in found]
    times = [int(time or 0) for time in searcher.fast_field_values("time", addresses)] if addresses else []
    now = max(times, default=0) if now_ms is None else now_ms
    scored = [
        (float(score) * (_OLD + (1 - _OLD) * 0.5 ** (max(0, now - time) / _HALF_LIFE_MS)), -place, time, address)
        for place, ((score, address), time) in enumerate(zip(found, times, strict=True))
    ]
    scored.sort(key=lambda one: (one[0], one[2], one[1]), reverse=True)
    return [(score, address) for score, _, _, address in scored]


def page_by_rank(asked: Asked, wish: Wish, question: bytes, cursor: Cursor | None, ranking: Ranking) -> Results:
    """The next page of a ranking."""
    hits: list[Hit] = []
    offset = cursor.offset if cursor is not None else 0
    checked, partial = 0, False
    while offset < len(ranking) and len(hits) < wish.limit:
        if not asked.exact and checked and wish.clock() > wish.deadline:
            partial = True
            break
        score, address = ranking[offset]
        article = asked.article(address)
        matches = asked.check(article)
        offset, checked = offset + 1, checked + 1
        if matches is not None:
            hits.append(Hit(article, matches, score))
    follow = None
    if offset < len(ranking):
        generation = asked.snapshot.generation
        follow = Cursor(question=question, generation=generation, offset=offset).text()
    total = asked.size()
    return _results(asked, wish, hits, total, checked, follow, partial=partial, first_page=cursor is None)


def _by_time(
    asked: Asked, wanted: tantivy.Query, limit: int, *, newest: bool
) -> Iterator[tuple[int, tantivy.DocAddress]]:
    """What the index finds, in order, with its ``order``; fetched in growing parts."""
    order = tantivy.Order.Desc if newest else tantivy.Order.Asc
    offset, size = 0, min(limit + 2, _LARGEST_BATCH) if asked.exact else max(_BATCH, limit + 2)
    while True:
        found = asked.snapshot.searcher.search(
            wanted, limit=size, offset=offset, count=False, order_by_field="order", order=order
        ).hits
        for number, address in found:
            yield int(number), address
        if len(found) < size:
            return
        offset, size = offset + size, min(2 * size, _LARGEST_BATCH)


def _results(
    asked: Asked,
    wish: Wish,
    hits: list[Hit],
    total: int,
    checked: int,
    follow: str | None,
    *,
    partial: bool,
    first_page: bool,
) -> Results:
    facets: Facets | None = None
    volume: Volume | None = None
    count = Count(total)
    if not asked.exact:
        seen = _Checked(checked, hits, complete=first_page and checked == total and follow is None)
        if first_page and not seen.complete:
            seen = _check_more(asked, wish, total)
        count = _estimate(seen, total)
        if seen.complete and wish.facets:
            facets, volume = _of_hits([hit.article for hit in seen.hits], hourly=wish.hourly)
    if wish.facets and facets is None:
        facets, volume = facets_and_volume(asked, total, hourly=wish.hourly)
    return Results(
        hits=tuple(hits),
        total=count,
        facets=facets,
        volume=volume,
        cursor=follow,
        candidates=total,
        checked=0 if asked.exact else checked,
        partial=partial,
        seq=asked.snapshot.seq,
    )


def _check_more(asked: Asked, wish: Wish, total: int) -> _Checked:
    """As many of all candidates as the time allows, for the count: newest first, since new ones are looked for."""
    checked = 0
    hits: list[Hit] = []
    for _, address in _by_time(asked, asked.wanted, _BATCH, newest=True):
        if checked >= _ENOUGH and wish.clock() > wish.deadline:
            return _Checked(checked, hits, complete=False)
        article = asked.article(address)
        matches = asked.check(article)
        checked += 1
        if matches is not None:
            hits.append(Hit(article, matches))
    return _Checked(checked, hits, complete=checked == total)


def _estimate(seen: _Checked, total: int) -> Count:
    matched = len(seen.hits)
    if seen.complete:
        return Count(matched)
    if seen.number < _ENOUGH:
        return Count(total, "at_most")
    return Count(matched + round((total - seen.number) * matched / seen.number), "about")


def _of_hits(articles: list[FoundArticle], *, hourly: bool) -> tuple[Facets, Volume]:
    def top(values: Iterator[str]) -> tuple[FacetValue, ...]:
        counted = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))
        return tuple(FacetValue(value, count) for value, count in counted[:30])

    times = [article.time_ms for article in articles]
    step_ms = step_of(min(times), max(times), hourly=hourly) if times else DAY_MS
    steps = Counter(article.time_ms // step_ms * step_ms for article in articles)
    facets = Facets(
        topics=top(topic for article in articles for topic in article.topics),
        sources=top(article.source for article in articles),
        languages=top(article.language for article in articles if article.language),
        days=days_of(dict(steps)),
    )
    return facets, volume_of(dict(steps), step_ms, exact=True)
