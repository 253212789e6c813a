"""The claims of an article's authors: in data, metas and markup, at the headline, below the text; the outlet's are marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lxml.html import HtmlElement

from pipeline.extraction.byline_lines import lines_as_bylines
from pipeline.extraction.bylines import MAX_BYLINE_CHARS, clean_authors, marked_bylines
from pipeline.extraction.candidates import AuthorClaim
from pipeline.extraction.frame import Frame
from pipeline.extraction.jsonld import LinkedData, Node, names, strings
from pipeline.extraction.marks import Marks
from pipeline.extraction.named_in_data import names_in_data
from pipeline.extraction.names import is_capitalised, is_desk
from pipeline.extraction.near import Near
from pipeline.extraction.places import beside_the_article
from pipeline.extraction.rows import names_in_rows
from pipeline.extraction.signatures import signatures
from pipeline.extraction.values import words_of
from pipeline.text.characters import folded

_PARAGRAPH_CHARS = 80
_AUTHOR_METAS = (
    "author", "article:author", "article:author_name", "authors", "article.author", "dc.creator", "dcterms.creator",
    "parsely-author", "sailthru.author", "byl",
    "citation_author", "cxenseparse:author", "dcsext.author", "og:author", "og:article:author", "book:author",
    "rnews:author", "creator", "analyticsattributes.author",
    "bt:author", "content_author", "article-author", "mediator_author", "ga_author", "author_name", "authorname",
    "sitecatalyst.author", "shareaholic:article_author_name",
)  # fmt: skip


def author_claims(
    marks: Marks,
    data: LinkedData,
    main: Node,
    page: Node,
    metas: dict[str, list[str]],
    near: Near,
    language: str | None,
) -> Iterator[AuthorClaim]:
    """The claims of data, markup and lines at the headline. ``language``: the code of the page's."""
    for node, origin in ((main, "json_ld"), (page, "json_ld_page")):
        claims = [one for key in ("author", "creator") for one in names(data, node.get(key))]
        persons = [one.text for one in claims if not one.organisation]
        yield AuthorClaim(clean_authors(persons), origin)
        yield AuthorClaim(clean_authors(one.text for one in claims if one.organisation), origin, organisation=True)
    for origin, listed in marked_bylines(marks).items():
        yield AuthorClaim(listed, origin)
    for name in _AUTHOR_METAS:
        if listed_names := metas.get(name):
            yield AuthorClaim(clean_authors(listed_names), "meta")
    yield AuthorClaim(clean_authors(_parsely(metas)), "meta")
    for number in ("1", "2"):
        label = next(iter(metas.get(f"twitter:label{number}", ())), "")
        if label and lines_as_bylines([f"{label}: Ann Keel"]):
            yield AuthorClaim(clean_authors(metas.get(f"twitter:data{number}", ())), "twitter")
    named = lines_as_bylines(near.lines, language)
    if not named:
        behind = lines_as_bylines(near.notes_behind, language)
        named = behind if all(" " in name for name in behind) else ()
    yield AuthorClaim(named, "line")


def or_signed(
    claims: Iterator[AuthorClaim],
    frame: Frame,
    marks: Marks,
    tree: HtmlElement,
    near: Near,
    outlets: frozenset[str],
    window: str,
) -> tuple[AuthorClaim, ...]:
    """The claims, those of the outlet itself marked as such. If they name no person: who is named by the data of the page's
    scripts and shown at the headline, who signed the text, and who is named in a row of notes below the headline.
    """
    told = tuple(claim._replace(organisation=True) if is_impersonal(claim.names, frame) else claim for claim in claims)
    if any(claim.names and not claim.organisation for claim in told):
        return told
    if listed := names_in_data(near.lines, (script.text or "" for script in tree.iter("script"))):
        return (*told, AuthorClaim(listed, "line"))
    if signed := signatures(tree, marks):
        return (*told, AuthorClaim(signed, "signature"))
    if any(claim.names and claim.origin in ("line", "byline") for claim in told):
        return told  # a byline that names the outlet
    said = f" {folded(window)} "

    def is_outlet(part: str) -> bool:
        flat = folded(part)
        # The window title has the outlet's name behind a mark, which the page may have nowhere else.
        return flat.replace(" ", "") in outlets or frame.names_outlet(part) or said.endswith(f" {flat} ")

    def is_mentioned(name: str) -> bool:
        flat = folded(name)
        return (
            frame.is_section(name)
            or f" {flat} " in said
            or any(
                f" {flat} " in f" {words} " and not words.startswith(flat)  # "Ann Keel is a reporter."
                for block in tree.iter("p", "h1", "h2")
                if _is_text(block) and (words := folded(words_of(block)))
            )
        )

    named = names_in_rows(near.below, is_outlet, is_mentioned) or names_in_rows(
        near.notes_behind, is_outlet, is_mentioned
    )
    return (*told, AuthorClaim(named or _of_a_note(marks), "row"))


def _of_a_note(marks: Marks) -> tuple[str, ...]:
    """The name that is the first line of a note about the author."""
    for note in marks.notes:
        heading = next(note.iter("h2", "h3", "h4", "h5", "strong", "b", "a"), None)
        if heading is not None and not beside_the_article(note):
            listed = clean_authors([words_of(heading, MAX_BYLINE_CHARS)], shown=True)
            if listed and all(" " in name and is_capitalised(name) for name in listed):
                return listed
    return ()


def _is_text(block: HtmlElement) -> bool:
    return len(words_of(block)) > _PARAGRAPH_CHARS or block.tag != "p"


def is_impersonal(listed: tuple[str, ...], frame: Frame) -> bool:
    """Whether all the names are the outlet's or its desks'."""
    return bool(listed) and all(frame.names_outlet(name) or is_desk(name) for name in listed)


def without_template(metas: dict[str, list[str]], site_names: tuple[str, ...]) -> dict[str, list[str]]:
    """The metas without an author that is the outlet: a template writes its name there on each page."""
    outlet = {folded(name) for name in site_names}
    kept = [value for value in metas.get("author", ()) if folded(value) not in outlet]
    return {**metas, "author": kept}


def _parsely(metas: dict[str, list[str]]) -> list[str]:
    """The author in a <meta> that holds JSON."""
    for value in metas.get("parsely-page", ()):
        try:
            held: Any = json.loads(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(held, dict):
            return strings(held.get("authors")) or strings(held.get("author"))
    return []
