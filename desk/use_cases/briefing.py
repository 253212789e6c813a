"""The morning briefing, from the store: for the page, the command line, and scheduled mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from core.durations import HOUR_MS
from core.errors import UsageError
from core.records import to_ms
from core.store import Store, StoredTopic, SubscriptionStore
from core.topics import load_topic
from desk.delivery.briefing_pdf import makes_pdf, pdf_of
from desk.delivery.render import Notice, Renderer
from desk.language import gettext
from desk.live.run_reader import DeskReader, StoryRow
from desk.views.briefing import Briefing, StoryFacts, briefing_of
from desk.views.wording import Outlets

LONGEST_HOURS = 24 * 7
LOOKED_AT, MOST_STORIES, MOST_ALERTS = 20_000, 1_000, 2_000
"""Stories of a period that are considered, the latest first; of these, those with the most sources or an alert are read."""
_PAGE, _EACH = 500, 40


__all__ = ["LONGEST_HOURS", "Period", "briefing", "last_hours", "makes_pdf", "printed", "written"]


class Period(NamedTuple):
    """A period from (inclusive) to (exclusive), event times in ms, UTC."""

    from_ms: int
    until_ms: int


def last_hours(hours: int, now_ms: int) -> Period:
    """The last ``hours`` hours. Raises UsageError for zero, or for more than a week."""
    if not 0 < hours <= LONGEST_HOURS:
        raise UsageError(gettext("a briefing covers 1 to %(num)s hours", num=LONGEST_HOURS))
    return Period(now_ms - hours * HOUR_MS, now_ms)


def briefing(store: Store, run: str, period: Period, *, outlets: Outlets, now_ms: int) -> Briefing:
    """The briefing of a period. Raises StoreError."""
    reader = DeskReader(store, run)
    queries = SubscriptionStore(store).read(now_ms=now_ms)
    names = {one.id: one.name or one.id for one in queries.subscriptions if one.active}
    alerts = [
        row.alert
        for row in reader.alerts(limit=MOST_ALERTS, since_ms=period.from_ms)
        if to_ms(row.alert.raised_at) < period.until_ms
    ]
    alerted = {one.story for one in alerts}
    rows = _stories(reader, period)
    rows.sort(key=lambda row: (row.story.id not in alerted, -row.story.independent_sources, -row.story.last_ms))
    chosen = {row.story.id: row.story for row in rows[:MOST_STORIES]}
    articles = {key: [row.article for row in rows] for key, rows in reader.articles_of(chosen, each=_EACH).items()}
    # The newest articles of a large story may not include the article that gives its headline.
    lacking = [key for key, known in articles.items() if all(one.id != key for one in known)]
    for row in reader.articles_with(lacking):
        if row.article.story_id == row.article.id:
            articles[row.article.id].append(row.article)
    return briefing_of(
        (
            StoryFacts(story, articles[key], [one for one in alerts if one.story == key])
            for key, story in chosen.items()
            if key in articles
        ),
        from_ms=period.from_ms,
        until_ms=period.until_ms,
        topics=_titles({one.name: one for one in queries.topics}),
        subscriptions=names,
        outlets=outlets,
    )


def written(made: Briefing, zone: str, *, templates: str, link: str) -> Notice:
    """The briefing as ``text`` and as a page (``html``), with times in ``zone``.

    ``templates``: the folder of custom templates, or ""; ``link``: the desk's address. Raises UsageError if a template fails.
    """
    return Renderer(templates, link).briefing(made, zone)


def printed(made: Briefing, zone: str, *, templates: str, link: str) -> bytes:
    """The briefing as PDF. Raises UsageError if this installation can't make one (``makes_pdf``), or a template fails."""
    return pdf_of(made, zone, templates=templates, link=link)


def _stories(reader: DeskReader, period: Period) -> list[StoryRow]:
    """Stories that changed in the period or after it, and began before its end, from the index of last changes."""
    found: list[StoryRow] = []
    before: tuple[int, str] | None = None
    for _ in range(LOOKED_AT // _PAGE):
        rows = reader.stories(limit=_PAGE, before=before)
        found += [one for one in rows if one.story.first_ms < period.until_ms and one.story.last_ms >= period.from_ms]
        if len(rows) < _PAGE or rows[-1].story.last_ms < period.from_ms:
            break
        before = (rows[-1].story.last_ms, rows[-1].story.id)
    return found


def _titles(topics: Mapping[str, StoredTopic]) -> dict[str, str]:
    """Slug → title of the topics in force, by title."""
    found = {}
    for name, stored in topics.items():
        if stored.active:
            try:
                found[name] = load_topic(stored.definition, name).title or name
            except UsageError:
                found[name] = name
    return dict(sorted(found.items(), key=lambda one: one[1].casefold()))
