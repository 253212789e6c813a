"""A raw page or text to title, text, authors and date.

``extract`` takes HTML, ``extract_text`` a record that carries text only, ``clean_text`` cleans a text alone. All are
functions of their arguments: no clock, no network, no state kept between calls. Whatever the input, the only exception is
ExtractionError, whose reason is one of ``REASONS``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml.etree import ElementDefaultClassLookup
from lxml.html import HtmlElement, HTMLParser, fromstring

from core.charset import binary_kind, decode_bytes
from core.errors import ExtractionError
from pipeline.text.body import extract_body
from pipeline.text.boilerplate import drop_boilerplate
from pipeline.text.characters import count_letters, normal_text
from pipeline.text.dates import choose_date, url_day
from pipeline.text.page import PageFacts, as_paragraphs, clean_authors, read_facts
from pipeline.text.titles import choose_title, title_from_text

REASONS = {
    "empty": "nothing but white space came",
    "not_html": "the content is binary or holds no element",
    "too_large": "the page is over the limit of bytes",
    "too_complex": "so many elements, or attributes of one, that reading it would take minutes",
    "no_text": "the page was read, but it holds no article text",
    "extractor_failed": "a library failed on the page; the detail says how",
}
"""Every reason an ExtractionError of this module may carry, and what it means."""

MAX_HTML_BYTES = 8 << 20
MIN_LETTERS = 20
"""A text with fewer letters (ideographs count twice) is not an article's."""

