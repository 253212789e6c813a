"""Decides which alerts an article raises: one per subscription and story, then one for each piece of news in it. Pure.

News is any of these (``Subscription.news`` selects among them):

- ``corrections``: a note that the article was corrected or retracted;
- ``edits``: an already alerted article was largely rewritten (but not for the third time in half an hour);
- ``sources``: 5, 10, 30, 100 … outlets have reported the story in their own words;
- ``figures`` and ``quotes``: one that the story's matching articles did not have when the subscription was last alerted. A
  figure counts in the title, near a word of harm, or in a text worded like an earlier one; quotes count from the story's
  second text in their language on;
- ``developments``: an article that joined the story tells of another event than those that the subscription was alerted
  to (``leads``). Figures and quotes come first: a development is only reported with names beyond theirs.

A live page (six edits in half an hour) is checked for figures and quotes every ten minutes; its content at that time counts.

An article raises at most one alert for a subscription; everything new in it is in ``news``. It must match the
subscription, except that corrections and edits of an article that had alerted are reported whatever its text says now, and
so is a retraction that the same outlet publishes separately. A copy alerts if its story has not alerted that subscription
yet; a backfilled article never alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from core.errors import QueryError
from core.query.document import document_of
from core.query.explain import EXPLAINED_STEPS, matched_clause
from core.query.filters import effective_query
from core.records import Alert, Article, Match, OrderKey, Subscription, alert_id, from_ms
from core.records.alert import LEVELS, AlertLink, Level, News, Rewording, Snippet
from core.records.news_texts import more_sources, rewritten
from pipeline.stories.facts import Facts, facts_of
from pipeline.stories.leads import Lead, sketch_of, what_is_new
from pipeline.stories.story_memory import AlertMark, EditPace, Known, StoryMemory, edited, grown, learn, marked
from pipeline.text.difference import Size, VersionDifference

NEW_STORY = "story"
SOURCE_COUNTS = (5, 10, 30, 100, 300, 1_000)
MOST_OUTLETS, MOST_NEWS, MOST_CHANGES = 20, 12, 20
CHANGE_CHARS = 300
CLAUSE_STEPS = 4_000_000
"""The step limit for finding one article's matched clauses, over all its alerts: about a second. Later alerts have none."""
_PARSING_STEPS = 8
"""Steps per character for parsing a query."""
_CHARS_A_STEP = 32
"""Characters of the text per step, for finding a query's words in it."""
MOST_SNIPPETS, SNIPPET_CONTEXT, LONGEST_SNIPPET = 3, 90, 320

InForce = Callable[[str, int | None, int], Subscription | None]
"""(id, version or None, event time in ms) → that version, or the one in force at the time; None if there is none."""


class AlertRule:
    """The rule for one batch. ``memories``: the batch's stories in their state before it, which are updated here.

    Not thread-safe. A function of its arguments only, so repeating a batch gives the same alerts.
    """

    def __init__(self, memories: dict[str, StoryMemory], in_force: InForce) -> None:
        self.memories, self._in_force = memories, in_force

    def alerts_of(self, article: Article, key: OrderKey, difference: VersionDifference | None = None) -> list[Alert]:
        """The alerts of one article with its story. Call it in the run's order. ``difference``: the changes of an edit."""
        if article.story_id is None:
            return []
        memory = self.memories.setdefault(article.story_id, StoryMemory())
        memory.story = grown(memory.story, article, key)
        memory.outlets.add(article.source)
        if not article.subscriptions and not memory.marks:
            return []
        changes = difference.changes if difference is not None else ()
        facts = facts_of(article.title, article.text, language=article.language, changes=changes)
        before, pace = memory.facts, EditPace()
        if difference is not None:
            memory.facts, pace = edited(before, article.id, key.time_ms)
            if pace.taken_ms != key.time_ms:
                facts = Facts(notices=facts.notices)
        # A copy reports the same as its original, and changes in an edit are reported as an edit.
        sketch = b"" if article.duplicate_of or difference is not None else sketch_of(article.fingerprint)
        leads = memory.facts.leads
        memory.facts, known = learn(memory.facts, facts, key.time_ms, sketch=sketch, language=article.language)
        memory.learnt |= memory.facts is not before
        if article.backfill:
            return []
        often = pace.often(key.time_ms)
        article_news = _ArticleNews(article, key, memory, known, difference, leads=leads, often=often)
        met = {one.subscription for one in article.subscriptions}
        alerts = []
        for one in article.subscriptions:
            mark = memory.marks.get(one.subscription)
            alert = (
                self._first(article_news, one.subscription, one.version, one.matches)
                if mark is None
                else self._further(article_news, mark, one.version, one.matches)
            )
            if alert is not None:
                alerts.append(alert)
        if article_news.concerns_others:
            # Sorted, because marks come from the store in no particular order.
            for name in sorted(memory.marks.keys() - met):
                mark = memory.marks[name]
                if article_news.concerns(mark) and (alert := self._further(article_news, mark, None, ())) is not None:
                    alerts.append(alert)
        for alert in alerts:
            mark = memory.marks.get(alert.subscription)
            memory.marks[alert.subscription] = mark.after(alert) if mark else marked(alert)
        return alerts

    def overdue(self, articles: Sequence[Article], key: OrderKey) -> list[Alert]:
        """Missing first alerts of subscriptions in these articles' stories, after an editor's decision at ``key``.

        ``articles`` are in the run's order; the first that a subscription matches raises its alert.
        """
        alerts = []
        for article in articles:
            memory = self.memories.setdefault(article.story_id or "", StoryMemory())
            lacking = (
                [] if article.backfill else [m for m in article.subscriptions if m.subscription not in memory.marks]
            )
            if not lacking:
                continue
            article_news = _ArticleNews(article, key, memory, Known(), None, leads=(), often=False)
            for one in lacking:
                wanted = self._in_force(one.subscription, None, key.time_ms)
                if wanted is None or wanted.state == "paused":
                    continue
                alert = self._first(article_news, one.subscription, one.version, one.matches)
                memory.marks[one.subscription] = marked(alert)
                alerts.append(alert)
        return alerts

    def _first(self, article_news: _ArticleNews, name: str, version: int, matches: tuple[Match, ...]) -> Alert:
        wanted = self._in_force(name, version, article_news.key.time_ms)
        news = (News(NEW_STORY, article_news.article.title),)
        return article_news.alert(name, version, wanted, matches, news, parameter=article_news.since(""))

    def _further(
        self, article_news: _ArticleNews, mark: AlertMark, version: int | None, matches: tuple[Match, ...]
    ) -> Alert | None:
        if not article_news.may_be_news(mark):
            return None
        wanted = self._in_force(mark.subscription, version, article_news.key.time_ms)
        if wanted is None or wanted.state == "paused":
            return None
        news, parameter = article_news.news(mark, wanted, met=version is not None)
        if not news:
            return None
        number = version if version is not None else wanted.version
        return article_news.alert(mark.subscription, number, wanted, matches, news, parameter=parameter, mark=mark)


