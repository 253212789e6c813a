"""What a page says about itself: titles, outlet, authors, dates, language, description, and the article's body as data.

Sources, in the order in which they are believed: JSON-LD (schema.org), Open Graph and other meta elements, then the
visible page. Everything is a claim of hostile origin: sizes and counts are bounded, nothing is trusted to be of the
right type. The page is read, never changed.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lxml.html import HtmlElement

from pipeline.text.characters import normal_line, normal_text

_MAX_NODES = 2_000
_MAX_JSON_CHARS = 4_000_000
_MAX_VALUE_CHARS = 2_000
_MAX_AUTHORS = 20

_ARTICLE_TYPE = re.compile(r"(?:^|[/:])(?:\w*Article|\w*BlogPosting|Report|Review)$")
_DATE_METAS = (
    "article:published_time", "og:article:published_time", "datepublished", "parsely-pub-date", "sailthru.date",
    "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date",
    "publication_date", "publish-date", "publish_date", "publishdate", "published_date", "pubdate", "date",
    "rnews:datepublished", "cxenseparse:recs:publishtime", "citation_publication_date", "citation_online_date",
    "prism.publicationdate", "last-published", "iso-8601-publish-date",
)  # fmt: skip
_AUTHOR_METAS = (
    "author",
    "article:author",
    "dc.creator",
    "parsely-author",
    "sailthru.author",
    "byl",
    "citation_author",
)
_BYLINE = re.compile(r"^(?:(?:by|von|par|por|door|af|av|przez|від|автор)\s*:?\s+)", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_BREAKING_TAG = re.compile(
    r"</?\s{0,9}(?:p|br|div|li|ul|ol|h[1-6]|blockquote|tr|section)\b[^<>]{0,500}>", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Claims found in a page, best first. Texts are one line each, except ``body``: paragraphs separated by LF."""

    headlines: tuple[str, ...] = ()
    document_title: str = ""
    site_names: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    language: str | None = None
    descriptions: tuple[str, ...] = ()
    body: str = ""


def read_facts(tree: HtmlElement) -> PageFacts:
    """Read the claims out of a parsed page."""
    metas = _metas(tree)
    nodes = [node for node in _json_ld(tree) if _is_article(node)]
    # Pages with teasers describe those too; theirs have no body and mostly stand behind the main one.
    main = max(nodes[:50], key=lambda node: bool(node.get("articleBody")) * 2 + bool(node.get("headline")), default={})
    publisher = [name for node in (main, *nodes[:3]) for name in _names(node.get("publisher"))]
    return PageFacts(
        headlines=_distinct(
            [
                *_strings(main.get("headline")),
                *metas.get("og:title", ()),
                *_headings(tree),
                *metas.get("twitter:title", ()),
            ]
        ),
        document_title=normal_line(_cut(tree.findtext(".//title") or "")),
        site_names=_distinct([*metas.get("og:site_name", ()), *publisher, *metas.get("application-name", ())]),
        authors=_authors(main, metas),
        dates=_distinct(
            [
                *_strings(main.get("datePublished")),
                *_meta_dates(metas),
                *_visible_dates(tree),
                *_strings(main.get("dateCreated")),
            ]
        ),
        language=_language(tree, main, metas),
        descriptions=_distinct(
            [*metas.get("og:description", ()), *metas.get("description", ()), *_strings(main.get("description"))]
        ),
        body=max((as_paragraphs(text) for text in _strings(main.get("articleBody"))), key=len, default=""),
    )


def as_paragraphs(text: str) -> str:
    """A claimed body (escaped, with or without tags) as paragraphs separated by LF."""
    if "&lt;" in text and "<" not in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub("", _BREAKING_TAG.sub("\n", text))
    lines = normal_text(html.unescape(text)).split("\n")
    return "\n".join(line for line in lines if line)


def plain_line(text: str) -> str:
    """Markup or escaped text as one plain line: for feed titles and names."""
    text = _cut(text)
    if "&" in text:
        text = html.unescape(text)
        if "&" in text and ";" in text:  # feeds escape twice now and then
            text = html.unescape(text)
    return normal_line(_TAG.sub(" ", text) if "<" in text else text)