_FAR_LESS = 0.5
_LONG_TAG_CHARS = 50_000
_MAX_TAGS = 200_000  # ten times what large news pages have
_MAX_ATTRIBUTES = 2_000
_MARKUP = re.compile(
    r"<(?:/(?:p|div|a|li|ul|b|i|em|strong|span|h[1-6])|p|br|div|p\s[^<>]*|br\s*/|div\s[^<>]*|img\s[^<>]*)>",
    re.IGNORECASE,
)
_ONE_CLASS = ElementDefaultClassLookup(element=HtmlElement)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A cleaned article.

    ``text`` has paragraphs separated by LF (a text-only record keeps its blank lines) and does not begin with the headline.
    ``title`` is one line; ``title_from`` is its source: ``feed``, ``page`` or ``text``. ``published_at`` (UTC) is the
    publisher's claim; ``published_flag`` is ``missing``, ``future`` or ``ancient``, else None. ``page_language`` is the
    page's claim, verbatim. ``summary`` is the page's description.
    """

    title: str
    text: str
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    published_flag: str | None = "missing"
    page_language: str | None = None
    summary: str | None = None
    site_name: str | None = None
    title_from: str = "page"


def extract(
    html: str | bytes,
    *,
    url: str,
    fetched_at: datetime,
    title_hint: str | None = None,
    authors_hint: Sequence[str] = (),
    published_hint: str | None = None,
    summary_hint: str | None = None,
    charset: str | None = None,
    max_html_bytes: int = MAX_HTML_BYTES,
) -> Extracted:
    """Extract the article from a page.

    Hints are the feed's; ``summary_hint`` becomes the text if the page has none, or far less (feeds may carry whole
    articles). ``charset`` is what HTTP declared, for bytes. ``fetched_at`` (UTC) only serves to recognise a claimed date in
    the future. Raises ExtractionError with a reason of ``REASONS``, and nothing else.
    """
    try:
        page = _checked(html, charset, max_html_bytes)
        tree = _parsed(page)
        facts = read_facts(tree)
        title = choose_title(title_hint, facts.headlines, facts.document_title, facts.site_names, url)
        text = extract_body(tree, facts, title)
        if summary_hint and (feed_text := _plain(summary_hint)) and len(text) < _FAR_LESS * len(feed_text):
            text = feed_text
        return _article(text, title, title_hint, facts, url, fetched_at, authors_hint, published_hint)
    except ExtractionError:
        raise
    except Exception as error:  # parsers of hostile input fail in ways that their documentation does not list
        raise ExtractionError("extractor_failed", f"{type(error).__name__}: {str(error)[:200]}") from error


def extract_text(
    text: str,
    *,
    url: str,
    fetched_at: datetime,
    title_hint: str | None = None,
    authors_hint: Sequence[str] = (),
    published_hint: str | None = None,
) -> Extracted:
    """Make an article of a record that carries text only (plain, or a feed's fragment of markup).

    Without a title, the first line serves if it is short, else the first sentence; the text keeps it.
    Raises ExtractionError as ``extract`` does.
    """
    try:
        if not text.strip():
            raise ExtractionError("empty")
        facts = PageFacts()
        title = choose_title(title_hint, (), "", (), url)
        return _article(_plain(text), title, title_hint, facts, url, fetched_at, authors_hint, published_hint)
    except ExtractionError:
        raise
    except Exception as error:
        raise ExtractionError("extractor_failed", f"{type(error).__name__}: {str(error)[:200]}") from error


def _plain(text: str) -> str:
    return clean_text(as_paragraphs(text) if _MARKUP.search(text) else text)


def clean_text(text: str) -> str:
    """Clean a text without markup: characters, white space, boilerplate lines. Idempotent, never raises."""
    return drop_boilerplate(normal_text(text), wrapped=True)


def _article(
    text: str,
    title: str,
    title_hint: str | None,
    facts: PageFacts,
    url: str,
    fetched_at: datetime,
    authors_hint: Sequence[str],
    published_hint: str | None,
) -> Extracted:
    if count_letters(text, enough=MIN_LETTERS) < MIN_LETTERS:
        raise ExtractionError("no_text", f"{len(text)} characters were left")
    published_at, flag = choose_date((published_hint, *facts.dates, url_day(url)), fetched_at)
    return Extracted(
        title=title or title_from_text(text),
        text=text,
        authors=clean_authors(authors_hint) or facts.authors,
        published_at=published_at,
        published_flag=flag,
        page_language=facts.language,
        summary=facts.descriptions[0] if facts.descriptions else None,
        site_name=facts.site_names[0] if facts.site_names else None,
        title_from="text" if not title else "feed" if title_hint else "page",
    )


def _checked(html: str | bytes, charset: str | None, max_html_bytes: int) -> str:
    """Decode, and refuse what is not a page or would take the parser too long."""
    size = len(html)
    if isinstance(html, str) and size <= max_html_bytes < size * 4:
        size = len(html.encode("utf-8", "surrogatepass"))
    if size > max_html_bytes:
        raise ExtractionError("too_large", f"{size} bytes, the limit is {max_html_bytes}")
    if isinstance(html, bytes):
        if what := binary_kind(html):
            raise ExtractionError("not_html", f"the bytes are {what}")
        page = decode_bytes(html, charset).text
    else:
        page = html.removeprefix("\ufeff")
    head = page[:4_096]
    if not page.strip():
        raise ExtractionError("empty")
    if len(_CONTROLS.findall(head)) > len(head) // 20:
        raise ExtractionError("not_html", "the content is binary")
    if "<" not in page or ">" not in page:
        raise ExtractionError("not_html", "there is no element in it")
    if page.count("<") > _MAX_TAGS:
        raise ExtractionError("too_complex", "there are hundreds of thousands of tags")
    # libxml2 compares each attribute of an element with all others: 200,000 of them take minutes.
    pieces = page.split(">")
    if max(map(len, pieces)) > _LONG_TAG_CHARS and any(
        len(piece) > _LONG_TAG_CHARS and piece.count("=") > _MAX_ATTRIBUTES and _is_long_tag(piece) for piece in pieces
    ):
        raise ExtractionError("too_complex", "an element has thousands of attributes")
    return page


def _is_long_tag(piece: str) -> bool:
    tag = piece[piece.rfind("<") :]
    return re.match(r"<[A-Za-z]", tag) is not None and len(re.findall(r"\s[^\s=]+=", tag)) > _MAX_ATTRIBUTES


def _parsed(page: str) -> HtmlElement:
    parser = HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, default_doctype=False
    )
    # lxml asks a Python function for the class of each element that is touched; forms and fields of classes of their own
    # are not needed here.
    parser.set_element_class_lookup(_ONE_CLASS)
    # Bytes: a str with an XML declaration that names an encoding would be refused. NULs would end the document.
    data = page.replace("\0", "").encode("utf-8", "replace")
    try:
        tree = fromstring(data, parser=parser)
    except Exception as error:
        raise ExtractionError("no_text", f"the parser found no document: {str(error)[:100]}") from error
    if not isinstance(tree, HtmlElement):
        raise ExtractionError("not_html", "the document's root is no element")
    return tree
