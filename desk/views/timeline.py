"""A story from its first article to the last: reports, copies and edits in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from core.records import Article
from desk.live.reading import ArticleRow, VersionRow
from desk.views.difference import Judgement, Part, judgement, side_by_side
from desk.views.outlets import Outlets, outlet_name

Kind = Literal["first", "report", "copy", "edit"]


class Entry(NamedTuple):
    """One thing that happened. ``article`` is its id; ``of``: the outlet whose text a copy repeats; ``version`` from 1."""

    kind: Kind
    at_ms: int
    article: str
    version: int
    outlet: str
    title: str
    language: str | None
    of: str = ""
    size: str = ""


class VersionView(NamedTuple):
    """One version of an article beside the one before. ``title`` and ``text`` are what changed in them; empty: nothing."""

    version: int
    at_ms: int
    judged: Judgement | None
    title: tuple[Part, ...]
    text: tuple[Part, ...]


def timeline(
    articles: Sequence[ArticleRow], versions: Mapping[str, Sequence[VersionRow]], outlets: Outlets
) -> list[Entry]:
    """All of a story's articles and their later versions, oldest first."""
    by_id = {row.article.id: row.article for row in articles}
    entries: list[Entry] = []
    for row in articles:
        article = row.article
        known = versions.get(article.id) or ()
        first = known[0] if known else None
        entries.append(
            Entry(
                "copy" if article.duplicate_of else "report",
                first.event_ms if first else article.key.time_ms,
                article.id,
                1,
                outlet_name(article.source, outlets),
                first.title if first else article.title,
                article.language,
                of=_copied(article, by_id, outlets),
            )
        )
        entries += [
            Entry(
                "edit",
                version.event_ms,
                article.id,
                version.version,
                outlet_name(article.source, outlets),
                version.title,
                version.language,
                size=judged.size if (judged := judgement(version.difference)) else "",
            )
            for version in known[1:]
        ]
    entries.sort(key=lambda entry: (entry.at_ms, entry.article, entry.version))
    if entries and entries[0].kind == "report":
        entries[0] = entries[0]._replace(kind="first")
    return entries


def version_views(versions: Sequence[VersionRow]) -> list[VersionView]:
    """Each version beside the one before, newest first."""
    views = []
    for place, one in enumerate(versions):
        old = versions[place - 1] if place else None
        views.append(
            VersionView(
                one.version,
                one.event_ms,
                judgement(one.difference),
                side_by_side(old.title, one.title, context=40) if old else (),
                side_by_side(old.text, one.text) if old else (),
            )
        )
    return views[::-1]


def _copied(article: Article, by_id: Mapping[str, Article], outlets: Outlets) -> str:
    if article.duplicate_of is None:
        return ""
    original = by_id.get(article.duplicate_of)
    return article.origin or (outlet_name(original.source, outlets) if original is not None else "an earlier article")