def _metas(tree: HtmlElement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = element.get("content")
        if not content:
            continue
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            name = element.get(attribute)
            if name and len(values := found.setdefault(name.strip().lower(), [])) < _MAX_AUTHORS:
                values.append(plain_line(content))
    return found


def _json_ld(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    """Walk all objects of the page's JSON-LD, outermost first."""
    budget = _MAX_NODES
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        data = _json(script.text or "")
        level: list[Any] = [data]
        while level:
            below: list[Any] = []
            for node in level:
                budget -= 1
                if budget < 0:
                    return
                if isinstance(node, dict):
                    yield node
                    below.extend(value for value in node.values() if isinstance(value, dict | list))
                elif isinstance(node, list):
                    below.extend(value for value in node if isinstance(value, dict | list))
            level = below


def _json(text: str) -> Any:
    text = (
        text.strip().removeprefix("<!--").removesuffix("-->").removeprefix("//<![CDATA[").removesuffix("//]]>").strip()
    )
    if not text or len(text) > _MAX_JSON_CHARS:
        return None
    try:
        return json.loads(text.rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None


def _is_article(node: dict[str, Any]) -> bool:
    return any(_ARTICLE_TYPE.search(kind) for kind in _strings(node.get("@type")))


def _strings(value: object) -> list[str]:
    """The strings in a value that may be one, several, an {"@value": …}, or something else altogether."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [
            item for part in value[:_MAX_AUTHORS] for item in (_strings(part) if not isinstance(part, list) else [])
        ]
    if isinstance(value, dict):
        return _strings(value.get("@value")) if isinstance(value.get("@value"), str) else []
    return []


def _names(value: object) -> list[str]:
    if isinstance(value, list):
        return [name for part in value[:_MAX_AUTHORS] if not isinstance(part, list) for name in _names(part)]
    if isinstance(value, dict):
        return _strings(value.get("name"))
    return _strings(value)


def _authors(main: dict[str, Any], metas: dict[str, list[str]]) -> tuple[str, ...]:
    claims = _names(main.get("author"))
    if not claims:
        claims = next((values for name in _AUTHOR_METAS if (values := metas.get(name))), [])
    return clean_authors(claims)


def clean_authors(claims: Iterable[str]) -> tuple[str, ...]:
    """Names as one line each, without "By", addresses and repetitions."""
    names = []
    for claim in claims:
        name = _BYLINE.sub("", plain_line(claim)).strip(" ,;|")
        if name and len(name) <= 120 and "://" not in name and any(char.isalpha() for char in name):
            names.append(name)
    return _distinct(names)[:_MAX_AUTHORS]


def _headings(tree: HtmlElement) -> list[str]:
    # An <h1> that holds the logo comes before the article's: the caller compares, so a few are enough.
    found: list[str] = []
    for heading in tree.iter("h1"):
        text = normal_line(_cut("".join(heading.itertext())))
        if text:
            found.append(text)
        if len(found) >= 4:
            break
    return found


def _meta_dates(metas: dict[str, list[str]]) -> list[str]:
    return [value for name in _DATE_METAS for value in metas.get(name, ())]


def _visible_dates(tree: HtmlElement) -> list[str]:
    times = list(tree.iter("time"))[:200]
    marked = [
        time
        for time in times
        if time.get("pubdate") is not None or "datepublished" in (time.get("itemprop") or "").lower()
    ]
    inside = [time for time in times if any(above.tag in ("article", "main") for above in time.iterancestors())]
    return [_cut(time.get("datetime") or "".join(time.itertext())) for time in (marked + inside)[:3]]


def _language(tree: HtmlElement, main: dict[str, Any], metas: dict[str, list[str]]) -> str | None:
    claims = [
        *_strings(main.get("inLanguage")),
        tree.get("lang") or "",
        tree.get("{http://www.w3.org/XML/1998/namespace}lang") or tree.get("xml:lang") or "",
        *metas.get("og:locale", ()),
        *metas.get("content-language", ()),
        *metas.get("language", ()),
    ]
    return next((claim.strip() for claim in claims if re.match(r"\s*[A-Za-z]{2,3}(?:[-_,;\s]|$)", claim)), None)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    cleaned = (plain_line(text) for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))


def _cut(text: str) -> str:
    return text[:_MAX_VALUE_CHARS]
