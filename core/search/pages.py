"""One page of results, by time or by relevance: its hits, the cursor to the next page, and facets and volume over all hits."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import tantivy
from msgspec.structs import replace

from core.decoding import from_msgpack
from core.durations import DAY_MS, HOUR_MS, MINUTE_MS
from core.errors import UsageError
from core.query.budget import Interrupted
from core.search.question import Deadline, Question, day_of, order_range, unscored
from core.search.results import Count, Facets, FacetValue, Hit, Results, Volume
from core.search.schema import SAMPLES, FoundArticle

RANKED = 1_000
"""How many articles are ranked, the best by BM25: more than anyone pages through."""
_HALF_LIFE_MS = 14 * DAY_MS
_OLD = 0.4
"""The share of its score that an article keeps at any age."""
_BATCH, _LARGEST_BATCH = 32, 512
_ENOUGH = 30
"""Number of checked candidates from which the matching share is estimated."""

_FACET_VALUES, _COUNTED_VALUES = 30, 20_000
"""Most values of a facet that are returned, and that are counted per segment of the index: with more, counts are approximate.
"""
_FINE_MS = 3 * HOUR_MS
"""For periods up to this, steps are five minutes."""
SAMPLED_ABOVE = 100_000
"""With more hits, facets and volume are estimated from a sample: they are the most expensive part."""
_MOST_STEPS = 4_000
"""Most steps of a volume: with a wrong clock, articles may spread over fifty years."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The start of the next page; ``digest`` ties it to its question.

    By time: everything before ``at`` (an ``order``) was returned, and at ``at`` itself the articles in ``seen``. By
    relevance: the next hit is number ``offset`` in the ranking of ``generation``.
    """

    digest: bytes
    at: int = 0
    seen: tuple[str, ...] = ()
    generation: int = 0
    offset: int = 0

    def text(self) -> str:
        """The cursor as text of letters, digits, ``-`` and ``_``."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


def read_cursor(text: str, digest: bytes) -> Cursor:
    """The cursor in ``text``. Raises UsageError if it is not a cursor, or belongs to another question."""
    try:
        data = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = from_msgpack(data, Cursor)
    except ValueError as error:
        raise UsageError("not a cursor of a search", hint="leave it out to start at the first page") from error
    if cursor.digest != digest:
        raise UsageError("the cursor belongs to another search", hint="leave it out to start at the first page")
    return cursor


