"""Topics at the desk: their definitions, an article's score, trying a changed file on stored articles, saving a version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from core.durations import DAY_MS
from core.errors import NotFound, UsageError
from core.records import Article, decode
from core.search import Filters, Stopped, never
from core.search.results import Volume
from core.store import Store, StoredTopic, SubscriptionStore
from core.store import tables as t
from core.store.results import find_article
from core.topics import ExampleFailure, Scored, Tagger, Topic, check_topic, load_topic
from core.topics.definitions import check_costs
from desk.language import gettext, ngettext
from desk.people.accounts import By
from desk.use_cases.desk import Desk

DAYS = 30
TRIED_ON = 2_000
"""How many of the newest articles a changed file is tried on."""
TRIED_S = 3.0
SHOWN = 40
_PAGE = 200


class TopicPage(NamedTuple):
    """A stored topic and its parsed definition; ``problem`` says why it can't be parsed."""

    stored: StoredTopic
    topic: Topic | None
    problem: str = ""


class Changed(NamedTuple):
    """An article that a changed file would add to or remove from the topic, with its score before and after."""

    article: Article
    before: float
    after: float


class Tried(NamedTuple):
    """The result of a changed file on the topic's examples and on stored articles. ``kept``: articles in both versions.

    ``of``: how many articles were examined; ``partial``: time ran out before all of them were.
    """

    topic: Topic
    failures: list[ExampleFailure]
    won: list[Changed]
    lost: list[Changed]
    kept: int
    of: int
    partial: bool


def topic_page(desk: Desk, name: str) -> TopicPage:
    """The newest version of a topic. Raises NotFound, StoreError."""
    for stored in desk.topics():
        if stored.name == name:
            return _page(stored)
    raise NotFound(gettext("there is no such topic"))


def topic_pages(desk: Desk) -> list[TopicPage]:
    """All topics in force, by name. Raises StoreError."""
    return [_page(stored) for stored in desk.topics()]


def volume(desk: Desk, name: str, stopped: Stopped = never) -> Volume | None:
    """The number of the topic's articles over the last thirty days; None if there are none, or the desk has no index."""
    if desk.search is None:
        return None
    now = desk.clock_ms()
    found = desk.search.search(
        "",
        since_ms=now - now % DAY_MS - (DAYS - 1) * DAY_MS,
        until_ms=now + 1,
        filters=Filters(topics=(name,)),
        limit=1,
        now_ms=now,
        stopped=stopped,
    )
    return found.volume


def scored(desk: Desk, topic: Topic, article: str) -> tuple[Article, Scored]:
    """An article's score for a topic, by its id. Raises NotFound, StoreError."""
    found = find_article(desk.store, desk.settings.run, article)
    if found is None:
        raise NotFound(gettext("there is no such article"))
    return found, _score(Tagger((topic,)), topic, found)


def tried(desk: Desk, definition: str, stopped: Stopped = never) -> Tried:
    """Compares a changed file with its topic's stored version, on the newest articles. Raises UsageError if it is invalid."""
    topic = read(definition)
    now = next((page.topic for page in topic_pages(desk) if page.stored.name == topic.name), None)
    old, new = Tagger((now,)) if now is not None else None, Tagger((topic,))
    won, lost = list[Changed](), list[Changed]()
    kept = of = 0
    end = desk.monotonic() + TRIED_S
    partial = False
    for article in _newest(desk):
        if stopped() or desk.monotonic() > end:
            partial = True
            break
        of += 1
        after = _score(new, topic, article)
        before = _score(old, now, article) if old is not None and now is not None else Scored(topic, 0.0, (), ())
        has, had = after.tagged and bool(after.matches), before.tagged and bool(before.matches)
        kept += has and had
        if has != had:
            (won if has else lost).append(Changed(article, before.score, after.score))
    return Tried(topic, check_topic(topic), won, lost, kept, of, partial)


def save(desk: Desk, by: By, definition: str, based_on: int) -> StoredTopic:
    """Save a version of a topic, which takes effect after two seconds.

    ``based_on``: the version that the file was made from; a topic with a new name has none. Raises UsageError if the file is
    invalid, if its examples fail, or if another version was saved meanwhile.
    """
    topic = read(definition)
    if failures := check_topic(topic):
        raise UsageError(
            ngettext(
                "%(num)s of its examples fails: %(first)s",
                "%(num)s of its examples fail: %(first)s",
                len(failures),
                first=failures[0],
            )
        )
    now = desk.clock_ms()
    based_on = based_on if any(one.name == topic.name for one in desk.queries.read(now_ms=now).topics) else 0
    saved = desk.queries.save_topic(topic.name, definition, by=by.person.name or "desk", based_on=based_on, now_ms=now)
    if saved is None:
        raise UsageError(
            gettext("%(name)s was changed in the meantime", name=topic.name),
            hint=gettext("reload the page and make your change there"),
        )
    desk.accounts.note(by, "topic saved", topic.name, f"version {saved.version}")
    return saved


def stored_definition(store: Store, name: str, now_ms: int) -> str:
    """The newest version of a topic as TOML. Raises StoreError, and UsageError if it is not stored or has ended."""
    versions = [one for one in SubscriptionStore(store).read(now_ms=now_ms).topics if one.name == name]
    if not versions or not versions[-1].active:
        raise UsageError(f"no topic {name} is stored", hint="wirewatch topics list names the built-in ones")
    return versions[-1].definition


def read(definition: str) -> Topic:
    """Parses a topic's file that a person wrote at the desk. Raises UsageError, also if one of its queries costs too much."""
    topic = load_topic(definition, "the file")
    check_costs(topic, "the file")
    return topic


def with_article(desk: Desk, name: str, article: str, *, belongs: bool) -> str:
    """A topic's file with a stored article added as an example. Raises NotFound, StoreError."""
    found = find_article(desk.store, desk.settings.run, article)
    if found is None:
        raise NotFound(gettext("there is no such article"))
    return with_example(topic_page(desk, name).stored.definition, found, belongs=belongs)


def with_example(definition: str, article: Article, *, belongs: bool) -> str:
    """A definition with an article added as an example."""
    kind = "must_match" if belongs else "must_not_match"
    lines = [f"[[{kind}]]"]
    if article.language:
        lines.append(f"language = {_quoted(article.language)}")
    if article.title:
        lines.append(f"title = {_quoted(article.title)}")
    lines.append(f"text = {_quoted(article.text)}")
    return definition.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string: a JSON string, except that DEL must be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _page(stored: StoredTopic) -> TopicPage:
    try:
        return TopicPage(stored, load_topic(stored.definition, stored.name))
    except UsageError as error:
        return TopicPage(stored, None, str(error))


def _score(tagger: Tagger, topic: Topic, article: Article) -> Scored:
    found = tagger.scores(article.title, article.text, article.language)
    return found[0] if found else Scored(topic, 0.0, (), ())


def _newest(desk: Desk) -> Iterator[Article]:
    """The newest articles of the desk's run, read page by page."""
    c = t.articles.c
    before: str | None = None
    for _ in range(TRIED_ON // _PAGE):
        query = sa.select(c.place, c.record).where(c.run == desk.settings.run)
        if before is not None:
            query = query.where(c.place < before)
        with desk.store.reading() as connection:
            rows = connection.execute(query.order_by(c.place.desc()).limit(_PAGE)).all()
        for row in rows:
            yield decode(row.record.encode(), Article)
        if len(rows) < _PAGE:
            return
        before = rows[-1].place
