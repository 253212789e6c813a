"""Parses bytes into a feed. Pure: no network, no files, no clock."""

from __future__ import annotations

import io
import re
from calendar import timegm
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import struct_time
from typing import Any
from urllib.parse import urljoin

import feedparser
from lxml.html import defs

from connectors.feeds.article import looks_like_html, once_escaped, plain_text
from connectors.feeds.feedparser_limits import limit, summary_of
from connectors.feeds.items import (
    MAX_AUTHORS,
    MAX_NAME,
    MAX_SUMMARY,
    FeedItem,
    ParsedFeed,
    build_items,
    first_ms,
    link_target,
    one_line,
    sound,
    web_address,
)
from connectors.feeds.jsonfeed import parse_json_feed
from connectors.feeds.markup import mended
from connectors.feeds.sitemap import is_list_of_addresses, parse_list_of_addresses, parse_sitemap
from connectors.http.answers import without_credentials
from connectors.http.body import NotUnpacked, unpacked
from core.charset import Decoded, binary_kind, decode_body
from core.counted import counted
from core.errors import FailureKind, FeedError

limit()


def parse_feed(body: bytes, *, url: str, content_type: str | None = None) -> ParsedFeed:
    """Parse RSS, RDF, Atom, JSON Feed or a sitemap. ``url`` is where it came from: the base of relative links,
    and for messages.

    Broken XML and wrong encodings are read as well as possible, with a note in ``notes``. If it is not a feed, raises
    FeedError that says what it looks like.
    """
    url = without_credentials(url)  # otherwise relative links would carry them into records
    text, encoding = text_of(body, url=url, content_type=content_type)
    if is_json(text):
        return parse_json_feed(text, url=url)
    if is_sitemap(text):
        return parse_sitemap(text, url=url)
    if is_list_of_addresses(text):
        return parse_list_of_addresses(text, url=url)
    parsed = read_xml(text, url=url, base=url, for_items=True)
    notes = []
    if parsed.get("bozo"):
        notes.append(f"not well-formed, but read: {one_line(str(parsed.get('bozo_exception')), 200)}")
    if encoding != "utf-8":
        notes.append(f"read as {encoding}")
    about = parsed.get("feed") or {}
    entries = parsed.get("entries") or []
    if len(entries) > 1 and parsed.get("bozo") and _ends_in_an_item(text):
        # The next poll gets it complete; half a title would become a separate article.
        entries = entries[:-1]
        notes.append("cut short in an item, which is left out")
    authors = _authors(about) if parsed.get("version") == "atom10" else ()
    items = build_items(_drafts(entries, url, authors), url)
    if without := sum(not item.fetchable for item in items):
        notes.append(f"{without} of {len(items)} items have no link")
    if len(items) < len(entries):
        notes.append(f"{counted(len(entries) - len(items), 'repeated or empty item')} left out")
    return ParsedFeed(
        format=str(parsed.get("version") or "xml"),
        title=_title(about),
        language=_language(about.get("language")),
        items=items,
        notes=tuple(notes),
        hub=_related(about, "hub", url),
        topic=_related(about, "self", url),
        moved_to=web_address(_joined(url, about.get("newlocation") or about.get("itunes_new-feed-url"))) or None,
    )


def _related(about: Any, rel: str, base: str) -> str | None:
    """Return the feed's own first link of this kind."""
    for link in about.get("links") or ():
        if str(link.get("rel")).lower() == rel and (address := web_address(_joined(base, link.get("href")))):
            return address
    return None


def _ends_in_an_item(text: str) -> bool:
    """Whether the text breaks off within an item, in a feed that ends its items."""
    low = text.lower()
    begun, ended = (max(low.rfind(mark + name) for name in ("item", "entry")) for mark in ("<", "</"))
    return begun > ended > 0


def _drafts(entries: list[Any], url: str, authors: tuple[str, ...]) -> Iterator[FeedItem]:
    """``authors``: for entries without any (RFC 4287, 4.2.1)."""
    # Plain dictionaries: each access to feedparser's own looks up its map of alternative names. It also returns
    # "published" for a missing "updated".
    for entry in map(dict, entries):
        content, is_html = _content(entry)
        summary = summary_of(entry)
        # feedparser copies Atom content into a missing summary.
        plain = _plain(summary) if isinstance(summary, str) and summary != content else None
        detail = entry.get("title_detail") or {}
        parts = entry.get("content") or [{}]
        yield FeedItem(
            key="",
            url=_link(entry, url),
            guid=one_line(entry.get("id")),
            title=_title(entry),
            summary=plain,
            content=content,
            content_is_html=is_html,
            authors=_authors(entry) or authors,
            published=one_line(entry.get("published"), MAX_NAME),
            updated=one_line(entry.get("updated"), MAX_NAME),
            dated_ms=first_ms(read_moment(entry.get("published_parsed")), read_moment(entry.get("updated_parsed"))),
            language=_language(parts[0].get("language") or detail.get("language")),
        )