def digest_of(*parts: object) -> bytes:
    """A digest of everything that defines a question, to tie a cursor to it."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()


class Ranking(NamedTuple):
    """The best articles with their scores, and how many articles were found in all."""

    best: list[tuple[float, tantivy.DocAddress]]
    total: int


class PageRequest(NamedTuple):
    """The requested page.

    ``deadline``: when checking candidates must end. ``count_by``: when checking more of them than the page needs must end,
    which only makes the estimated count more exact. ``sampled_above``: with more hits than this, facets and volume are
    estimated from a sample.
    """

    limit: int
    facets: bool
    hourly: bool
    deadline: Deadline
    count_by: Deadline
    sampled_above: int = SAMPLED_ABOVE


class _Checked(NamedTuple):
    number: int
    hits: list[Hit]
    complete: bool


def page_by_time(
    question: Question, request: PageRequest, digest: bytes, cursor: Cursor | None, *, newest: bool
) -> Results:
    """The next page, newest or oldest first. Articles stored in between cause no shifts or repeats."""
    seen = set(cursor.seen) if cursor is not None else set()
    wanted = question.wanted
    if cursor is not None:
        schema = question.snapshot.schema
        rest = order_range(schema, None, cursor.at, to_the_end=True) if newest else order_range(schema, cursor.at, None)
        wanted = question.within(tantivy.Query.const_score_query(rest, 0.0))
    pages = _ByTime(question, wanted, request.limit, newest=newest)
    last: tuple[int, FoundArticle] | None = None
    hits: list[Hit] = []
    checked, partial, more = 0, False, False
    at_last: list[str] = []
    for order, address in pages:
        article = question.article(address)
        if article.id in seen:
            continue
        if len(hits) == request.limit:
            more = True
            break
        if _over(question, request, checked):
            more = partial = True
            break
        try:
            matches = question.check(article, request.deadline.look(first=question.exact or not checked))
        except Interrupted:
            more = partial = True
            break
        checked += 1
        at_last = [*at_last, article.id] if last is not None and last[0] == order else [article.id]
        last = order, article
        if matches is not None:
            hits.append(Hit(article, matches))
    next_page = None
    if more and last is not None:
        held = cursor.seen if cursor is not None and cursor.at == last[0] else ()
        next_page = Cursor(digest=digest, at=last[0], seen=(*held, *at_last)).text()
    # Counting takes as long as finding, and a first page has found all.
    total = pages.found if cursor is None else question.size()
    return _results(question, request, hits, total, checked, next_page, partial=partial, first_page=cursor is None)


def rank(question: Question, now_ms: int | None) -> Ranking:
    """The best articles by BM25, weighted by age: after two weeks an article keeps 70 % of its score, a very old one 40 %.

    ``now_ms`` (UTC): the time that age is measured from; None: the time of the newest of them.
    """
    searcher = question.snapshot.searcher
    searched: Any = searcher.search(question.wanted, limit=RANKED)
    found = searched.hits
    addresses = [address for _, address in found]
    times = [int(time or 0) for time in searcher.fast_field_values("time", addresses)] if addresses else []
    now = max(times, default=0) if now_ms is None else now_ms
    scored = [
        (float(score) * (_OLD + (1 - _OLD) * 0.5 ** (max(0, now - time) / _HALF_LIFE_MS)), -place, time, address)
        for place, ((score, address), time) in enumerate(zip(found, times, strict=True))
    ]
    scored.sort(key=lambda one: (one[0], one[2], one[1]), reverse=True)
    return Ranking([(score, address) for score, _, _, address in scored], int(searched.count))


def page_by_rank(
    question: Question, request: PageRequest, digest: bytes, cursor: Cursor | None, ranking: Ranking
) -> Results:
    """The next page of a ranking."""
    hits: list[Hit] = []
    offset = cursor.offset if cursor is not None else 0
    checked, partial = 0, False
    while offset < len(ranking.best) and len(hits) < request.limit:
        if _over(question, request, checked):
            partial = True
            break
        score, address = ranking.best[offset]
        article = question.article(address)
        try:
            matches = question.check(article, request.deadline.look(first=question.exact or not checked))
        except Interrupted:
            partial = True
            break
        offset, checked = offset + 1, checked + 1
        if matches is not None:
            hits.append(Hit(article, matches, score))
    next_page = None
    if offset < len(ranking.best):
        generation = question.snapshot.generation
        next_page = Cursor(digest=digest, generation=generation, offset=offset).text()
    return _results(
        question, request, hits, ranking.total, checked, next_page, partial=partial, first_page=cursor is None
    )


def _over(question: Question, request: PageRequest, checked: int) -> bool:
    """Whether the page must end here. Exact answers of the index need no checks, so they end only if the search is stopped."""
    return request.deadline.stopped() or (not question.exact and checked > 0 and request.deadline.late())


class _ByTime:
    """The index's results in order, each with its ``order``; read in parts of growing size.

    ``found``: how many there are, from the first part on.
    """

    def __init__(self, question: Question, wanted: tantivy.Query, limit: int, *, newest: bool) -> None:
        self._question, self._wanted = question, wanted
        self._size = min(limit + 2, _LARGEST_BATCH) if question.exact else max(_BATCH, limit + 2)
        self._order = tantivy.Order.Desc if newest else tantivy.Order.Asc
        self.found = 0

    def __iter__(self) -> Iterator[tuple[int, tantivy.DocAddress]]:
        offset, size = 0, self._size
        while True:
            part: Any = self._question.snapshot.searcher.search(
                self._wanted,
                limit=size,
                offset=offset,
                count=offset == 0,
                order_by_field="order",
                order=self._order,
            )
            if offset == 0:
                self.found = int(part.count)
            for number, address in part.hits:
                yield int(number), address
            if len(part.hits) < size:
                return
            offset, size = offset + size, min(2 * size, _LARGEST_BATCH)


def _results(
    question: Question,
    request: PageRequest,
    hits: list[Hit],
    total: int,
    checked: int,
    next_page: str | None,
    *,
    partial: bool,
    first_page: bool,
) -> Results:
    facets: Facets | None = None
    volume: Volume | None = None
    count = Count(total)
    if not question.exact:
        seen = _Checked(checked, hits, complete=first_page and checked == total and next_page is None)
        if first_page and not seen.complete:
            seen = _check_more(question, request, total, seen)
        count = _estimate(seen, total)
        if seen.complete and request.facets:
            facets, volume = _of_hits([hit.article for hit in seen.hits], hourly=request.hourly)
    if request.facets and facets is None:
        facets, volume = facets_and_volume(question, total, hourly=request.hourly, sampled_above=request.sampled_above)
    return Results(
        hits=tuple(hits),
        total=count,
        facets=facets,
        volume=volume,
        cursor=next_page,
        candidates=total,
        checked=0 if question.exact else checked,
        partial=partial,
        seq=question.snapshot.seq,
    )


def _check_more(question: Question, request: PageRequest, total: int, page: _Checked) -> _Checked:
    """The candidates of a page and as many more as time allows, newest first, to estimate the count."""
    number, hits, newest = page.number, list(page.hits), 0
    of_page = frozenset(question.checked)
    for _, address in _ByTime(question, question.wanted, _BATCH, newest=True):
        deadline, article = request.count_by, question.article(address)
        known = article.id in of_page
        # The page's time may be over long before, so some of the newest are checked in any case.
        if deadline.stopped() or (not known and newest >= _ENOUGH and deadline.late()):
            return _Checked(number, hits, complete=False)
        newest += 1
        if known:
            continue
        try:
            matches = question.check(article, deadline.look(first=newest <= _ENOUGH))
        except Interrupted:
            return _Checked(number, hits, complete=False)
        number += 1
        if matches is not None:
            hits.append(Hit(article, matches))
    return _Checked(number, hits, complete=number == total)


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


def facets_and_volume(question: Question, number: int, *, hourly: bool, sampled_above: int) -> tuple[Facets, Volume]:
    """Facets and volume of the ``number`` articles of ``question``; estimated from one in SAMPLES above ``sampled_above``."""
    wanted, times = question.wanted, 1
    if number > sampled_above:
        one = tantivy.Query.term_query(question.snapshot.schema, "sample", "0")
        wanted, times = question.within(unscored(one)), SAMPLES
    sizes = {"size": _FACET_VALUES, "segment_size": _COUNTED_VALUES}
    terms = {name: {"terms": {"field": name, **sizes}} for name in ("is_topic", "is_source", "is_lang")}
    span = {"first": {"min": {"field": "time"}}, "last": {"max": {"field": "time"}}}
    searcher = question.snapshot.searcher
    found: Any
    try:
        # With hours, from which longer steps are added up: finding the articles again takes as long as the first time.
        found = searcher.aggregate(wanted, {**terms, **span, **_steps(HOUR_MS)})
    except ValueError:
        # More hours than the index counts.
        found = searcher.aggregate(wanted, {**terms, **span})
    first, last = found["first"]["value"], found["last"]["value"]
    step = step_of(first, last, hourly=hourly) if first is not None and last is not None else DAY_MS
    if first is not None and ("steps" not in found or step % HOUR_MS):
        steps: Any = searcher.aggregate(wanted, _steps(step))
        found["steps"] = steps["steps"]
    counts: dict[int, int] = {}
    for bucket in found["steps"]["buckets"]:
        start = int(bucket["key"]) // step * step
        counts[start] = counts.get(start, 0) + int(bucket["doc_count"]) * times
    values = {
        name: tuple(
            FacetValue(str(bucket["key"]), int(bucket["doc_count"]) * times) for bucket in found[name]["buckets"]
        )
        for name in terms
    }
    sure = times == 1 and not any(found[name].get("doc_count_error_upper_bound") for name in terms)
    certainty = ("exact" if sure else "about") if question.exact else "at_most"
    facets = Facets(
        topics=values["is_topic"],
        sources=values["is_source"],
        languages=values["is_lang"],
        days=days_of(counts) if step <= DAY_MS else (),
        certainty=certainty,  # type: ignore[arg-type]
    )
    volume = volume_of(counts, step, exact=question.exact)
    return facets, volume if times == 1 or not question.exact else replace(volume, certainty="about")


def _steps(step_ms: int) -> dict[str, Any]:
    return {"steps": {"histogram": {"field": "time", "interval": step_ms, "min_doc_count": 1}}}


def step_of(first_ms: float, last_ms: float, *, hourly: bool) -> int:
    """The step of a volume that spans the first to the last article, in ms: five minutes, an hour, a day, or several weeks.

    ``hourly``: at most an hour. With steps of days, a store of one day would be a single bar.
    """
    span = last_ms - first_ms
    if span <= _FINE_MS:
        return 5 * MINUTE_MS
    step = HOUR_MS if hourly or span <= 2 * DAY_MS else DAY_MS
    while span / step > _MOST_STEPS:
        step *= 7
    return step


def volume_of(counts: dict[int, int], step_ms: int, *, exact: bool) -> Volume:
    """A volume from counts by the start of their step; missing steps in between become zeros."""
    if not counts:
        return Volume(step_ms=step_ms)
    first, last = min(counts), max(counts)
    filled = tuple(counts.get(start, 0) for start in range(first, last + 1, step_ms))
    return Volume(start_ms=first, step_ms=step_ms, counts=filled, certainty="exact" if exact else "at_most")


def days_of(counts: dict[int, int]) -> tuple[FacetValue, ...]:
    """Sum counts by time into counts by day, ascending."""
    days: dict[str, int] = {}
    for start in sorted(counts):
        days[day_of(start)] = days.get(day_of(start), 0) + counts[start]
    return tuple(FacetValue(day, count) for day, count in days.items())
