"""An Atom feed of a subscription's alerts. Pure: the desk serves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from xml.etree import ElementTree as ET

from core.records import Alert, Subscription
from desk.delivery.render import pieces
from desk.terminal import harmless

NAMESPACE = "http://www.w3.org/2005/Atom"
MOST = 100
MEDIA_TYPE = "application/atom+xml; charset=utf-8"
# What XML 1.0 can't hold at all.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom_feed(subscription: Subscription, alerts: Sequence[Alert], *, self_url: str, desk_url: str = "") -> bytes:
    """The feed's XML, UTF-8: the newest alert first, at most 100. ``self_url`` is where it is served.

    Ids are those of the alerts, so a reader shows each once, however often the feed is made.
    """
    ET.register_namespace("", NAMESPACE)
    ordered = sorted(alerts, key=lambda one: (one.raised_at, one.id), reverse=True)[:MOST]
    feed = ET.Element(f"{{{NAMESPACE}}}feed")
    _add(feed, "id", f"urn:wirewatch:subscription:{_sayable(subscription.id)}")
    _add(feed, "title", f"Wirewatch: {harmless(subscription.name or subscription.id)}")
    updated = ordered[0].raised_at if ordered else datetime.fromtimestamp(subscription.saved_ms / 1000, UTC)
    _add(feed, "updated", _stamp(updated))
    _add(_add(feed, "author"), "name", "Wirewatch")
    _add(feed, "link", rel="self", href=self_url, type="application/atom+xml")
    if desk_url:
        _add(feed, "link", rel="alternate", href=desk_url, type="text/html")
    for alert in ordered:
        _entry(feed, alert, desk_url)
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def _entry(feed: ET.Element, alert: Alert, desk_url: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:wirewatch:alert:{alert.id}")
    prefix = {"retraction": "Retracted: ", "takedown": "Taken down: ", "correction": "Corrected: "}.get(
        alert.reason, ""
    )
    _add(entry, "title", prefix + harmless(alert.title))
    _add(entry, "updated", _stamp(alert.raised_at))
    if alert.published_at is not None:
        _add(entry, "published", _stamp(alert.published_at))
    if alert.url.startswith(("http://", "https://")):
        _add(entry, "link", rel="alternate", href=alert.url)
    if desk_url:
        _add(entry, "link", rel="related", href=f"{desk_url.rstrip('/')}/alerts/{alert.id}")
    _add(_add(entry, "author"), "name", harmless(alert.source) or "unknown")
    for topic in alert.topics:
        _add(entry, "category", term=_sayable(topic))
    _add(entry, "content", _content(alert), type="html")


def _content(alert: Alert) -> str:
    parts = []
    if alert.previous is not None or alert.reason != "story":
        parts.append("<ul>" + "".join(f"<li>{escape(harmless(one.text))}</li>" for one in alert.news) + "</ul>")
    for snippet in alert.snippets:
        shown = "".join(
            f"<mark>{escape(text)}</mark>" if marked else escape(text)
            for text, marked in pieces({"text": snippet.text, "spans": snippet.spans})
        )
        parts.append(f"<blockquote>{shown}</blockquote>")
    if alert.clause:
        parts.append(f"<p>Why: <code>{escape(harmless(alert.clause))}</code></p>")
    return "".join(parts)


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    safe = {key: _sayable(value) for key, value in attributes.items()}
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}", safe)
    child.text = None if text is None else _sayable(text)
    return child


def _sayable(text: str) -> str:
    return _UNSAYABLE.sub("\ufffd", text)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
