"""An item of a feed, with or without its page, as a raw article. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from msgspec.structs import replace

from connectors.feeds.items import FeedItem
from connectors.http.client import Failure, Fetched
from core.charset import decode_body
from core.html_tokens import tokens
from core.records import HttpFacts, RawArticle, claims_of

FETCH_FAILED = "fetch_failed"
"""RawArticle.stub of an item whose page could not be fetched and that has no text in the feed either."""

FULL_TEXT = 500
"""Least characters for a feed's content to count as the article itself and not as a teaser."""


def raw_article(
    item: FeedItem,
    page: Fetched | Failure | None,
    *,
    source: str,
    feed_url: str,
    language: str | None,
    backfill: bool,
    now: datetime,
) -> RawArticle:
    """Create the raw article. ``page`` None: it has no address. ``language`` is the feed's; ``now``: time of fetching, UTC.

    With its page, ``html`` is the page (``text`` if the server sent plain text) and ``url`` its final address; ``text``
    is then the feed's own full text, if it is long enough: a shorter extraction was cut off. Without a page, ``text``
    is the longer of the feed's full text and summary, and ``http`` has the response's status, if any.
    """
    claims = claims_of(item)
    claims |= {"published": item.published or item.updated, "language": item.language or language}
    common = RawArticle(url=item.url, source=source, fetched_at=now, feed_url=feed_url, backfill=backfill, **claims)
    content = plain_text(once_escaped(item.content)) if item.content and item.content_is_html else item.content
    if isinstance(page, Fetched):
        text = decode_body(page.body, page.content_type).text
        http = HttpFacts(
            status=page.status, content_type=page.content_type, etag=page.etag, last_modified=page.last_modified
        )
        if (page.content_type or "").strip().lower().startswith("text/plain"):
            return replace(common, url=page.url, http=http, text=text)
        full = content if content and len(content) >= FULL_TEXT else None
        return replace(common, url=page.url, http=http, html=text, text=full)
    body = max(content or "", item.summary or "", key=len) or None
    status = page.status if page else None
    # There is only a headline without text or link, so no fetch has failed.
    failed = page is not None and not body
    return replace(
        common, text=body, stub=FETCH_FAILED if failed else None, http=HttpFacts(status=status) if status else None
    )


_HIDDEN = frozenset({"script", "style", "template", "noscript", "iframe", "svg", "head"})
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "tr"}
    | {"section", "article", "header", "footer", "figure", "figcaption", "hr", "dd", "dt"}
)
_LINE_SPACE = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
_TAG_BEGINS = re.compile(r"<[a-zA-Z/!]")
_REFERENCE = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w*);")


def looks_like_html(text: str) -> bool:
    """Whether it contains a tag or a character reference."""
    if "<" not in text and "&" not in text:
        return False
    tag = _TAG_BEGINS.search(text)
    return (tag is not None and text.find(">", tag.end()) >= 0) or _REFERENCE.search(text) is not None


_ESCAPED = re.compile(r"\s*&lt;[a-zA-Z][^<>]*&gt;\s*")


def once_escaped(html: str) -> str:
    """``html``, or its visible text if that is markup from its first character to its last: it was escaped twice."""
    if "<" in html or not _ESCAPED.fullmatch(html):
        return html
    return unescape(html)


def plain_text(html: str) -> str:
    """Return the text of ``html``, one line per block. Scripts and styles are left out. Linear; never raises."""
    parts: list[str] = []
    hidden: str | None = None
    for token in tokens(html):
        if isinstance(token, str):
            if hidden is None:
                # Line breaks in the source are white space; only blocks break lines.
                parts.append(token.replace("\n", " "))
        elif token.name == hidden:
            hidden = None if token.closing else hidden
        elif hidden is None:
            if token.name in _HIDDEN and not token.closing and not token.empty:
                hidden = token.name
            elif token.name in _BLOCKS:
                parts.append("\n")
    text = _LINE_SPACE.sub(" ", "".join(parts))
    return _LINES.sub("\n", text).strip()
