"""The alert rule's memory of a story: its facts so far, and what each subscription was alerted to. Pure.

Facts are numbered: a fact's number is that of the article with which it first came up in the story, and an alert's ``told``
is the highest number that it reported. So "new for this subscription" is a comparison, and all subscriptions share one memory
of a story. The store has the facts in a row of the story, and marks are read from its alerts; both are functions of what came
before.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from core.records import Alert, Article, OrderKey
from core.records.article import Story
from pipeline.stories.facts import Facts
from pipeline.stories.features import agency_of
from pipeline.stories.leads import Lead, number_of_lead, with_lead, worded_alike

MOST_FIGURES, MOST_RUNS, MOST_NOTICES = 256, 2_048, 64
MOST_ARTICLES = 50
MOST_PAGES = 64
OFTEN_EDITS, LIVE_EDITS, LIVE_WITHIN_MS = 3, 6, 30 * 60_000
LIVE_PAUSE_MS = 10 * 60_000

Seen = dict[int, tuple[int, int]]
"""Key of a fact → its number, and the event time in ms at which it came up."""


class EditPace(msgspec.Struct, frozen=True, array_like=True):
    """The pace of an article's edits: event times in ms of its last edits, and of the last one whose facts were used."""

    edits: tuple[int, ...] = ()
    taken_ms: int = 0

    def after(self, time_ms: int) -> EditPace:
        """The pace with one more edit."""
        edits = (*self.edits, time_ms)[-LIVE_EDITS:]
        paced = EditPace(edits, self.taken_ms)
        return paced if paced.held(time_ms) else EditPace(edits, time_ms)

    def often(self, time_ms: int) -> bool:
        """Whether it is rewritten repeatedly, so that one more edit is not news in itself."""
        return len([at for at in self.edits if at > time_ms - LIVE_WITHIN_MS]) >= OFTEN_EDITS

    def held(self, time_ms: int) -> bool:
        """Whether it is a live page whose facts were used recently; facts that remain in later versions are used then."""
        live = len(self.edits) == LIVE_EDITS and self.edits[0] > time_ms - LIVE_WITHIN_MS
        return live and self.taken_ms > time_ms - LIVE_PAUSE_MS


class StoryFacts(msgspec.Struct, frozen=True):
    """A story's facts, numbered from 1 in the order in which they came up. If there are too many, the oldest are dropped.

    ``pages``: the pace of its edited articles, by a digest of the article's id. ``leads``: see the module ``leads``.
    ``decision``: the number of the last editor's decision about the story, 0 for none.
    """

    count: int = 0
    figures: Seen = {}
    quotes: Seen = {}
    notices: Seen = {}
    pages: dict[int, EditPace] = {}
    leads: tuple[Lead, ...] = ()
    decision: int = 0

    def since(self, parameter: str) -> str:
        """The parameter of an alert's id, since the story may have raised the same alert before a decision changed it."""
        if not self.decision:
            return parameter
        return f"{parameter} since decision {self.decision}" if parameter else f"decision {self.decision}"

    def before(self, time_ms: int) -> StoryFacts:
        """The facts from before an event time in ms (except those dropped since)."""
        parts = ({key: at for key, at in seen.items() if at[1] < time_ms} for seen in self._all())
        figures, quotes, notices = parts
        leads = tuple(one for one in self.leads if one.time_ms < time_ms)
        numbers = [at[0] for seen in (figures, quotes, notices) for at in seen.values()]
        numbers += [one.number for one in leads]
        pages = {
            page: EditPace(edits, pace.taken_ms if pace.taken_ms < time_ms else edits[-1])
            for page, pace in self.pages.items()
            if (edits := tuple(at for at in pace.edits if at < time_ms))
        }
        return StoryFacts(max(numbers, default=0), figures, quotes, notices, pages, leads, self.decision)

    def _all(self) -> tuple[Seen, Seen, Seen]:
        return self.figures, self.quotes, self.notices


class Known(msgspec.Struct, frozen=True):
    """One article's facts with their numbers: (number, kind, text), in reading order; ``lead``: the number of its lead."""

    notices: tuple[tuple[int, str, str], ...] = ()
    figures: tuple[tuple[int, str, str], ...] = ()
    quotes: tuple[tuple[int, str, str], ...] = ()
    lead: int = 0

    def newest(self) -> int:
        """The highest number among the facts; a mark that reaches it has reported all of them."""
        told = (one[0] for part in (self.notices, self.figures, self.quotes) for one in part)
        return max((self.lead, *told))


