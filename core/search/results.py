"""Filters and results of searches and backtests. All times are event times in whole milliseconds, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.records.article import Match
from core.saying import Said, counting, saying
from core.search.schema import FoundArticle

Order = Literal["newest", "oldest", "relevance"]
Certainty = Literal["exact", "at_least", "at_most", "about"]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Further conditions on hits: for each field with values, the hit must have one of them in full, ignoring case.

    ``filters_of`` returns those of a subscription.
    """

    topics: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    stories: tuple[str, ...] = ()
    copies: bool = True
    """False: exclude articles that are copies of another."""


class Count(msgspec.Struct, frozen=True):
    """A number and its certainty. ``str`` is for people: ``1,234``, ``more than 10,000``, ``about 1,200``."""

    value: int
    certainty: Certainty = "exact"

    def __str__(self) -> str:
        return str(self.said)

    @property
    def said(self) -> Said:
        """The count as a sentence, to be translated."""
        match self.certainty:
            case "exact":
                return Said("%(count)s", {"count": self.value})
            case "at_least":
                return saying("at least %(count)s", count=self.value)
            case "at_most":
                return saying("at most %(count)s", count=self.value)
            case "about":
                return saying("about %(count)s", count=self.value)


class FacetValue(msgspec.Struct, frozen=True):
    """A value and the number of hits that have it."""

    value: str
    count: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent values among all hits (not only this page), most frequent first; ``days`` (``YYYY-MM-DD``) ascending.

    ``certainty``: ``exact``; ``at_most``: counts of candidates, some of which do not match; ``about``: estimated from a
    sample of very many hits, or with over 20,000 outlets.
    """

    topics: tuple[FacetValue, ...] = ()
    sources: tuple[FacetValue, ...] = ()
    languages: tuple[FacetValue, ...] = ()
    days: tuple[FacetValue, ...] = ()
    certainty: Certainty = "exact"


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """Hits over time, for a chart: ``counts[i]`` is the step from ``start_ms + i * step_ms``; five minutes, hours or days."""

    start_ms: int = 0
    step_ms: int = 86_400_000
    counts: tuple[int, ...] = ()
    certainty: Certainty = "exact"


class Hit(msgspec.Struct, frozen=True):
    """A found article. ``matches`` are code points of its own ``title`` or ``text``, sorted (see CompiledQuery.match)."""

    article: FoundArticle
    matches: tuple[Match, ...] = ()
    score: float | None = None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """One page. ``cursor`` is passed for the next page; None at the end.

    ``facets`` and ``volume`` are None if not requested (later pages need none). ``checked`` of ``candidates`` were run
    through the exact matcher; 0 if the index answers the query exactly. ``partial``: the time ran out before the page
    was full, and ``cursor`` continues from there. ``seq`` is the index's progress in the run.
    """

    hits: tuple[Hit, ...]
    total: Count
    facets: Facets | None = None
    volume: Volume | None = None
    cursor: str | None = None
    candidates: int = 0
    checked: int = 0
    partial: bool = False
    seq: int = 0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a query as a subscription.

    ``articles`` are in the period, ``candidates`` of them could not be ruled out by the index, ``checked`` were run through
    the exact matcher, at ``ms_per_check`` each (None: not measured). ``filterable`` False: the query has no required terms
    (``NOT a``), so the pipeline has to run it on every article.
    """

    articles: int
    candidates: int
    checked: int
    ms_per_check: float | None
    filterable: bool
    required_terms: tuple[str, ...] = ()
    """The first few required terms, under which the pipeline files the query: every match has at least one of them."""


class DayCount(msgspec.Struct, frozen=True):
    """One day (UTC, ``YYYY-MM-DD``): number of matching articles, and of alerts that they would raise."""

    day: str
    articles: int
    alerts: int


class StoryHit(msgspec.Struct, frozen=True, kw_only=True):
    """A story that the query finds, with the article that would raise its alert; ``articles`` of it match."""

    story: str
    articles: int
    hit: Hit


NO_NEWS = "no data: the store has no articles that appeared after their feed was added"
"""Shown in place of a count and a rate."""


class BacktestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a query would have found from ``since_ms`` (inclusive) to ``until_ms`` (exclusive).

    Each story with a match that is not backfill counts as one alert, which is what the pipeline raises for a
    subscription in force all that time. ``complete`` False: the time ran out; counts cover the newest part, from
    ``covered_since_ms`` on, and are ``at_least``. ``store_since_ms``: when the store's first new article came, if that
    is later (None: not later); backfill does not count. ``alerts_a_day`` is over the time from the later of the two.
    ``no_news``: the store has no new articles at all, so counts mean nothing for the query.
    """

    query: str
    since_ms: int
    until_ms: int
    articles: Count
    stories: Count
    alerts: Count
    alerts_a_day: float
    days: tuple[DayCount, ...]
    examples: tuple[StoryHit, ...]
    cost: Cost
    complete: bool = True
    covered_since_ms: int = 0
    store_since_ms: int | None = None
    no_news: bool = False

    @property
    def days_covered(self) -> float:
        """Number of days that ``alerts_a_day`` is over."""
        return max(0.0, (self.until_ms - (self.store_since_ms or self.covered_since_ms)) / 86_400_000)

    @property
    def hint(self) -> Said | None:
        """Why there are no alerts, if all matches were in their feeds before these were watched; otherwise None."""
        if self.alerts.value or not self.stories.value:
            return None
        return counting(
            "%(stories)s matching story was in the feeds before they were watched: it is searchable, but never raises alerts.",
            "%(stories)s matching stories were in the feeds before they were watched: these are searchable, but never raise "
            "alerts.",
            self.stories.value,
            stories=self.stories.said,
        )


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A changed query compared with the old one: stories that only the new one finds (``won``) or only the old one (``lost``).

    It covers the time that both covered. Examples are newest first.
    """

    before: BacktestReport
    after: BacktestReport
    won: Count
    lost: Count
    won_examples: tuple[StoryHit, ...]
    lost_examples: tuple[StoryHit, ...]