class _ArticleNews:
    """One article's news, computed once for all its subscriptions."""

    def __init__(
        self,
        article: Article,
        key: OrderKey,
        memory: StoryMemory,
        known: Known,
        difference: VersionDifference | None,
        *,
        leads: Sequence[Lead],
        often: bool,
    ) -> None:
        self.article, self.key, self._memory, self._known = article, key, memory, known
        # One more change of a page that is rewritten repeatedly is not news in itself.
        self._edit = difference if difference is not None and difference.size is Size.MAJOR and not often else None
        self._difference, self._leads = difference, leads
        self._sources = memory.story.independent_sources if memory.story else 0
        self._newest = known.newest()
        self._retracted = any(kind == "retraction" for _, kind, _ in known.notices)
        self._outlets = tuple(sorted(memory.outlets)[:MOST_OUTLETS])
        self._document = None if not article.subscriptions else document_of(article)
        self._clause_steps = CLAUSE_STEPS
        self._link = AlertLink(article.url, article.title, article.source, article.published_at)

    def since(self, parameter: str) -> str:
        """See ``StoryFacts.since``."""
        return self._memory.facts.since(parameter)

    @property
    def concerns_others(self) -> bool:
        """Whether subscriptions that the article doesn't match may have to be alerted."""
        return bool(self._known.notices) or self._edit is not None

    def concerns(self, mark: AlertMark) -> bool:
        """Whether the news is about an article that alerted this subscription."""
        return bool(self._about(mark))

    def may_be_news(self, mark: AlertMark) -> bool:
        """A cheap check that excludes most articles."""
        return self._newest > mark.told or self._edit is not None or _reached(mark.sources, self._sources) is not None

    def news(self, mark: AlertMark, wanted: Subscription, *, met: bool) -> tuple[tuple[News, ...], str]:
        """The news for a subscription, most important first, and the parameter of its alert's id."""
        found: list[News] = []
        if "corrections" in wanted.news:
            new = [News(kind, text) for number, kind, text in self._known.notices if number > mark.told]
            found += sorted(new, key=lambda one: one.kind != "retraction")
        if "edits" in wanted.news and self._edit is not None:
            found.append(News("edit", rewritten(self._edit.removed, self._edit.added)))
        parameter = f"{self.article.id}/{self.article.version}"
        if met:
            reached = _reached(mark.sources, self._sources)
            if "sources" in wanted.news and reached is not None:
                if not found:
                    parameter = self.since(str(reached))
                found.append(News("sources", more_sources(self._sources)))
            for kind, told in (("figures", self._known.figures), ("quotes", self._known.quotes)):
                if kind in wanted.news:
                    found += [News(kind, text) for number, _, text in told if number > mark.told]
            if "developments" in wanted.news and self._known.lead > mark.told:
                found += self._development(mark, said=bool(found))
        return tuple(found[:MOST_NEWS]), parameter

    def _development(self, mark: AlertMark, *, said: bool) -> list[News]:
        """What is new if the article is about another event; nothing if other news covers it (``said``) and no name is new."""
        # An event that raised no alert is still unknown to the subscription.
        new = what_is_new(self.article, [one for one in self._leads if one.number <= mark.told])
        return [] if new is None or (said and new == self.article.title) else [News("development", new)]

    def alert(
        self,
        name: str,
        version: int,
        wanted: Subscription | None,
        matches: tuple[Match, ...],
        news: tuple[News, ...],
        *,
        parameter: str,
        mark: AlertMark | None = None,
    ) -> Alert:
        """The alert of a subscription."""
        article, reason = self.article, news[0].kind
        return Alert(
            id=alert_id(name, article.story_id or "", reason, parameter),
            run=article.position.run,
            subscription=name,
            subscription_version=version,
            story=article.story_id or "",
            article=article.id,
            reason=reason,
            parameter=parameter,
            raised_at=from_ms(self.key.time_ms),
            url=article.url,
            title=article.title,
            source=article.source,
            labels=article.labels,
            language=article.language,
            matches=matches,
            topics=tuple(topic.topic for topic in article.topics),
            level=_level(wanted.level if wanted is not None else "normal", reason),
            article_version=article.version,
            published_at=article.published_at,
            fetched_at=article.fetched_at,
            outlets=self._outlets,
            sources=self._sources,
            snippets=snippets_of(article.title, article.text, matches),
            clause=self._clause(wanted) if matches or mark is None else "",
            news=news,
            changes=self._changes(),
            links=(self._link,),
            previous=mark.alert if mark is not None else None,
            withdrawn=self._about(mark) if mark is not None and reason == "retraction" else (),
            told=self._memory.facts.count,
            channels=wanted.delivery if wanted is not None else (),
        )

    def _about(self, mark: AlertMark) -> tuple[str, ...]:
        """The articles that alerted this subscription and that this one corrects, rewrites or retracts."""
        own = {self.article.id, self.article.duplicate_of}
        return tuple(
            article
            for article, source in mark.articles
            if article in own or (self._retracted and source == self.article.source)
        )

    def _clause(self, wanted: Subscription | None) -> str:
        if wanted is None or self._document is None:
            return ""
        self._clause_steps -= _PARSING_STEPS * len(wanted.query) + len(self.article.text) // _CHARS_A_STEP
        if self._clause_steps <= 0:
            return ""
        budget = self._document.budget
        try:
            return matched_clause(effective_query(wanted), self._document, min(EXPLAINED_STEPS, self._clause_steps))
        except QueryError:
            budget.begin(0)
            return ""
        finally:
            self._clause_steps -= budget.limit - budget.left

    def _changes(self) -> tuple[Rewording, ...]:
        if self._difference is None:
            return ()
        return tuple(
            Rewording(change.field, change.before[:CHANGE_CHARS], change.after[:CHANGE_CHARS])
            for change in self._difference.changes[:MOST_CHANGES]
        )


