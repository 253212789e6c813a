"""The page's own claims: titles, outlet, authors, dates, language, description, and the article's body as data.

Each fact is a list of candidates with their origins (``pipeline.extraction.candidates`` chooses): JSON-LD of this
page's article, microdata, meta elements, and what the page shows. Every claim may be hostile: sizes and counts are
bounded, and no value is trusted to have the right type. The page is read, never changed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml.html import HtmlElement

from pipeline.extraction.authors import author_claims, or_signed, without_template
from pipeline.extraction.candidates import AuthorClaim, Candidate, agree
from pipeline.extraction.frame import NO_FRAME, Frame, frame_of
from pipeline.extraction.jsonld import (
    LinkedData,
    Node,
    main_article,
    names,
    names_page,
    page_node,
    read_linked_data,
    strings,
)
from pipeline.extraction.marks import Marks
from pipeline.extraction.near import Near, lines_before_text, lines_near
from pipeline.extraction.places import above, beside_the_article
from pipeline.extraction.times import date_in_dateline, dates_in_lines, shown_dates
from pipeline.extraction.titles import outlet_names, without_outlet
from pipeline.extraction.values import MAX_VALUE_CHARS, as_paragraphs, distinct, plain_line, readable_line, words_of
from pipeline.text.characters import folded, normal_line
from pipeline.text.language import language_code

_MAX_VALUES = 20
_MAX_HEADINGS = 6
_MAX_DATES = 12
_FEW_WORDS, _FEW_CHARS = 2, 16
_MAX_UNMARKED, _MAX_HEADING_CHARS, _MAX_LOWER, _PARAGRAPH_CHARS = 1_500, 300, 40, 80
_MAY_BE_HEADINGS = ("b", "strong", "font", "big", "span", "td", "div", "p", "center")

_DATE_METAS = (
    "article:published_time", "og:article:published_time", "og:published_time", "article:published", "datepublished",
    "parsely-pub-date",
    "sailthru.date", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date",
    "publication_date", "publication-date", "publish-date", "publish_date", "publishdate", "published_date", "pubdate",
    "date", "ptime", "pdate",
    "rnews:datepublished", "cxenseparse:recs:publishtime", "citation_publication_date", "citation_online_date",
    "article.published",
    "prism.publicationdate", "last-published", "iso-8601-publish-date", "displaydate", "originalpublicationdate",
    "timestamp", "og:pubdate",
    "article_date_original", "bt:pubdate", "creation_date", "created", "date_published", "og:release_date",
    "weibo:article:create_at",
)  # fmt: skip
_MODIFIED_METAS = (
    "article:modified_time", "og:updated_time", "og:modified_time", "datemodified", "lastmod", "last-modified",
    "dcterms.modified", "dc.date.modified",
    "revised", "updated", "article:updated", "utime", "bt:moddate", "sailthru.lastmod", "weibo:article:update_at",
)  # fmt: skip
_MAX_LABEL_CHARS, _MIN_HEADLINE_CHARS = 40, 6
_MAY_BE_LABELS = ("span", "a", "strong", "b", "em", "i", "small", "div", "p", "mark", "sup")
_NAME_WORDS = re.compile(r"[A-Z]?[a-z]+")
_UNSEEN = re.compile(r"visually-?hidden|(?:^|[\s_-])sr-only|screen-?reader")
_SIGNS_BEHIND = re.compile(r"(?<![\s¶#§🔗])\s*+[¶#§🔗]++$")
_NAMED_DATE = frozenset({"date", "time", "published", "timestamp", "datetime", "pubdate"})
_LABEL_NAMES = frozenset(["label", "flag", "badge", "tag", "breaking", "pill"])  # a kicker names the subject
_MESSAGES = re.compile(r"^\(\d{1,3}\+?\)\s+")  # "(3) Headline": how many messages wait
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_FEW_UNSPACED = 6
_LANGUAGE_CLAIM = re.compile(r"\s*[A-Za-z]{2,3}(?:[-_,;\s]|$)")


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Claims in a page. Texts are one line each, except ``body``: paragraphs separated by LF.

    ``free``: whether the page declares that its article is free to read; None if it does not say. ``canonical``: the address
    that the page declares for itself.
    """

    titles: tuple[Candidate, ...] = ()
    site_names: tuple[str, ...] = ()
    frame: Frame = NO_FRAME
    authors: tuple[AuthorClaim, ...] = ()
    published: tuple[Candidate, ...] = ()
    modified: tuple[Candidate, ...] = ()
    language: str | None = None
    descriptions: tuple[str, ...] = ()
    body: str = ""
    free: bool | None = None
    canonical: str | None = None
    article_claimed: bool = False

    @property
    def headlines(self) -> tuple[str, ...]:
        """All claimed headlines, without the window title."""
        return tuple(one.value for one in self.titles if one.origin != "window")


