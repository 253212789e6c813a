"""The content of a feed, whatever its format. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from core.records import Claims, to_ms

MAX_TITLE = 2_000
MAX_SUMMARY = 20_000
MAX_URL = 4_096
MAX_AUTHORS = 50
MAX_NAME = 200

ITEM_PARAMETER = "wirewatch-item"
"""Query parameter in the artificial address of an item without one: the feed's address plus the item's key."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_GOOGLE = re.compile(r"(?:www\.)?google\.[a-z]{2,3}(?:\.[a-z]{2})?")


class FeedItem(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """An item with the feed's claims. ``title`` and ``summary`` are plain text; ``content`` is the full text, if given,
    verbatim: its markup may be hostile, its addresses relative.

    ``key`` identifies an item within the feed: a digest of the guid, or of the link or text if there is none. ``url``
    is absolute; if ``fetchable`` is False, the item has no address, and ``url`` is an artificial one. ``updated`` is
    verbatim; ``dated_ms`` is the first of the dates that can be read, in milliseconds since the epoch, UTC.
    """

    key: str
    url: str
    fetchable: bool = True
    content: str | None = None
    content_is_html: bool = False
    updated: str | None = None
    dated_ms: int | None = None


class ParsedFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed. ``format`` is like ``rss20``, ``atom10``, ``json11``, ``newssitemap``, ``sitemapindex``.

    ``items`` are in the feed's order, each key once. ``notes`` describe repairs and omissions in plain words.
    ``children`` are the sitemaps of an index, best first. ``hub`` is the feed's WebSub hub, ``topic`` the feed's
    address at the hub. ``moved_to``: the feed's announced new address (podcasts do that).
    """

    format: str
    title: str | None
    language: str | None
    items: tuple[FeedItem, ...]
    notes: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    hub: str | None = None
    topic: str | None = None
    moved_to: str | None = None


def build_items(drafts: Iterable[FeedItem], feed_url: str) -> tuple[FeedItem, ...]:
    """Give drafts their keys and addresses; duplicates are left out, and so are those without title, text and address.

    A draft's ``key`` is empty, and its ``url`` if it has none. A guid that several items share with different links
    does not identify them; then the link counts too. A guid with one link and three titles means nothing, nor does a
    link that several items share with different titles.
    """
    drafts = [draft for draft in drafts if draft.title or draft.summary or draft.content or draft.url]
    same = Counter((guid, url) for guid, url, _ in {(draft.guid, draft.url, draft.title) for draft in drafts})
    drafts = [
        msgspec.structs.replace(draft, guid=None) if draft.guid and same[draft.guid, draft.url] > 2 else draft
        for draft in drafts
    ]
    shared = Counter(guid for guid, _ in {(draft.guid, draft.url) for draft in drafts if draft.guid})
    titled = Counter(url for url, _ in {(draft.url, draft.title) for draft in drafts if draft.url and not draft.guid})
    items: dict[str, FeedItem] = {}
    for draft in drafts:
        if draft.guid:
            parts = ["guid", draft.guid] if shared[draft.guid] == 1 else ["guid", draft.guid, draft.url]
        elif draft.url:
            parts = ["url", draft.url] if titled[draft.url] == 1 else ["url", draft.url, draft.title or ""]
        else:
            parts = ["text", draft.title or "", draft.summary or draft.content or ""]
        key = _hash(*parts)
        url = draft.url or _made_up(feed_url, key)
        items.setdefault(key, msgspec.structs.replace(draft, key=key, url=url, fetchable=bool(draft.url)))
    return tuple(items.values())


def one_line(text: object, limit: int = MAX_TITLE) -> str | None:
    """Plain text on one line, at most ``limit`` characters; None if it is empty or not text."""
    if not isinstance(text, str):
        return None
    line = " ".join(sound(text[: limit * 4]).split())
    return line[:limit].rstrip() or None


def sound(text: str) -> str:
    """``text`` without control characters and lone surrogates."""
    if text.isprintable():
        # Neither is printable: nearly all short texts end here.
        return text
    return _CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8")


def web_address(url: object) -> str:
    """``url`` if it is an absolute http or https address of reasonable length, otherwise an empty string."""
    if not isinstance(url, str):
        return ""
    text = sound(url).strip()
    try:
        split = urlsplit(text)
        fine = split.scheme.lower() in ("http", "https") and bool(split.hostname) and len(text) <= MAX_URL
    except ValueError:
        return ""
    return text if fine else ""


def link_target(address: str) -> str:
    """The article's address in a Google redirect (``/url?url=…``), which Google Alerts' feeds use.

    Google's robots.txt disallows the redirect, so the page could not be fetched through it. Any other address is returned
    unchanged.
    """
    split = urlsplit(address)
    if split.path != "/url" or not _GOOGLE.fullmatch(split.hostname or ""):
        return address
    given = dict(parse_qsl(split.query))
    return web_address(given.get("url") or given.get("q")) or address


def iso_moment(text: str | None) -> datetime | None:
    """The moment of an ISO 8601 date, in UTC unless it has a zone; None if it is not one."""
    try:
        found = datetime.fromisoformat(text) if text else None
        return None if found is None else (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def first_ms(*dates: datetime | str | None) -> int | None:
    """The first date that can be read, in milliseconds; text must be ISO 8601."""
    moments = (iso_moment(date) if isinstance(date, str) else date for date in dates)
    return next((to_ms(moment) for moment in moments if moment is not None), None)


def _made_up(feed_url: str, key: str) -> str:
    split = urlsplit(feed_url)
    query = f"{split.query}&" if split.query else ""
    return urlunsplit(
        split._replace(query=f"{query}{ITEM_PARAMETER}={key}", fragment="", netloc=split.netloc.rpartition("@")[2])
    )


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
