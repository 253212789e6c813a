"""feedparser, without the work of its own that grows with the square of what a feed holds.

It looks for a mail address in each author with a pattern that starts again at every letter (80,000 letters without an ``@``
take half a minute, in which Python runs nothing else), and compares each tag with all before it. Authors are cut off behind
what is ever kept of them, and a feed or item has only its first tags: nothing here reads them.

``tests/hostile/test_feed_elements.py`` feeds every element that feedparser handles.
"""

from __future__ import annotations

from typing import Any

import feedparser.api

AUTHOR_CHARS = 300
"""More than is kept of an author's name, so nothing is lost (``items.MAX_NAME``)."""


MOST_TAGS = 100


class _Limited:
    """Goes before feedparser's own classes."""

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()  # type: ignore[attr-defined]
        author = context.get(key)
        if isinstance(author, str) and len(author) > AUTHOR_CHARS:
            context[key] = author[:AUTHOR_CHARS]
        super()._sync_author_detail(key)  # type: ignore[misc]

    def _add_tag(self, term: Any, scheme: Any, label: Any) -> None:
        if len(self._get_context().get("tags", ())) < MOST_TAGS:  # type: ignore[attr-defined]
            super()._add_tag(term, scheme, label)  # type: ignore[misc]


def limit() -> None:
    """Let ``feedparser.parse`` use the limited parsers. Doing it twice is harmless."""
    for name in ("StrictFeedParser", "LooseFeedParser"):
        theirs = getattr(feedparser.api, name)
        if not issubclass(theirs, _Limited):
            setattr(feedparser.api, name, type(name, (_Limited, theirs), {}))
