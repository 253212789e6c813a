"""The morning briefing: the stories of a period by topic, each with two sentences from one of its articles. Pure.

What it says about a story is in the current language (``desk.language``).

Extractive: every sentence is quoted word for word from the article named with it. A story appears once, under the first of its
topics in the order of the sections. An older story appears if something in it changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from core.records import Alert, Article
from core.records.article import Story
from desk.language import gettext, in_words, listed, ngettext
from desk.views.wording import REASONS, Outlets, outlet_name

SENTENCES = 2
EACH = 12
LONGEST, SHORTEST = 600, 25
"""Characters of a sentence. Longer ones are lists or badly extracted pages, shorter ones are datelines or credits."""
MOST_CHANGES = 4
# The marks of core.topics.layout, each run tried once; the text before a mark is checked below.
_END = re.compile(r"(?<![.!?؟۔…])[.!?؟۔…]++[\"'”’»)]*+(?=\s|$)|[。！？]+[”」』）]*")
_SHORT = re.compile(r"(?:\b\w|\b[A-Z][a-z]{1,2}|\w\.\w)$")


class StoryFacts(NamedTuple):
    """A story with its articles, newest first, and the alerts raised on it in the period, newest first.

    The articles include the one that gives the headline, if it is stored.
    """

    story: Story
    articles: Sequence[Article]
    alerts: Sequence[Alert] = ()


class BriefingItem(msgspec.Struct, frozen=True, kw_only=True):
    """One story. ``sentences`` are from ``article`` (its id; ``title``, ``url``, ``outlet``); empty if none is whole.

    ``sources`` counts independent sources. ``new``: the story began in the period; else ``changes`` says what changed in it.
    ``topics`` and ``subscriptions`` are displayed names.
    """

    story: str
    headline: str
    language: str | None
    new: bool
    last_ms: int
    sources: int
    copies: int
    sentences: tuple[str, ...]
    quoted_language: str | None = None
    article: str
    title: str = ""
    url: str
    outlet: str
    changes: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()

    @property
    def other_title(self) -> str:
        """The quoted article's title if it differs from the headline, as context for the sentences."""
        return "" if self.title == self.headline else self.title


def joined(sentences: Iterable[str]) -> str:
    """Consecutive sentences, with a space between them if the script uses one."""
    said = ""
    for sentence in sentences:
        said += sentence if not said or (said[-1] in "。！？”」』）" and not sentence[:1].isascii()) else f" {sentence}"
    return said