def _link(entry: Any, base: str) -> str:
    guid = entry.get("id")
    # Behind FeedBurner, ``link`` leads to its redirects, which answer no more.
    for link in (entry.get("feedburner_origlink"), entry.get("link")):
        if address := web_address(_joined(base, link)):
            return link_target(address)
    for part in entry.get("content") or ():
        if part.get("src") and (address := web_address(_joined(base, part["src"]))):
            return address
    # A guid is used as the address if there is no other, even if it is not marked as a permalink: trying it costs one
    # request.
    return web_address(_joined(base, guid) if isinstance(guid, str) and guid.startswith("/") else guid)


def _joined(base: str, link: object) -> str:
    if not isinstance(link, str) or not (link := link.strip()):
        return ""
    if _ABSOLUTE.fullmatch(link):
        # Nearly all links are absolute. Joining would return them unchanged, in a quarter of an item's time here.
        return link
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


def _content(entry: Any) -> tuple[str | None, bool]:
    """Return the longest full text and whether it is HTML."""
    best, is_html = None, False
    for part in entry.get("content") or ():
        value = part.get("value")
        if isinstance(value, str) and value.strip() and len(value) > len(best or ""):
            kind = str(part.get("type") or "")
            if kind.startswith(("text/", "application/xhtml")) or not kind:
                value = _bare(value)
                best, is_html = sound(value), "html" in kind or looks_like_html(value)
    return best, is_html


def _title(holder: Any) -> str | None:
    title = holder.get("title")
    detail = holder.get("title_detail") or {}
    if isinstance(title, str) and ("html" in str(detail.get("type")) or looks_like_html(title)):
        title = plain_text(_NAME.sub(_as_text, title[: 4 * MAX_SUMMARY]))
    return one_line(title)


def _as_text(opening: re.Match[str]) -> str:
    """What looks like a tag but has the name of none is text: ``<YONHAP PHOTO-12>``."""
    known = opening[1].lower() in _ELEMENTS
    return opening[0] if known else f"&lt;{opening[0][1:]}"


def _bare(html: str) -> str:
    """``html`` without an enclosing CDATA section that was escaped and so is text in XML."""
    match = _ESCAPED_CDATA.fullmatch(html) if "<![CDATA[" in html[:100] else None
    return match[1] if match else html


def _plain(html: str) -> str | None:
    html = _bare(html)
    text = sound(plain_text(once_escaped(html)) if looks_like_html(html) else html.strip())
    return text[:MAX_SUMMARY].rstrip() or None


def _authors(entry: Any) -> tuple[str, ...]:
    named = [author.get("name") for author in entry.get("authors") or () if hasattr(author, "get")]
    whole = entry.get("author")
    if len(named) < 2 and isinstance(whole, str) and (found := _NAMED_ADDRESS.fullmatch(whole.strip()[:1_000])):
        # feedparser treats the end of an address with a long last part as the name.
        named = [(found[1] or found[2]).strip(' "')]
    names = [line for name in (named if any(named) else [whole]) if (line := one_line(name, MAX_NAME))]
    return tuple(dict.fromkeys(names))[:MAX_AUTHORS]


def _language(value: object) -> str | None:
    return one_line(value, 35)


MAX_MARKS = 300_000
"""A feed with more ``<`` is refused: feedparser takes up to 40 µs for each, and a real feed of 5,000 items has 60,000."""

UNPACKED_BYTES = 20 << 20
"""Sitemaps are often stored as gzip files."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HTML_ROOTS = ("html", "head", "body", "div", "p")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_PROLOG = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*+", re.DOTALL | re.IGNORECASE)
_GUID = re.compile(r"<((?:\w{1,20}:)?(?:guid|id))(?:\s[^<>]*?)?(/?)>", re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://[\w.:-]+(?:/[^\s?#;]*)?(?:\?[^\s#]+)?(?:#\S+)?", re.ASCII)
_NAMED_ADDRESS = re.compile(r"[^\s@()<>]+@[^\s@()<>]+\s+\(([^()]+)\)|([^@<>]+)<[^\s@<>]+@[^\s@<>]+>")
_NAME = re.compile(r"</?([A-Za-z]+)(?=[\s>])")
_ELEMENTS = defs.tags | {"nobr", "frame", "picture", "main", "slot", "template", "dialog", "search"}
_ESCAPED_CDATA = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*", re.DOTALL)
_EMPTY_LINK = re.compile(r"<link\s*/>\s*(https?://[^\s<>]+)", re.IGNORECASE)
"""What libraries of HTML make of RSS: there a link is an element without content."""
_BASE = re.compile(r"\bbase\s*=", re.IGNORECASE)
_HTML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.DOTALL | re.IGNORECASE)


def bytes_of(body: bytes, *, url: str) -> bytes:
    """The unpacked bytes. Raises FeedError."""
    if not body.strip(b"\0 \t\r\n"):
        raise FeedError(url, "not a feed: empty", kind=FailureKind.NO_FEED)
    try:
        return unpacked(body, UNPACKED_BYTES)
    except NotUnpacked as error:
        raise FeedError(url, f"not a feed: {error}", kind=FailureKind.NO_FEED) from error


def text_of(body: bytes, *, url: str, content_type: str | None) -> Decoded:
    """Unpack and decode. Raises FeedError if the first bytes show that it can't be a feed."""
    body = bytes_of(body, url=url)
    if name := binary_kind(body):
        raise FeedError(url, f"not a feed: {name}", kind=FailureKind.NO_FEED)
    text, encoding = decode_body(body, content_type)
    text = text.lstrip("\ufeff \t\r\n")
    if _HTML.match(text[:4096]):
        raise FeedError(
            url,
            "not a feed: an HTML page",
            kind=FailureKind.HTML,
            hint="wirewatch feed discover finds the feeds that a page names",
        )
    return Decoded(text, encoding)


