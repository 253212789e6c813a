"""Atom feeds (RFC 4287) of stories, found articles and a subscription's alerts. Pure.

The id of a feed is the same for every reader, while ``self_url`` may contain a reader's token. The id of an entry is that of
the story, article or alert, so a feed reader shows each only once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple
from xml.etree import ElementTree as ET

from core.records import Alert, Subscription
from core.search import Hit
from desk.terminal import harmless
from desk.views.article_text import Span, in_context, marked, spans_in
from desk.views.cards import Card, opening
from desk.views.wording import iso

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml; charset=utf-8"
MOST_ALERTS = 100
# Characters that XML 1.0 can't contain at all.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREFIXES = {"retraction": "Retracted: ", "takedown": "Taken down: ", "correction": "Corrected: "}


class _Entry(NamedTuple):
    """One entry. Times are RFC 3339; ``links``: (relation, address); ``summary`` is text, ``content`` is HTML."""

    id: str
    title: str
    updated: str
    published: str | None
    links: Sequence[tuple[str, str]]
    author: str
    categories: Sequence[str]
    summary: str | None = None
    content: str | None = None


def stories_feed(cards: Sequence[Card], *, base_url: str, self_url: str, identity: str, now_ms: int) -> bytes:
    """The stories in the given order. ``base_url`` has no trailing slash."""
    updated = iso(max((card.last_ms for card in cards), default=now_ms))
    entries = (
        _Entry(
            f"urn:wirewatch:story:{card.id}",
            card.title,
            iso(card.last_ms),
            iso(card.first_ms),
            (("alternate", f"{base_url}/story/{card.id}"),),
            card.lead_outlet,
            card.topics,
            summary="".join(segment.text for segment in card.why),
        )
        for card in cards
    )
    return _feed("Wirewatch", identity, self_url, updated, entries)


def hits_feed(hits: Sequence[Hit], *, title: str, base_url: str, self_url: str, identity: str, now_ms: int) -> bytes:
    """The found articles in the given order. ``base_url`` has no trailing slash."""
    updated = iso(max((hit.article.time_ms for hit in hits), default=now_ms))
    return _feed(title, identity, self_url, updated, (_hit(hit, base_url) for hit in hits))


def alerts_feed(subscription: Subscription, alerts: Sequence[Alert], *, self_url: str, desk_url: str = "") -> bytes:
    """The alerts, newest first, at most 100."""
    ordered = sorted(alerts, key=lambda one: (one.raised_at, one.id), reverse=True)[:MOST_ALERTS]
    updated = ordered[0].raised_at if ordered else datetime.fromtimestamp(subscription.saved_ms / 1000, UTC)
    return _feed(
        f"Wirewatch: {harmless(subscription.name or subscription.id)}",
        f"urn:wirewatch:subscription:{subscription.id}",
        self_url,
        _stamp(updated),
        (_alert(one, desk_url.rstrip("/")) for one in ordered),
        alternate=desk_url,
    )


def _hit(hit: Hit, base_url: str) -> _Entry:
    one, moment = hit.article, iso(hit.article.time_ms)
    snippet = in_context(one.text, spans_in("text", hit.matches), context=120) or opening(one.text)
    return _Entry(
        f"urn:wirewatch:article:{one.id}:{one.version}",
        one.title,
        moment,
        moment,
        (("alternate", f"{base_url}/story/{one.story}?article={one.id}"),),
        one.source,
        one.topics,
        summary="".join(part.text for part in snippet),
    )


def _alert(alert: Alert, desk_url: str) -> _Entry:
    links = [("alternate", alert.url)] if alert.url.startswith(("http://", "https://")) else []
    links += [("related", f"{desk_url}/alerts/{alert.id}")] if desk_url else []
    return _Entry(
        f"urn:wirewatch:alert:{alert.id}",
        _PREFIXES.get(alert.reason, "") + harmless(alert.title),
        _stamp(alert.raised_at),
        _stamp(alert.published_at) if alert.published_at is not None else None,
        links,
        harmless(alert.source) or "unknown",
        alert.topics,
        content=_content(alert),
    )


def _content(alert: Alert) -> str:
    parts = []
    if alert.previous is not None or alert.reason != "story":
        parts.append("<ul>" + "".join(f"<li>{escape(harmless(one.text))}</li>" for one in alert.news) + "</ul>")
    for snippet in alert.snippets:
        segments = marked(snippet.text, [Span(start, end) for start, end in snippet.spans])
        texts = ((escape(harmless(one.text)), one.marked) for one in segments)
        shown = "".join(f"<mark>{text}</mark>" if is_marked else text for text, is_marked in texts)
        parts.append(f"<blockquote>{shown}</blockquote>")
    if alert.clause:
        parts.append(f"<p>Why: <code>{escape(harmless(alert.clause))}</code></p>")
    return "".join(parts)


def _feed(
    title: str, identity: str, self_url: str, updated: str, entries: Iterable[_Entry], *, alternate: str = ""
) -> bytes:
    ET.register_namespace("", NAMESPACE)
    feed = ET.Element(f"{{{NAMESPACE}}}feed")
    _add(feed, "id", identity)
    _add(feed, "title", title)
    _add(feed, "updated", updated)
    _add(_add(feed, "author"), "name", "Wirewatch")
    _add(feed, "link", rel="self", href=self_url, type="application/atom+xml")
    if alternate:
        _add(feed, "link", rel="alternate", href=alternate, type="text/html")
    for one in entries:
        entry = _add(feed, "entry")
        _add(entry, "id", one.id)
        _add(entry, "title", one.title)
        _add(entry, "updated", one.updated)
        if one.published is not None:
            _add(entry, "published", one.published)
        for relation, address in one.links:
            _add(entry, "link", rel=relation, href=address)
        _add(_add(entry, "author"), "name", one.author)
        for category in one.categories:
            _add(entry, "category", term=category)
        if one.summary is not None:
            _add(entry, "summary", one.summary)
        if one.content is not None:
            _add(entry, "content", one.content, type="html")
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    safe = {key: _NOT_XML.sub("\ufffd", value) for key, value in attributes.items()}
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}", safe)
    child.text = None if text is None else _NOT_XML.sub("\ufffd", text)
    return child


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