def learn(
    known: StoryFacts, facts: Facts, time_ms: int, *, sketch: bytes = b"", language: str | None = None
) -> tuple[StoryFacts, Known]:
    """The story's facts with those of one more article, and that article's facts with their numbers.

    A quote's number makes it new to a mark for which more than half of its words are new. Quotes of the first text in a
    language are as old as the story's first lead: they may be translations of what was quoted before. Figures in the
    background (``Figure.news``) are new only in a text worded like an earlier one, such as the next of a series, but not in a
    copy, which may only be longer. A figure that only rounds a known one is not new. ``sketch``: the identity of the
    article's event (``leads.sketch_of``), b"" for an edit or a copy, which can't be a new event.
    """
    number = known.count + 1
    at = (number, time_ms)
    figures = _extended(
        known.figures, [key for one in facts.figures for key in (one.key, one.near or one.key)], at, MOST_FIGURES
    )
    comparable = not known.leads or any(lead.language == language for lead in known.leads)
    quoted = at if comparable else (known.leads[0].number, time_ms)
    worded = bool(sketch) and worded_alike(known.leads, sketch, language)
    runs = _extended(known.quotes, [key for quote in facts.quotes for key in quote.keys], quoted, MOST_RUNS)
    notices = _extended(known.notices, [notice.key for notice in facts.notices], at, MOST_NOTICES)
    said = Known(
        tuple((notices.get(one.key, at)[0], one.kind, one.text) for one in facts.notices),
        tuple((figures.get(one.key, at)[0], "figures", one.text) for one in facts.figures if one.news or worded),
        tuple((_number(runs, one.keys, quoted), "quotes", one.text) for one in facts.quotes),
    )
    leads = known.leads
    if sketch:
        lead = number_of_lead(leads, sketch, language, number)
        leads = with_lead(leads, Lead(lead, time_ms, language, sketch))
        said = msgspec.structs.replace(said, lead=lead)
    changed = (
        figures is not known.figures
        or runs is not known.quotes
        or notices is not known.notices
        or leads is not known.leads
    )
    if changed:
        known = StoryFacts(number, figures, runs, notices, known.pages, leads, known.decision)
    return known, said


def edited(known: StoryFacts, article: str, time_ms: int) -> tuple[StoryFacts, EditPace]:
    """The story's facts after one more edit of an article, and that article's pace."""
    page = page_of(article)
    pace = known.pages.get(page, EditPace()).after(time_ms)
    pages = {other: one for other, one in known.pages.items() if other != page}
    kept = dict([*pages.items(), (page, pace)][-MOST_PAGES:])
    return msgspec.structs.replace(known, pages=kept), pace


def page_of(article: str) -> int:
    """The digest of an article's id, the key of ``StoryFacts.pages``."""
    return zlib.crc32(article.encode())


def _extended(seen: Seen, keys: Iterable[int], at: tuple[int, int], most: int) -> Seen:
    new = {key: at for key in keys if key not in seen}
    if not new:
        return seen
    grown = seen | new
    return grown if len(grown) <= most else dict(sorted(grown.items(), key=lambda one: (one[1], one[0]))[-most:])


def _number(runs: Mapping[int, tuple[int, int]], keys: tuple[int, ...], at: tuple[int, int]) -> int:
    numbers = sorted((runs.get(key, at)[0] for key in set(keys)), reverse=True)
    return numbers[len(numbers) // 2] if numbers else 0


class AlertMark(msgspec.Struct, frozen=True):
    """What a subscription was last alerted to in a story. ``articles``: (article, outlet) of its alerts, at most 50."""

    subscription: str
    version: int
    alert: str
    sources: int
    told: int
    articles: tuple[tuple[str, str], ...] = ()

    def after(self, alert: Alert) -> AlertMark:
        """The mark after one more alert."""
        return marked(alert, self.articles)


def marked(alert: Alert, before: tuple[tuple[str, str], ...] = ()) -> AlertMark:
    """The mark from an alert."""
    here = (alert.article, alert.source)
    articles = before if here in before else (*before, here)[-MOST_ARTICLES:]
    return AlertMark(alert.subscription, alert.subscription_version, alert.id, alert.sources, alert.told, articles)


@dataclass(slots=True)
class StoryMemory:
    """The alert rule's memory of a story, updated article by article within a batch. ``learnt``: its facts have changed."""

    story: Story | None = None
    outlets: set[str] = field(default_factory=set)
    facts: StoryFacts = field(default_factory=StoryFacts)
    marks: dict[str, AlertMark] = field(default_factory=dict)
    learnt: bool = False


def grown(story: Story | None, article: Article, key: OrderKey) -> Story:
    """The story with one more article, or one more version of one. ``story`` None: the article begins it.

    ``article`` has passed the story stage. Articles must be added in the run's order; adding one twice counts it twice.
    """
    identity = article.story_id or article.id
    if story is None:
        story = Story(id=identity, headline=article.title, first_ms=key.time_ms, last_ms=key.time_ms)
    new = article.version == 1
    sources = set(story.sources)
    if article.duplicate_of is None:
        sources.add(independent_source(article.source, article.fingerprint))
    return msgspec.structs.replace(
        story,
        last_ms=max(story.last_ms, key.time_ms),
        articles=story.articles + new,
        copies=story.copies + (new and article.duplicate_of is not None),
        sources=tuple(sorted(sources)),
    )


def independent_source(source: str, fingerprint: bytes) -> str:
    """The author of a text: the agency that it credits, else its outlet."""
    return agency_of(fingerprint) or source