def read_facts(tree: HtmlElement, url: str, marks: Marks) -> PageFacts:
    """Read the claims from a parsed page. ``marks``: its marked elements."""
    metas = _metas(tree)
    data = read_linked_data(tree)
    window = _MESSAGES.sub("", readable_line((tree.findtext(".//title") or "")[:MAX_VALUE_CHARS]))
    frame = frame_of(tree, url, marks)
    headings = _headings(tree, window, metas)
    shown = frozenset(
        flat for text in (*(text for _, text in headings), *metas.get("og:title", ()), window) if (flat := folded(text))
    )
    main = main_article(data, url, shown) or {}
    page = page_node(data, url) or {}
    publishers = [one.text for node in (main, page) for one in names(data, node.get("publisher"))]
    headline = _headline(headings)
    near = lines_near(headline) if headline is not None else lines_before_text(tree)
    dates = _dates(marks, metas, main, page, near)
    site_names = _outlets(
        [*metas.get("og:site_name", ()), *publishers, *metas.get("application-name", ()), *_site_nodes(data)],
        {
            flat
            for one in (*metas.get("og:title", ()), *strings(main.get("headline")))
            if (flat := folded(one)).replace(" ", "") not in frame.names
        },
    )
    bare = without_outlet(window, site_names, url, frame)
    language = _language(tree, main, metas)
    claims = author_claims(marks, data, main, page, without_template(metas, site_names), near, language_code(language))
    return PageFacts(
        titles=_titles(marks, url, main, metas, headings, window, bare),
        site_names=site_names,
        frame=frame,
        authors=or_signed(claims, frame, marks, tree, near, outlet_names(site_names, url), window),
        published=_candidates(one for one, role in dates if role == "published"),
        modified=_candidates(one for one, role in dates if role == "modified"),
        language=language,
        descriptions=distinct(
            [*metas.get("og:description", ()), *metas.get("description", ()), *strings(main.get("description"))]
        ),
        body=max((as_paragraphs(text) for text in strings(main.get("articleBody"))), key=len, default=""),
        free=_says_free(main, metas),
        canonical=_canonical(tree, metas),
        article_claimed=bool(main) or "article" in metas.get("og:type", ()),
    )


