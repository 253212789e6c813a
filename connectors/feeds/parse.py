"""Bytes to a feed. Pure: no network, no files, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from connectors.feeds.items import (
    MAX_AUTHORS,
    MAX_NAME,
    MAX_SUMMARY,
    FeedItem,
    ParsedFeed,
    build_items,
    one_line,
    sound,
    web_address,
)
from connectors.feeds.jsonfeed import parse_json_feed
from connectors.feeds.plain import looks_like_html, plain_text
from connectors.feeds.reading import is_json, is_sitemap, read_xml, text_of
from connectors.feeds.sitemap import parse_sitemap
from connectors.http.links import without_credentials


def parse_feed(body: bytes, *, url: str, content_type: str | None = None) -> ParsedFeed:
    """Parse RSS, RDF, Atom, JSON Feed or a sitemap. ``url`` is where it came from: the base of relative links,
    and for messages.

    Broken XML and wrong encodings are read as well as possible and noted in ``notes``. Raises FeedError for what is no
    feed, saying what it looks like.
    """
    url = without_credentials(url)  # else relative links would carry them into records
    text, encoding = text_of(body, url=url, content_type=content_type)
    if is_json(text):
        return parse_json_feed(text, url=url)
    if is_sitemap(text):
        return parse_sitemap(text, url=url)
    parsed = read_xml(text, url=url, base=url, own_ids=True)
    notes = []
    if parsed.get("bozo"):
        notes.append(f"not well-formed, read all the same: {one_line(str(parsed.get('bozo_exception')), 200)}")
    if encoding != "utf-8":
        notes.append(f"read as {encoding}")
    entries = parsed.get("entries") or []
    items = build_items(_drafts(entries, url), url)
    if without := sum(not item.fetchable for item in items):
        notes.append(f"{without} of {len(items)} items have no link")
    if len(items) < len(entries):
        notes.append(f"{len(entries) - len(items)} repeated items left out")
    about = parsed.get("feed") or {}
    return ParsedFeed(
        format=str(parsed.get("version") or "xml"),
        title=_title(about),
        language=_language(about.get("language")),
        items=items,
        notes=tuple(notes),
        hub=_related(about, "hub", url),
        topic=_related(about, "self", url),
    )


def _related(about: Any, rel: str, base: str) -> str | None:
    """Return the first link of this kind that the feed itself has."""
    for link in about.get("links") or ():
        if str(link.get("rel")).lower() == rel and (address := web_address(_joined(base, link.get("href")))):
            return address
    return None


def _drafts(entries: list[Any], url: str) -> Iterator[FeedItem]:
    for entry in entries:
        content, is_html = _content(entry)
        summary = entry.get("summary")
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
            authors=_authors(entry),
            published=one_line(entry.get("published"), MAX_NAME),
            # Not entry.get("updated"): where there is none, feedparser answers with "published".
            updated=one_line(dict.get(entry, "updated"), MAX_NAME),
            language=_language(parts[0].get("language") or detail.get("language")),
        )


def _link(entry: Any, base: str) -> str:
    guid = entry.get("id")
    if address := web_address(_joined(base, entry.get("link"))):
        return address
    # A guid is the address where there is no other, also one that says it is no permalink: trying it costs one request.
    return web_address(_joined(base, guid) if isinstance(guid, str) and guid.startswith("/") else guid)


def _joined(base: str, link: object) -> str:
    if not isinstance(link, str) or not link.strip():
        return ""
    try:
        return urljoin(base, link.strip())
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
                best, is_html = sound(value), "html" in kind or looks_like_html(value)
    return best, is_html


def _title(holder: Any) -> str | None:
    title = holder.get("title")
    detail = holder.get("title_detail") or {}
    if isinstance(title, str) and ("html" in str(detail.get("type")) or looks_like_html(title)):
        title = plain_text(title[: 4 * MAX_SUMMARY])
    return one_line(title)


def _plain(html: str) -> str | None:
    text = sound(plain_text(html) if looks_like_html(html) else html.strip())
    return text[:MAX_SUMMARY].rstrip() or None


def _authors(entry: Any) -> tuple[str, ...]:
    named = [author.get("name") for author in entry.get("authors") or () if hasattr(author, "get")]
    names = [line for name in (named if any(named) else [entry.get("author")]) if (line := one_line(name, MAX_NAME))]
    return tuple(dict.fromkeys(names))[:MAX_AUTHORS]


def _language(value: object) -> str | None:
    return one_line(value, 35)
