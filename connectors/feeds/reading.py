"""Bytes to what feedparser makes of them, with the refusals that come before. Pure."""

from __future__ import annotations

import io
import re
from typing import Any

import feedparser

from connectors.http.packed import NotUnpacked, unpacked
from core.charset import Decoded, binary_kind, decode_body
from core.errors import FailureKind, FeedError

MAX_MARKS = 300_000
"""A feed with more ``<`` is refused: feedparser takes up to 40 µs for each, and a real feed of 5,000 items has 60,000."""

UNPACKED_BYTES = 20 << 20
"""Sitemaps are often stored as gzip files."""

_FAILS = (RecursionError, ValueError, AssertionError, LookupError, TypeError, AttributeError)
"""What feedparser raises for odd feeds."""

_HTML_ROOTS = ("html", "head", "body", "div", "p")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_NO_ELEMENT = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_GUID = re.compile(r"<((?:\w{1,20}:)?(?:guid|id))(?:\s[^<>]*?)?(/?)>", re.IGNORECASE)
_HTML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.DOTALL | re.IGNORECASE)


def bytes_of(body: bytes, *, url: str) -> bytes:
    """Unpack. Raises FeedError."""
    if not body.strip(b"\0 \t\r\n"):
        raise FeedError(url, "not a feed: empty", kind=FailureKind.NO_FEED)
    try:
        return unpacked(body, UNPACKED_BYTES)
    except NotUnpacked as error:
        raise FeedError(url, f"not a feed: {error}", kind=FailureKind.NO_FEED) from error


def text_of(body: bytes, *, url: str, content_type: str | None) -> Decoded:
    """Unpack and decode. Raises FeedError for what can be no feed by its first bytes."""
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


def read_as_sent(body: bytes, *, base: str, content_type: str | None) -> Any:
    """Give feedparser's result for the bytes as they came, its own rules for encodings included; None where it fails."""
    headers = {"content-location": base} | ({"content-type": content_type} if content_type else {})
    try:
        return feedparser.parse(io.BytesIO(body), response_headers=headers)
    except _FAILS:
        return None


def read_xml(text: str, *, url: str, base: str, own_ids: bool = False) -> Any:
    """Give feedparser's result for RSS, RDF or Atom. ``base`` is what relative links are relative to, may be empty.

    ``own_ids``: guids stay as they are written. feedparser makes addresses of guids like "4711"; then they would change when
    the feed moves. Raises FeedError for what is no feed, or is broken and gives nothing.
    """
    if text.count("<") > MAX_MARKS:
        raise FeedError(url, f"more than {MAX_MARKS:,} elements: not read", kind=FailureKind.TOO_LARGE)
    if own_ids:
        text = _GUID.sub(r'<\1 isPermaLink="false"\2>', text)
    # Given as a stream: feedparser would open a string as a file or address. Decoded here, so that its own rules for
    # encodings (which trust labels) play no part.
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": base}
    try:
        parsed: Any = feedparser.parse(io.BytesIO(text.encode("utf-8", "replace")), response_headers=headers)
    except _FAILS as error:
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
    """Whether what names no version of a feed is one: feedparser finds items in nearly anything."""
    if root in (*_HTML_ROOTS, "opml", "svg"):
        return False
    return (root == "channel" and bool(entries)) or any(entry.get("title") or entry.get("link") for entry in entries)


def _root(text: str) -> str:
    """Return the name of the first element, lower case; empty if none begins the text."""
    root = _ROOT.match(_NO_ELEMENT.sub("", text[:65_536]).lstrip())
    return root[1].lower() if root else ""


def _looks_like(text: str) -> str:
    start = _NO_ELEMENT.sub("", text[:65_536]).lstrip()
    root = _ROOT.match(start)
    if not root:
        return "broken markup" if start.startswith("<") else "plain text"
    name = root[1].lower()
    if name in _HTML_ROOTS:
        return "an HTML page"
    if name == "opml":
        return "an OPML list of feeds"
    return f"XML but no feed (its root element is {root[1][:60]})"
