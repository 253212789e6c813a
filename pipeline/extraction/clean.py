"""A raw page or text to title, text, authors and date.

``extract`` takes HTML, ``extract_text`` a record with only text, ``clean_text`` only cleans a text. All are functions
of their arguments: no clock, no network, no state kept between calls. Whatever the input, the only exception is
ExtractionError, whose reason is one of ``REASONS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import regex  # type: ignore[import-untyped]
from lxml.etree import ElementDefaultClassLookup, strip_elements
from lxml.html import HtmlElement, HTMLParser, fromstring

from core.charset import binary_kind, decode_bytes
from core.errors import ExtractionError
from core.query.words import UNSPACED
from pipeline.extraction.addresses import own_address
from pipeline.extraction.authors import is_impersonal
from pipeline.extraction.body import extract_body
from pipeline.extraction.bylines import clean_authors
from pipeline.extraction.candidates import AuthorClaim, Candidate, ranked_authors
from pipeline.extraction.facts import PageFacts, read_facts
from pipeline.extraction.listings import lists_others
from pipeline.extraction.marks import marks_of
from pipeline.extraction.partial import ends_cut, offers_alone, shown_of
from pipeline.extraction.shown import join_broken_lines
from pipeline.extraction.titles import choose_title, outlet_names, title_from_text
from pipeline.extraction.values import as_paragraphs
from pipeline.extraction.walls import read_signs, wall_kind
from pipeline.extraction.when import chosen_date, clock_shown
from pipeline.text.boilerplate import drop_boilerplate
from pipeline.text.characters import count_letters, normal_text
from pipeline.text.dates import date_context, offset_in, url_day
from pipeline.text.language import language_code

REASONS = {
    "empty": "nothing but white space came",
    "not_html": "the content is binary or holds no element",
    "too_large": "the page is over the limit of bytes",
    "too_complex": "so many elements, or attributes of one, that parsing it would take minutes",
    "no_text": "the page was read, but it has no article text",
    "wall": "the page is a wall in place of an article; the detail is its kind",
    "extractor_failed": "a library failed on the page; the detail is the error",
}
"""Every reason of an ExtractionError from this module, and its meaning."""

MAX_HTML_BYTES = 8 << 20
MIN_LETTERS = 20
"""A text with fewer letters (ideographs count twice) is not an article's."""
_FLASH_LETTERS, _FLASH_WORDS = 12, 3
_UNSPACED = regex.compile(f"[{UNSPACED}]{{3}}")

_FAR_LESS = 0.5
_LONG_TAG_CHARS = 50_000
_MAX_TAGS = 200_000  # ten times the size of large news pages
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

    ``text`` has paragraphs separated by LF (a text-only record keeps its blank lines) and does not begin with the
    headline. ``title`` is one line. ``published_at`` (UTC) is the publisher's claim; ``published_flag`` is ``missing``,
    ``guessed``, ``future``, ``ancient`` or None. ``modified_at`` is plausible, or None. ``page_language`` is the page's
    claim, verbatim. ``summary`` is the page's description. ``origins``: fact → where its winner was found, a key of the
    tables in ``pipeline.extraction.candidates``; ``text_from`` is the text's. ``partial``: the page shows only the
    beginning. ``address``: the canonical form of the page's address. ``wall``: the page is a wall of this kind, and the
    text is the feed's. ``shown`` and ``headline`` are text and headline of the page alone, without the feed; empty if
    there was no page.
    """

    title: str
    text: str
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    published_flag: str | None = "missing"
    modified_at: datetime | None = None
    page_language: str | None = None
    summary: str | None = None
    site_name: str | None = None
    origins: tuple[tuple[str, str], ...] = ()
    text_from: str = "page"
    partial: bool = False
    wall: str | None = None
    address: str = ""
    shown: str = ""
    headline: str = ""


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
    articles). ``charset`` is what HTTP declared, for bytes. ``fetched_at`` (UTC) is only used to recognise claimed
    dates in the future. Raises ExtractionError with a reason of ``REASONS``, and nothing else.
    """
    try:
        page = _checked(html, charset, max_html_bytes)
        tree = _parsed(page)
        marks = marks_of(tree)  # holds all elements: lxml creates a new object on each access unless one is referenced
        join_broken_lines(tree, marks.as_written)
        facts = read_facts(tree, url, marks)
        title = choose_title(title_hint, facts.titles, facts.site_names, url, facts.frame)
        headline = (
            choose_title(None, facts.titles, facts.site_names, url, facts.frame).value if title_hint else title.value
        )
        if lists_others(tree, facts, url):
            raise ExtractionError("no_text", "the page lists other articles")
        signs = read_signs(tree, marks)
        body = extract_body(tree, marks, facts, title.value, url)
        marks.elements.clear()
        if (kind := wall_kind(signs, facts, headline, body.value, title_hint)) is not None:
            raise ExtractionError("wall", kind)
        if body.origin == "page" and (offered := offers_alone(body.value)) is not None:
            raise ExtractionError("wall", offered)
        shown = body.value
        cut = False
        if body.origin == "page":
            kept = shown_of(signs, facts, body.value)
            body, cut = Candidate(kept.text, "page"), kept.partial
        if summary_hint and (feed_text := _plain(summary_hint)) and len(body.value) < _FAR_LESS * len(feed_text):
            body, cut = Candidate(feed_text, "feed"), ends_cut(feed_text)
        made = _article(body, title, facts, url, fetched_at, authors_hint, published_hint)
        return replace(made, partial=cut, shown=shown, headline=headline)
    except ExtractionError:
        raise
    except Exception as error:  # parsers raise undocumented errors on hostile input
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
    """Make an article from a record with only text (plain, or a feed's fragment of markup).

    Without a title, it uses the first line if it is short, otherwise the first sentence; the text keeps it. Raises
    ExtractionError like ``extract``.
    """
    try:
        title = choose_title(title_hint, (), (), url)
        if not text.strip() and not title.value:
            raise ExtractionError("empty")
        return _article(
            Candidate(_plain(text), "feed"), title, PageFacts(), url, fetched_at, authors_hint, published_hint
        )
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
    body: Candidate,
    title: Candidate,
    facts: PageFacts,
    url: str,
    fetched_at: datetime,
    authors_hint: Sequence[str],
    published_hint: str | None,
) -> Extracted:
    if count_letters(body.value, enough=MIN_LETTERS) < MIN_LETTERS:
        body = _flash(body, title)
    text = body.value
    context = date_context(url, language_code(facts.language), fetched_at, facts.language)
    context = replace(context, offset=offset_in(claim.value for claim in (*facts.published, *facts.modified)))
    if context.offset is None and any(claim.origin == "visible" for claim in facts.modified):
        context = replace(context, offset=clock_shown(facts.published, context))
    claims = [*facts.published]
    if published_hint:
        claims.append(Candidate(published_hint, "feed"))
    if (day := url_day(url)) is not None:
        claims.append(Candidate(day.isoformat(), "address"))
    published = chosen_date(claims, fetched_at, context)
    modified = chosen_date(facts.modified, fetched_at, context)
    announced = clean_authors(authors_hint)
    authors = ranked_authors(
        (AuthorClaim(announced, "feed", organisation=is_impersonal(announced, facts.frame)), *facts.authors),
        outlet_names(facts.site_names, url) | facts.frame.names,
    )
    origins = {
        "title": title.origin,
        "authors": authors.origin if authors else "",
        "published": published.origin,
        "modified": modified.origin if modified.flag is None else "",
    }
    return Extracted(
        title=title.value or title_from_text(text),
        text=text,
        authors=authors.names if authors else (),
        published_at=published.moment,
        published_flag=published.flag,
        modified_at=modified.moment if modified.flag is None else None,
        page_language=facts.language,
        summary=facts.descriptions[0] if facts.descriptions else None,
        site_name=facts.site_names[0] if facts.site_names else None,
        origins=tuple((fact, origin) for fact, origin in origins.items() if origin),
        text_from=body.origin,
        address=own_address(url, facts.canonical),
    )