class BriefingSection(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's stories, those with the most sources first; ``more`` are left out. ``topic`` "": alerts outside topics."""

    topic: str
    title: str
    items: tuple[BriefingItem, ...]
    more: int = 0


class Briefing(msgspec.Struct, frozen=True, kw_only=True):
    """The stories from ``from_ms`` (inclusive) to ``until_ms`` (exclusive), event times in ms, UTC. No section is empty."""

    from_ms: int
    until_ms: int
    sections: tuple[BriefingSection, ...] = ()

    @property
    def stories(self) -> int:
        """The number of stories."""
        return sum(len(section.items) for section in self.sections)


def briefing_of(
    stories: Iterable[StoryFacts],
    *,
    from_ms: int,
    until_ms: int,
    topics: Mapping[str, str],
    subscriptions: Mapping[str, str],
    outlets: Outlets,
    each: int = EACH,
) -> Briefing:
    """Makes the briefing. ``topics``: slug → title, in the order of the sections; ``subscriptions``: id → name."""
    by_section: dict[str, list[BriefingItem]] = {name: [] for name in (*topics, "")}
    for facts in stories:
        period = [one for one in facts.articles if from_ms <= one.key.time_ms < until_ms and not one.backfill]
        if not period:
            continue
        mine = {match.topic for one in facts.articles for match in one.topics}
        section = next((name for name in topics if name in mine), None)
        if section is None:
            if not facts.alerts:
                continue
            section = ""
        by_section[section].append(_item(facts, period, from_ms, until_ms, topics, subscriptions, outlets))
    sections = []
    for name, items in by_section.items():
        if items:
            items.sort(key=lambda one: (-one.sources, not one.subscriptions, -one.last_ms, one.story))
            title = topics.get(name, gettext("Alerts outside the topics"))
            sections.append(
                BriefingSection(topic=name, title=title, items=tuple(items[:each]), more=max(0, len(items) - each))
            )
    return Briefing(from_ms=from_ms, until_ms=until_ms, sections=tuple(sections))


def first_sentences(text: str, number: int = SENTENCES) -> tuple[str, ...]:
    """The first whole sentences of a text, unchanged.

    A sentence lies within one line and ends with a mark. A full stop does not end a sentence after a single letter or digit, or
    after up to three letters that begin with a capital (U.S., Gen., 3.), nor before a lower-case letter.
    """
    found: list[str] = []
    for line in text.split("\n"):
        start = 0
        for mark in _END.finditer(line):
            if mark[0].startswith(".") and not _ends(line, start, mark):
                continue
            sentence = line[start : mark.end()].strip()
            start = mark.end()
            # A Chinese or Japanese character carries as much as two or three letters.
            shortest = SHORTEST if sentence.isascii() else SHORTEST // 2
            if shortest <= len(sentence) <= LONGEST:
                found.append(sentence)
                if len(found) == number:
                    return tuple(found)
    return tuple(found)


def _ends(line: str, start: int, mark: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence that began at ``start``, judged by the text around it."""
    after = line[mark.end() : mark.end() + 4].lstrip()
    return not after[:1].islower() and not _SHORT.search(line, max(start, mark.start() - 4), mark.start())


def _item(
    facts: StoryFacts,
    period: Sequence[Article],
    from_ms: int,
    until_ms: int,
    topics: Mapping[str, str],
    subscriptions: Mapping[str, str],
    outlets: Outlets,
) -> BriefingItem:
    story, new = facts.story, facts.story.first_ms >= from_ms
    # For a new story, the article that gives the headline (even if a feed held it when the feed was added), else its first
    # report; for an older story, its latest news. A copy only if there is nothing else.
    own = [one for one in period if one.duplicate_of is None] or list(period)
    ordered = own
    if new:
        gives = [one for one in facts.articles if one.id == story.id]
        first_told = own[::-1]
        ordered = gives + sorted(first_told, key=lambda one: one.title != story.headline)
    quoted = next((one for one in ordered if first_sentences(one.text)), ordered[0])
    names = {match.topic for one in facts.articles for match in one.topics}
    wanted = {alert.subscription for alert in facts.alerts}
    return BriefingItem(
        story=story.id,
        headline=story.headline,
        language=next((one.language for one in facts.articles if one.id == story.id), quoted.language),
        new=new,
        last_ms=min(story.last_ms, until_ms - 1),
        sources=story.independent_sources,
        copies=story.copies,
        sentences=first_sentences(quoted.text),
        quoted_language=quoted.language,
        article=quoted.id,
        title=quoted.title,
        url=quoted.url,
        outlet=outlet_name(quoted.source, outlets),
        changes=() if new else _changes(facts, period, outlets),
        topics=tuple(title for name, title in topics.items() if name in names),
        subscriptions=tuple(sorted(name for one, name in subscriptions.items() if one in wanted)),
    )


def facts_of(item: BriefingItem, time: Callable[[int], str]) -> str:
    """A story's numbers of sources and copies, its last change (formatted by ``time``), and the subscriptions it alerted."""
    said = [
        ngettext("%(num)s independent source", "%(num)s independent sources", item.sources),
        *([ngettext("%(num)s copy", "%(num)s copies", item.copies)] if item.copies else []),
        gettext("last at %(time)s", time=time(item.last_ms)),
    ]
    if not item.subscriptions:
        return listed(said)
    return gettext("%(facts)s; alerts: %(names)s", facts=listed(said), names=listed(item.subscriptions))


def _changes(facts: StoryFacts, period: Sequence[Article], outlets: Outlets) -> tuple[str, ...]:
    """What changed in an older story: the reasons of its alerts, then outlets that joined it and that edited."""
    said = [
        gettext("%(reason)s: %(text)s", reason=in_words(REASONS, news.kind), text=news.text)
        for alert in facts.alerts
        for news in alert.news
        if news.kind not in ("story", "sources")
    ]
    joined = sorted({outlet_name(one.source, outlets) for one in period if one.version == 1})
    edited = sorted({outlet_name(one.source, outlets) for one in period if one.version > 1})
    if joined:
        said.append(gettext("further reports: %(outlets)s", outlets=_listed(joined)))
    if edited:
        said.append(gettext("edited: %(outlets)s", outlets=_listed(edited)))
    return tuple(dict.fromkeys(said))[:MOST_CHANGES]


def _listed(names: Sequence[str], most: int = 5) -> str:
    said, more = listed(names[:most]), len(names) - most
    return ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=said) if more > 0 else said
