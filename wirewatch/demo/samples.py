"""The sample files as typed records: reading, checking, and filling in syndicated copies.

A misspelt key, an unknown outlet or a link to an article that does not exist raises an error that names the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from core.errors import InputError, UsageError

T = TypeVar("T")

RTL_LANGUAGES = frozenset({"ar", "fa"})
DATA = Path(__file__).parent / "data"


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a file, in which an unknown key is an error."""


class Text(NamedTuple):
    """The visible text of one version of an article: plain text, nothing escaped."""

    title: str
    lead: str
    paragraphs: tuple[str, ...]


class Revision(_Strict, frozen=True, kw_only=True):
    """A later version: from ``at`` (seconds of demo time) on, its fields replace the earlier ones."""

    at: float
    title: str | None = None
    lead: str | None = None
    paragraphs: tuple[str, ...] | None = None


class Expect(_Strict, frozen=True, kw_only=True):
    """Expected results for tests, never served. ``outcome``: of the first version; ``unfetched``: the page answers 404."""

    topics: tuple[str, ...]
    outcome: Literal["published", "duplicate", "rejected", "unfetched"]
    duplicate_of: str | None = None


class SampleArticle(_Strict, frozen=True, kw_only=True):
    """One article file.

    ``published`` is in seconds of demo time: the feed lists the article from then on. ``also_see`` and ``related`` are
    ids of other articles, shown as links in the middle of the text and in the box below it. A copy (``copy_of``) has no
    text of its own in the file: it gets the original's lead and its first ``copy_paragraphs`` paragraphs (by default
    all), with ``dateline`` before the lead. ``link_query`` is added to the link in the feed, like a tracking parameter.
    """

    id: str
    outlet: str
    slug: str
    language: str
    title: str
    published: float
    section: str
    expect: Expect
    authors: tuple[str, ...] = ()
    dateline: str = ""
    lead: str = ""
    paragraphs: tuple[str, ...] = ()
    also_see: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    copy_of: str | None = None
    copy_paragraphs: int | None = None
    revisions: tuple[Revision, ...] = ()
    link_query: str = ""
    page: Literal["full", "empty", "missing"] = "full"

    @property
    def path(self) -> str:
        """Path of the page on the server, without query."""
        return f"/{self.outlet}/{self.section}/{self.slug}"

    @property
    def direction(self) -> str:
        """``rtl`` or ``ltr``."""
        return "rtl" if self.language in RTL_LANGUAGES else "ltr"

    def text_at(self, demo_s: float) -> Text:
        """The version in force at ``demo_s``; before the first revision, the first one."""
        title, lead, paragraphs = self.title, self.lead, self.paragraphs
        for revision in self.revisions:
            if revision.at <= demo_s:
                title = revision.title or title
                lead = revision.lead or lead
                paragraphs = revision.paragraphs or paragraphs
        return Text(title, f"{self.dateline} {lead}".strip(), paragraphs)

    def revised_at(self, demo_s: float) -> float | None:
        """When the version in force at ``demo_s`` appeared, in seconds of demo time; None for the first version."""
        return max((revision.at for revision in self.revisions if revision.at <= demo_s), default=None)


class Labels(_Strict, frozen=True, kw_only=True):
    """A page's own words in one language, which are not the article's."""

    tagline: str
    home: str
    sections: dict[str, str]
    cookies: str
    accept: str
    by: str
    also_see: str
    latest: str
    related: str
    newsletter: str
    subscribe: str
    share: str
    advert: str
    comments: str
    readers: tuple[str, ...]
    footer: str


class SampleOutlet(_Strict, frozen=True, kw_only=True):
    """One outlet. ``id``, also its source id, is the name of its folder and not in the file."""

    id: str = ""
    name: str
    feed: Literal["rss", "atom", "json"]
    feed_file: str
    labels: dict[str, Labels]

    @property
    def feed_path(self) -> str:
        """Path of the feed on the server."""
        return f"/{self.id}/{self.feed_file}"


class Samples(_Strict, frozen=True, kw_only=True):
    """All samples. Articles are ordered by ``published``, then id; outlets by id."""

    root: Path
    outlets: Mapping[str, SampleOutlet]
    articles: tuple[SampleArticle, ...]

    @property
    def subscriptions_path(self) -> Path:
        """The stored queries of the demo: JSON Lines of id, name, owner, query."""
        return self.root / "subscriptions.jsonl"

    def article(self, article_id: str) -> SampleArticle:
        """Find the article with this id. Raises KeyError."""
        for article in self.articles:
            if article.id == article_id:
                return article
        raise KeyError(article_id)


def load_samples(root: Path | None = None) -> Samples:
    """Read the samples in the folder ``root``; by default those of this package.

    Raises UsageError if it holds no articles or no outlets, InputError for a bad file.
    """
    folder = root if root is not None else DATA
    if not (folder / "articles").is_dir() or not (folder / "outlets").is_dir():
        raise UsageError(
            f"no sample articles in {folder}",
            hint="they are part of the package: reinstall it",
        )
    outlets = {
        path.parent.name: msgspec.structs.replace(_decode(path, SampleOutlet), id=path.parent.name)
        for path in sorted((folder / "outlets").glob("*/outlet.toml"))
    }
    articles: dict[str, SampleArticle] = {}
    for path in sorted((folder / "articles").glob("*.toml")):
        article = _decode(path, SampleArticle)
        if article.id != path.stem:
            raise InputError(str(path), f"its id is {article.id!r}", hint="name the file as the article")
        articles[article.id] = article
    filled = {key: _filled(article, articles, outlets) for key, article in articles.items()}
    paths = [article.path for article in filled.values()]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise InputError(str(folder), f"two articles have the path {twice[0]}")
    ordered = tuple(sorted(filled.values(), key=lambda article: (article.published, article.id)))
    return Samples(root=folder, outlets=outlets, articles=ordered)


def _decode(path: Path, kind: type[T]) -> T:
    try:
        value: T = msgspec.toml.decode(path.read_bytes(), type=kind)
    except (msgspec.MsgspecError, ValueError, OSError) as error:
        raise InputError(str(path), str(error)) from error
    return value


def _filled(
    article: SampleArticle, by_id: Mapping[str, SampleArticle], outlets: Mapping[str, SampleOutlet]
) -> SampleArticle:
    """Check an article, and give a copy the text of its original."""

    def refuse(problem: str) -> InputError:
        return InputError(f"{article.id}.toml", problem)

    outlet = outlets.get(article.outlet)
    if outlet is None:
        raise refuse(f"there is no outlet {article.outlet!r}")
    if article.language not in outlet.labels:
        raise refuse(f"{article.outlet} has no labels for {article.language!r}")
    if article.section not in outlet.labels[article.language].sections:
        raise refuse(f"{article.outlet} has no section {article.section!r} in {article.language!r}")
    gold = (article.expect.duplicate_of,) if article.expect.duplicate_of else ()
    for other in (*article.also_see, *article.related, *gold):
        if other not in by_id:
            raise refuse(f"it links to {other!r}, which does not exist")
    if article.copy_of is None:
        if article.page == "full" and not (article.lead and article.paragraphs):
            raise refuse("it has no lead or no paragraphs")
        return article
    original = by_id.get(article.copy_of)
    if original is None or original.copy_of is not None or article.lead or article.paragraphs:
        raise refuse(f"it must be a copy of an original, without text of its own, not of {article.copy_of!r}")
    return msgspec.structs.replace(
        article, lead=original.lead, paragraphs=original.paragraphs[: article.copy_paragraphs]
    )