def _flash(body: Candidate, title: Candidate) -> Candidate:
    """A flash consists only of its headline, which is also its text. Raises ExtractionError if there is none."""
    # A window's title may be any page's; one word may be a file's name or a label.
    # A window's title may be any page's; one word may be a file's name or a label. What a feed gives as the title of an item
    # may be short, and in a script without spaces.
    from_feed = title.origin == "feed"
    unspaced = from_feed and _UNSPACED.search(title.value) is not None
    if title.origin != "window" and (" " in title.value.strip() or unspaced):
        is_short_one = from_feed and (unspaced or title.value.count(" ") + 1 >= _FLASH_WORDS)
        least = _FLASH_LETTERS if is_short_one else MIN_LETTERS
        if count_letters(title.value, enough=least) >= least:
            return Candidate(title.value, "title")
    raise ExtractionError("no_text", f"{len(body.value)} characters were left")


def _checked(html: str | bytes, charset: str | None, max_html_bytes: int) -> str:
    """Decode, and refuse input that is not a page or would take the parser too long."""
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
    if not page or page.isspace():
        raise ExtractionError("empty")
    if len(_CONTROLS.findall(head)) > len(head) // 20:
        raise ExtractionError("not_html", "the content is binary")
    if "<" not in page or ">" not in page:
        raise ExtractionError("not_html", "there is no element in it")
    if page.count("<") > _MAX_TAGS:
        raise ExtractionError("too_complex", "there are hundreds of thousands of tags")
    # libxml2 compares each attribute of an element with all others: 200,000 of them take minutes.
    if any(piece.count("=") > _MAX_ATTRIBUTES and _is_long_tag(piece) for piece in _long_pieces(page)):
        raise ExtractionError("too_complex", "an element has thousands of attributes")
    return page


def _long_pieces(page: str) -> Iterator[str]:
    """The stretches of more than ``_LONG_TAG_CHARS`` without a ">". It checks only a few places of an ordinary page."""
    begin = 0
    while len(page) - begin > _LONG_TAG_CHARS:
        end = page.rfind(">", begin, begin + _LONG_TAG_CHARS + 1)
        if end < 0:
            end = page.find(">", begin + _LONG_TAG_CHARS)
            end = len(page) if end < 0 else end
            yield page[begin:end]
        begin = end + 1


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
    data = page.encode("utf-8", "replace")
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    try:
        tree = fromstring(data, parser=parser)
    except Exception as error:
        raise ExtractionError("no_text", f"the parser found no document: {str(error)[:100]}") from error
    if not isinstance(tree, HtmlElement):
        raise ExtractionError("not_html", "the document's root is not an element")
    strip_elements(
        tree, "svg", "style", with_tail=False
    )  # a fifth of the elements of many pages, and none of the words
    return tree