def is_json(text: str) -> bool:
    """Whether the text can only be JSON."""
    return text[:1] in ("{", "[")


def is_sitemap(text: str) -> bool:
    """Whether its first element is a sitemap's."""
    return _root(text).rpartition(":")[2] in ("urlset", "sitemapindex")


def read_moment(parsed: object) -> datetime | None:
    """A date as feedparser read it, UTC; None if it couldn't."""
    try:
        return _EPOCH + timedelta(seconds=timegm(parsed)) if isinstance(parsed, struct_time) else None
    except (OverflowError, ValueError):
        return None


def read_as_sent(body: bytes, *, base: str, content_type: str | None) -> Any:
    """Return feedparser's result for the original bytes, with its own rules for encodings; None if it fails."""
    headers = {"content-location": base} | ({"content-type": content_type} if content_type else {})
    try:
        return feedparser.parse(io.BytesIO(body), response_headers=headers)
    except Exception:  # On hostile bytes feedparser may raise internal errors (from re or codecs).
        return None


def read_xml(text: str, *, url: str, base: str, for_items: bool = False) -> Any:
    """Return feedparser's result for RSS, RDF or Atom. ``base``: the base of relative links; may be empty.

    ``for_items``: only what items are made from. Guids stay as written (feedparser turns guids such as "4711" into
    addresses, which would change if the feed moves), markup in texts is unchanged (items keep its plain text), and
    links may stay relative. Raises FeedError if it is not a feed, or so broken that nothing can be read.
    """
    if text.count("<") > MAX_MARKS:
        raise FeedError(url, f"more than {MAX_MARKS:,} elements: not read", kind=FailureKind.TOO_LARGE)
    text = mended(text)
    if for_items:
        text = _EMPTY_LINK.sub(r"<link>\1</link>", text)
        text = _GUID.sub(r'<\1 isPermaLink="false"\2>', text)
        # With a base, feedparser joins addresses at every element: a fifth of its time. Only elements with bases of
        # their own need it, as the items' links are joined by ``_joined``.
        base = base if "base" in text.lower() and _BASE.search(text) else ""
    # Given as a stream: feedparser would open a string as a file or address. Decoded here, so that its own rules for
    # encodings (which trust labels) play no part.
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": base}
    try:
        parsed: Any = feedparser.parse(
            io.BytesIO(text.encode("utf-8", "replace")),
            response_headers=headers,
            resolve_relative_uris=not for_items,
            sanitize_html=not for_items,
        )
    except Exception as error:  # As above: any error means that this text can't be read.
        raise FeedError(
            url, f"not a feed: could not be read ({type(error).__name__})", kind=FailureKind.NO_FEED
        ) from error
    root, entries = _root(text), parsed.get("entries") or []
    if not (parsed.get("version") or _looks_usable(root, entries)):
        kind = FailureKind.HTML if root in _HTML_ROOTS else FailureKind.NO_FEED
        raise FeedError(url, f"not a feed: {_looks_like(text)}", kind=kind)
    if parsed.get("bozo") and not entries and f"</{root}" not in text[-1_000:].lower():
        raise FeedError(url, "a feed that is cut short before its first item", kind=FailureKind.NO_FEED)
    return parsed


def _looks_usable(root: str, entries: list[Any]) -> bool:
    """Whether a document without a feed's version is a feed: feedparser finds items in nearly anything."""
    if root in (*_HTML_ROOTS, "opml", "svg"):
        return False
    return (root == "channel" and bool(entries)) or any(entry.get("title") or entry.get("link") for entry in entries)


def _after_prolog(text: str) -> str:
    """The text from its first element on, without declarations and comments before it."""
    start = text[:65_536]
    prolog = _PROLOG.match(start)
    return start[prolog.end() :] if prolog else start


def _root(text: str) -> str:
    """Return the name of the first element, lower case; empty if none begins the text."""
    root = _ROOT.match(_after_prolog(text))
    return root[1].lower() if root else ""


def _looks_like(text: str) -> str:
    start = _after_prolog(text)
    root = _ROOT.match(start)
    if not root:
        return "broken markup" if start.startswith("<") else "plain text"
    name = root[1].lower()
    if name in _HTML_ROOTS:
        return "an HTML page"
    if name == "opml":
        return "an OPML list of feeds"
    return f"XML but not a feed (its root element is {root[1][:60]})"
