"""JSON Feed 1.0 and 1.1. Pure.

It reads leniently, field by field: a value of the wrong type counts as missing, so one odd item does not spoil a feed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import msgspec

from connectors.feeds.article import looks_like_html, plain_text
from connectors.feeds.items import (
    MAX_AUTHORS,
    MAX_NAME,
    MAX_SUMMARY,
    FeedItem,
    ParsedFeed,
    build_items,
    first_ms,
    one_line,
    sound,
    web_address,
)
from core.counted import counted
from core.errors import FailureKind, FeedError

_VERSION = "jsonfeed.org/version/"


def parse_json_feed(text: str, *, url: str) -> ParsedFeed:
    """Parse a JSON Feed. Raises FeedError if it isn't one."""
    try:
        document: Any = msgspec.json.decode(text.encode("utf-8", "replace"))
    except msgspec.DecodeError as error:
        raise FeedError(url, f"not a feed: broken JSON ({error})", kind=FailureKind.NO_FEED) from error
    except RecursionError as error:
        raise FeedError(url, "not a feed: JSON nested too deep", kind=FailureKind.NO_FEED) from error
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, str) or _VERSION not in version:
        raise FeedError(url, "not a feed: JSON but not a JSON Feed", kind=FailureKind.NO_FEED)
    entries = document.get("items")
    entries = entries if isinstance(entries, list) else []
    objects = [entry for entry in entries if isinstance(entry, dict)]
    feed_language = one_line(document.get("language"), 35)
    feed_authors = _authors(document)
    items = build_items(_drafts(objects, url, feed_authors), url)
    notes = []
    if without := sum(not item.fetchable for item in items):
        notes.append(f"{without} of {len(items)} items have no link")
    if bad := len(entries) - len(objects):
        notes.append(f"{counted(bad, 'item')} left out: not objects")
    if len(items) < len(objects):
        notes.append(f"{counted(len(objects) - len(items), 'repeated or empty item')} left out")
    number = version.rpartition(_VERSION)[2].strip("/").replace(".", "")
    return ParsedFeed(
        format=f"json{number if number.isdigit() else ''}",
        title=one_line(document.get("title")),
        language=feed_language,
        items=items,
        notes=tuple(notes),
        hub=_hub(document),
        topic=web_address(document.get("feed_url")) or None,
    )


def _hub(document: dict[str, Any]) -> str | None:
    hubs = document.get("hubs")
    named = [hub for hub in hubs if isinstance(hub, dict)] if isinstance(hubs, list) else []
    return next(
        (address for hub in named if hub.get("type") == "WebSub" and (address := web_address(hub.get("url")))), None
    )


def _drafts(entries: list[dict[str, Any]], url: str, feed_authors: tuple[str, ...]) -> Iterator[FeedItem]:
    for entry in entries:
        html, text = entry.get("content_html"), entry.get("content_text")
        is_html = isinstance(html, str) and bool(html.strip())
        content = html if is_html else text
        summary = entry.get("summary")
        identity = entry.get("id")
        guid = one_line(str(identity) if isinstance(identity, int | float) else identity)
        yield FeedItem(
            key="",
            url=_link(url, entry.get("url")) or web_address(guid) or _link(url, entry.get("external_url")),
            guid=guid,
            title=one_line(entry.get("title")),
            summary=_plain(summary) if isinstance(summary, str) else None,
            content=sound(content) if isinstance(content, str) and content.strip() else None,
            content_is_html=is_html,
            authors=_authors(entry) or feed_authors,
            published=one_line(entry.get("date_published"), MAX_NAME),
            updated=one_line(entry.get("date_modified"), MAX_NAME),
            dated_ms=first_ms(
                one_line(entry.get("date_published"), MAX_NAME), one_line(entry.get("date_modified"), MAX_NAME)
            ),
            language=one_line(entry.get("language"), 35),
        )


def _link(base: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        return ""
    try:
        return web_address(urljoin(base, value.strip()))
    except ValueError:
        return ""


def _plain(summary: str) -> str | None:
    text = plain_text(summary) if looks_like_html(summary) else summary.strip()
    return sound(text)[:MAX_SUMMARY].rstrip() or None


def _authors(holder: dict[str, Any]) -> tuple[str, ...]:
    """Return ``authors`` of 1.1, or ``author`` of 1.0."""
    many = holder.get("authors")
    listed = many if isinstance(many, list) and many else [holder.get("author")]
    names = [line for author in listed if isinstance(author, dict) and (line := one_line(author.get("name"), MAX_NAME))]
    return tuple(dict.fromkeys(names))[:MAX_AUTHORS]
