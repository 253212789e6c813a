"""A story from its first article to its last, and two versions of a text side by side. Pure.

The pipeline decides how much a version changed (``pipeline.text.difference``); this module shows where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from rapidfuzz.distance import Indel

from core.records import Article
from desk.language import gettext
from desk.live.run_reader import ArticleRow, VersionRow
from desk.views.wording import Outlets, outlet_name

EntryKind = Literal["first", "report", "copy", "edit"]


class Entry(NamedTuple):
    """One event. ``article``: the article's id; ``of``: the outlet whose text a copy repeats; ``version`` counts from 1."""

    kind: EntryKind
    at_ms: int
    article: str
    version: int
    outlet: str
    title: str
    language: str | None
    of: str = ""
    size: str = ""


class Headline(NamedTuple):
    """A story's headline in one language, from its earliest report. ``articles``: how many are in that language."""

    language: str
    article: str
    title: str
    outlet: str
    articles: int


class VersionView(NamedTuple):
    """A version compared with the previous one. ``title`` and ``text`` contain the changes; empty if there are none."""

    version: int
    at_ms: int
    judged: Judgement | None
    title: tuple[Part, ...]
    text: tuple[Part, ...]


def headlines(articles: Sequence[ArticleRow], outlets: Outlets) -> list[Headline]:
    """One headline per language of a story, from its earliest report; the language with the most articles first."""
    found: dict[str, list[Article]] = {}
    for row in sorted(articles, key=lambda one: one.article.key):
        if row.article.language:
            found.setdefault(row.article.language, []).append(row.article)
    made = [
        Headline(language, first.id, first.title, outlet_name(first.source, outlets), len(told))
        for language, told in found.items()
        for first in [next((one for one in told if one.duplicate_of is None), told[0])]
    ]
    return sorted(made, key=lambda one: (-one.articles, one.language))


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
    """Each version compared with the previous one, newest first."""
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
    return article.origin or (
        outlet_name(original.source, outlets) if original is not None else gettext("an earlier article")
    )


PartKind = Literal["same", "gone", "new", "gap"]
CONTEXT = 12
"""Words shown around a change."""
MOST_WORDS = 20_000
"""Longer texts are compared only up to this many words, since time and memory grow with the square."""

_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]\s*|\w+\s*|[^\w\s]\s*|\s+")


class Part(NamedTuple):
    """A run of words. A ``gap`` represents unchanged words that are not shown; its text is empty."""

    kind: PartKind
    text: str


class Judgement(msgspec.Struct, frozen=True):
    """The pipeline's stored judgement of a new version (``pipeline.text.difference``): ``size`` is none, minor or major."""

    size: str = "none"
    removed: int = 0
    added: int = 0
    figures_changed: bool = False


def judgement(stored: str | None) -> Judgement | None:
    """The stored judgement; None if there is none or it can't be parsed."""
    try:
        return msgspec.json.decode(stored, type=Judgement) if stored else None
    except msgspec.DecodeError:
        return None


def side_by_side(before: str, after: str, *, context: int = CONTEXT) -> tuple[Part, ...]:
    """The new text together with the removed words. Long unchanged passages are gaps; empty if nothing changed."""
    old, new = _WORD.findall(before)[:MOST_WORDS], _WORD.findall(after)[:MOST_WORDS]
    # Compared without the space after a word, since a moved line break is not a change.
    opcodes = Indel.opcodes([word.strip() for word in old], [word.strip() for word in new])
    parts: list[Part] = []
    gone = come = ""
    changed = False
    for op in opcodes:
        if op.tag != "equal":
            changed = True
            gone, come = (
                gone + "".join(old[op.src_start : op.src_end]),
                come + "".join(new[op.dest_start : op.dest_end]),
            )
            continue
        # Removed words come before the words that replace them.
        parts += [Part("gone", gone), Part("new", come)]
        gone = come = ""
        words = new[op.dest_start : op.dest_end]
        parts += _same(words, context, first=op.dest_start == 0, last=op.dest_end == len(new))
    parts += [Part("gone", gone), Part("new", come)]
    return tuple(_joined(parts)) if changed else ()


def _same(words: list[str], context: int, *, first: bool, last: bool) -> list[Part]:
    before, after = (0 if first else context), (0 if last else context)
    if len(words) <= before + after + context:
        return [Part("same", "".join(words))]
    tail = "".join(words[len(words) - after :])
    return [Part("same", "".join(words[:before])), Part("gap", ""), Part("same", tail)]


def _joined(parts: list[Part]) -> Iterator[Part]:
    """The parts without empty ones, with neighbours of the same kind merged."""
    waiting: Part | None = None
    for part in parts:
        if part.kind != "gap" and not part.text:
            continue
        if waiting is not None and waiting.kind == part.kind and part.kind != "gap":
            waiting = Part(part.kind, waiting.text + part.text)
            continue
        if waiting is not None:
            yield waiting
        waiting = part
    if waiting is not None:
        yield waiting