def _reached(told: int, now: int) -> int | None:
    """The highest threshold of sources that was reached since ``told``."""
    passed = [count for count in takewhile(lambda count: count <= now, SOURCE_COUNTS) if count > told]
    return passed[-1] if passed else None


def _level(base: Level, reason: str) -> Level:
    least: Level = {"retraction": "urgent", "correction": "high"}.get(reason, "low")  # type: ignore[assignment]
    return max(base, least, key=LEVELS.index)


def snippets_of(title: str, text: str, matches: Sequence[Match]) -> tuple[Snippet, ...]:
    """Up to three excerpts of title and text with matches, the title's first, with the matches' places in them.

    Excerpts are cut at spaces if there are any, and have at most about 320 characters. Matches that are close to each
    other share an excerpt.
    """
    made: list[Snippet] = []
    for field, whole in (("title", title), ("text", text)):
        spans = sorted(
            {(one.start, one.end) for one in matches if one.field == field and one.start < one.end <= len(whole)}
        )
        while spans and len(made) < MOST_SNIPPETS:
            low, high = _cut(whole, spans[0][0], spans[0][1])
            inside = [span for span in spans if span[0] >= low and span[1] <= high]
            spans = [span for span in spans if span[0] >= high]
            made.append(_snippet(field, whole, low, high, inside))
    return tuple(made)


def _cut(whole: str, start: int, end: int) -> tuple[int, int]:
    low = max(0, start - SNIPPET_CONTEXT)
    paragraph = whole.rfind("\n", low, start) + 1
    low = paragraph or (0 if low == 0 else whole.find(" ", low, start) + 1 or low)
    end = min(end, start + LONGEST_SNIPPET)
    high = min(len(whole), max(end + SNIPPET_CONTEXT, low + 2 * SNIPPET_CONTEXT), low + LONGEST_SNIPPET)
    high = max(high, end)
    paragraph = whole.find("\n", end, high)
    if paragraph >= 0:
        return low, paragraph
    return low, high if high == len(whole) else max(whole.rfind(" ", end, high), end)


def _snippet(field: str, whole: str, low: int, high: int, spans: Sequence[tuple[int, int]]) -> Snippet:
    before, after = ("… " if low else ""), (" …" if high < len(whole) else "")
    shift = len(before) - low
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return Snippet(
        field, before + whole[low:high] + after, tuple((start + shift, end + shift) for start, end in merged)
    )