def _metas(tree: HtmlElement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = element.get("content")
        if not content:
            continue
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            name = element.get(attribute)
            # Microdata is in the page's body, and may be about anything there.
            if (
                attribute == "itemprop"
                and element.get("itemprop")
                and (parent := element.getparent()) is not None
                and parent.tag != "head"
            ):
                continue
            if name and len(values := found.setdefault(name.strip().lower(), [])) < _MAX_VALUES:
                values.append(plain_line(content))
    return found


def _headings(tree: HtmlElement, window: str, metas: dict[str, list[str]]) -> list[tuple[HtmlElement, str]]:
    """The page's first <h1>s with their texts; without any, the first <h2> or <h3> that its window title begins with."""
    titles = [folded(one) for one in (window, *metas.get("og:title", ())) if one]
    found = [
        (heading, text)
        for heading in list(tree.iter("h1"))[:_MAX_HEADINGS]
        if (text := readable_line(_without_label(heading, titles)))
    ]
    if any(agree(folded(text), title) for _, text in found for title in titles):
        return found
    for heading in list(tree.iter("h2", "h3"))[:40]:
        flat = folded(words_of(heading, 400))
        if len(flat) >= 12 and any(agree(flat, title) for title in titles) and not beside_the_article(heading):
            return [*found, (heading, normal_line(words_of(heading)))]
    return found or _only_heading(tree) or _unmarked_heading(tree, titles)


def _only_heading(tree: HtmlElement) -> list[tuple[HtmlElement, str]]:
    """On a page without an <h1>: its only <h2> or, without one, its only <h3>, if no paragraph is before it."""
    for tag in ("h2", "h3"):
        listed = [one for one in itertools.islice(tree.iter(tag), _MAX_LOWER) if not beside_the_article(one)]
        if (
            len(listed) == 1
            and len(text := normal_line(words_of(listed[0], _MAX_HEADING_CHARS))) >= _MIN_HEADLINE_CHARS
        ):
            for one in tree.iter("p", tag):
                if one is listed[0]:
                    return [(one, text)]
                if len(words_of(one)) > _PARAGRAPH_CHARS:
                    break
        if listed:
            return []
    return []


def _without_label(heading: HtmlElement, titles: list[str]) -> str:
    """The heading's text without a label ("Breaking") in an element of its own at its beginning or end.

    It is one if a title of the page (folded) begins with the rest alone, or if it is named so and no title has the whole.
    """
    text = _SIGNS_BEHIND.sub("", words_of(heading))
    whole = folded(text)
    if not len(heading) or any(whole in title for title in titles):
        return text
    for child, last in ((heading[0], False), (heading[-1], True)):
        if child.tag not in (*_MAY_BE_LABELS, "time") or not (label := words_of(child, _MAX_LABEL_CHARS)):
            continue
        rest = text.removesuffix(label) if last else text.removeprefix(label)
        flat = folded(rest)
        if rest == text or len(flat) < _MIN_HEADLINE_CHARS:
            continue
        named = {word.lower() for word in _NAME_WORDS.findall(child.get("class") or "")}
        dated = child.tag == "time" or (named & _NAMED_DATE and any(char.isdigit() for char in label))
        unseen = _UNSEEN.search((child.get("class") or "").lower()) is not None
        labelled = named & _LABEL_NAMES and not label.endswith(":")  # "Orrin: …" is the headline's
        if any(title.startswith(flat) for title in titles) or labelled or dated or unseen:
            return rest.strip(" :|–—-·•")
    return text


def _unmarked_heading(tree: HtmlElement, titles: list[str]) -> list[tuple[HtmlElement, str]]:
    """The innermost element with the text of a title, on pages without headings."""
    for element in itertools.islice(tree.iter(*_MAY_BE_HEADINGS), _MAX_UNMARKED):
        if not len(element) or len(element) < 3:
            flat = folded(words_of(element, _MAX_HEADING_CHARS))
            if len(flat) >= 12 and any(agree(flat, title) for title in titles) and element.tag != "a":
                return [(element, normal_line(words_of(element)))]
    return []


def _headline(headings: list[tuple[HtmlElement, str]]) -> HtmlElement | None:
    """The heading of the article: the one found last if it was searched for, otherwise the first outside the page's header."""
    if not headings:
        return None
    if headings[-1][0].tag != "h1":
        return headings[-1][0]
    return next((one for one, _ in headings if _origin_of(one, first=True) == "heading"), headings[0][0])


def _is_within(heading: HtmlElement) -> bool:
    return any(one.tag in ("article", "main") for one in above(heading))


def _origin_of(heading: HtmlElement, *, first: bool) -> str:
    for one in above(heading):
        if one.tag in ("article", "main"):
            return "heading" if first else "heading_elsewhere"
        if one.tag in ("header", "nav", "footer", "aside") and next(one.iter("p"), None) is None:
            return "heading_elsewhere"
    return "heading" if first else "heading_elsewhere"


def _titles(
    marks: Marks,
    url: str,
    main: Node,
    metas: dict[str, list[str]],
    headings: list[tuple[HtmlElement, str]],
    window: str,
    bare: str,
) -> tuple[Candidate, ...]:
    """All claims of a title. ``bare``: the window title without the outlet."""
    own = "json_ld" if names_page(main, url) else "json_ld_unnamed"
    found = [Candidate(text, own) for text in distinct(strings(main.get("headline")) or strings(main.get("name")))]
    found += [Candidate(text, "open_graph") for text in distinct(metas.get("og:title", ()))]
    # A window title of a word or two ("World", "Article") is no evidence against a heading.
    telling = len(bare.split()) > _FEW_WORDS or len(bare) > _FEW_CHARS or len(_UNSPACED.findall(bare)) > _FEW_UNSPACED
    said = [folded(text) for text in (*(one.value for one in found), bare if telling else "") if text]
    first = True
    for heading, text in headings:
        origin = _origin_of(heading, first=first)
        confirmed = any(agree(folded(text), other) for other in said)
        if origin == "heading" and said and not confirmed:
            only = len(headings) == 1 and (_is_within(heading) or (heading.tag != "h1" and not found))
            origin = "heading_within" if only else "heading_alone"
        elif confirmed and first:
            origin = "heading"
        first = first and origin != "heading"
        found.append(Candidate(text, origin))
    found += [Candidate(text, "microdata") for text in _microdata(marks)]
    found += [Candidate(text, "twitter") for text in distinct(metas.get("twitter:title", ()))]
    if window:
        found.append(Candidate(window, "window"))
    return tuple(found)


def _microdata(marks: Marks) -> Iterator[str]:
    for element in marks.headlines[:4]:
        if not beside_the_article(element) and (text := normal_line(element.get("content") or words_of(element))):
            yield text[:MAX_VALUE_CHARS]


def _dates(
    marks: Marks, metas: dict[str, list[str]], main: Node, page: Node, near: Near
) -> list[tuple[Candidate, str]]:
    found: list[tuple[Candidate, str]] = []
    for node, origin in ((main, "json_ld"), (page, "json_ld_page")):
        found += [
            (Candidate(value, origin), "published")
            for key in ("datePublished", "dateCreated", "uploadDate")
            for value in strings(node.get(key))
        ]
        found += [(Candidate(value, origin), "modified") for value in strings(node.get("dateModified"))]
    found += [(Candidate(value, "meta"), "published") for name in _DATE_METAS for value in metas.get(name, ())]
    found += [(Candidate(value, "meta"), "modified") for name in _MODIFIED_METAS for value in metas.get(name, ())]
    shown = list(shown_dates(marks, near.lines)) or [
        one for one in dates_in_lines(near.notes_behind) if len(one.value) <= _MAX_LABEL_CHARS
    ]
    found += [(Candidate(one.value, one.origin), one.role) for one in shown if one.role != "unknown"]
    if not shown and not found and (day := date_in_dateline(near.first)):
        found.append((Candidate(day, "dateline"), "published"))
    # A date without a role is the publication's only if none beside it is, and not if it repeats the modification.
    modified = {one.value for one in shown if one.role == "modified"}
    found += [
        (Candidate(one.value, "visible"), "published")
        for one in shown
        if one.role == "unknown" and one.value not in modified
    ]
    return found


def _candidates(found: Iterator[Candidate]) -> tuple[Candidate, ...]:
    kept = dict.fromkeys(Candidate(plain_line(one.value), one.origin) for one in found)
    return tuple(one for one in kept if one.value)[: _MAX_DATES * 3]


def _outlets(claims: list[str], titles: set[str]) -> tuple[str, ...]:
    """Names of the outlet; some pages name their article there."""
    return tuple(name for name in distinct(claims) if folded(name) not in titles)


def _site_nodes(data: LinkedData) -> list[str]:
    return [
        name
        for node in data.nodes
        if any(kind.endswith(("WebSite", "NewsMediaOrganization")) for kind in strings(node.get("@type")))
        for name in (*strings(node.get("name")), *(one.text for one in names(data, node.get("publisher"))))
    ][:4]


def _says_free(main: Node, metas: dict[str, list[str]]) -> bool | None:
    """Whether the page's data declare the article as free; None if they don't say."""
    tier = next(iter(metas.get("article:content_tier", ())), "").lower()
    if "isAccessibleForFree" not in main and tier in ("free", "locked"):
        return tier == "free"
    claim = main.get("isAccessibleForFree")
    word = claim.strip().lower().rpartition("/")[2] if isinstance(claim, str) else ""
    if claim is False or word in ("false", "no", "0"):
        return False
    return True if claim is True or word in ("true", "yes", "1") else None


def _canonical(tree: HtmlElement, metas: dict[str, list[str]]) -> str | None:
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split() and (address := (link.get("href") or "").strip()):
            return address
    return next(iter(metas.get("og:url", ())), None)


def _language(tree: HtmlElement, main: Node, metas: dict[str, list[str]]) -> str | None:
    claims = [
        *strings(main.get("inLanguage")),
        tree.get("lang") or "",
        tree.get("{http://www.w3.org/XML/1998/namespace}lang") or tree.get("xml:lang") or "",
        *metas.get("og:locale", ()),
        *metas.get("content-language", ()),
        *metas.get("language", ()),
    ]
    return next((claim.strip() for claim in claims if _LANGUAGE_CLAIM.match(claim)), None)
