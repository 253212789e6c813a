"""Editors' decisions about stories: join, split, undo; related stories, and why an article is in its story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.records import Article
from core.records.decision import CarriedOut, StoryDecision
from core.store.decisions import StoryDecisions
from desk.language import gettext, listed
from desk.live.run_reader import ArticleRow, LinkRow
from desk.people.accounts import By
from desk.story_port import InCommon
from desk.use_cases.desk import Desk
from desk.views.cards import Card

MOST_RELATED = 5
_ALIKE = 30
"""From this cosine (in hundredths) on, texts are described as similar."""


class Near(NamedTuple):
    """The nearness of a story's article to another article, and what both have in common."""

    article: Article
    other: Article
    score: int
    common: InCommon
    words: str


class Related(NamedTuple):
    """A story that might be this one, and the nearest pair of their articles."""

    card: Card
    near: Near


class Stood(NamedTuple):
    """A decision, and whether it was undone."""

    decision: StoryDecision
    undone: bool


def join(desk: Desk, by: By, story: str, into: str, why: str = "") -> CarriedOut:
    """Join ``story`` into ``into``, which remains. Raises NotFound, UsageError, StoreError, as ``split`` and ``undo`` do."""
    made = desk.story_port.join(story, into, by=_name(by), why=why)
    desk.accounts.note(by, "story joined", story, f"into {into}, decision {made.decision.number}")
    return made


def split(desk: Desk, by: By, article: str, why: str = "") -> CarriedOut:
    """Make an article and its copies a separate story."""
    made = desk.story_port.split(article, by=_name(by), why=why)
    desk.accounts.note(by, "story split", made.decision.story, f"article {article}, decision {made.decision.number}")
    return made


def undo(desk: Desk, by: By, number: int, why: str = "") -> CarriedOut:
    """Undo a decision."""
    made = desk.story_port.undo(number, by=_name(by), why=why)
    desk.accounts.note(by, "story decision undone", made.decision.story, f"decision {number}")
    return made


def decisions(desk: Desk, *, story: str = "", limit: int = 0) -> list[Stood]:
    """Decisions, the newest first, on one story or in the whole run."""
    stored = StoryDecisions(desk.store, desk.settings.run)
    found = stored.of_story(story) if story else stored.listing(limit=limit)
    gone = stored.undone([one.number for one in found])
    return [Stood(one, one.number in gone) for one in found]


def story_now(desk: Desk, story: str, article: str = "") -> str:
    """Where a story's address leads: to itself, to the story of an article that left it, or to the story it was joined into."""
    if article and (row := desk.reader.article(article)) is not None and row.article.story_id:
        return row.article.story_id
    return StoryDecisions(desk.store, desk.settings.run).went_to(story)


def related(desk: Desk, story: str, articles: Sequence[ArticleRow]) -> list[Related]:
    """Stories that the score found near one of these articles of a story, or vice versa; the nearest first."""
    mine = {row.article.id: row.article for row in articles}
    best: dict[str, tuple[LinkRow, ArticleRow, Article]] = {}
    links = sorted(desk.reader.links(list(mine)), key=lambda one: (-one.score, one.article, one.other))
    others = {
        row.article.id: row for row in desk.reader.articles_with([*{a for one in links for a in one[:2]} - mine.keys()])
    }
    for link in links:
        here, there = (link.article, link.other) if link.article in mine else (link.other, link.article)
        row = others.get(there)
        if row is not None and here in mine and row.article.story_id not in (None, story):
            best.setdefault(row.article.story_id or "", (link, row, mine[here]))
    found = []
    for other, (link, row, article) in list(best.items())[:MOST_RELATED]:
        if (card := desk.follower.card(other)) is not None:
            found.append(Related(card, _near(desk, link, article, row.article)))
    return found


def joined_by(desk: Desk, article: Article) -> Near | None:
    """The article through which an article joined its story; None if it began the story, is a copy, or if that is unknown."""
    for link in desk.reader.links([article.id]):
        if link.joined and link.article == article.id and (row := desk.reader.article(link.other)) is not None:
            return _near(desk, link, article, row.article)
    return None


def _near(desk: Desk, link: LinkRow, one: Article, other: Article) -> Near:
    common = desk.story_port.in_common(one, other)
    return Near(one, other, link.score, common, reason_in_words(link, common))


def reason_in_words(link: LinkRow, common: InCommon) -> str:
    """Why two articles are near, in words: names, figures, subject matter."""
    found = []
    if common.names:
        found.append(gettext("both name %(names)s", names=listed(common.names)))
    if common.figures:
        found.append(gettext("both give %(figures)s", figures=listed(common.figures)))
    if link.inputs.get("vectors", 0) >= _ALIKE:
        found.append(gettext("their openings are close in meaning (%(num)s of 100)", num=link.inputs["vectors"]))
    if link.inputs.get("words", 0) > 0:
        found.append(gettext("they share rare words (%(num)s of 100)", num=min(link.inputs["words"], 100)))
    return "; ".join(found) or gettext("several small similarities")


def _name(by: By) -> str:
    return by.caller.name if by.caller is not None else by.name
