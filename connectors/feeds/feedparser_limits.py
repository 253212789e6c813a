"""feedparser without its quadratic work.

It searches each author for a mail address with a pattern that restarts at every letter (80,000 letters without an ``@``
take half a minute, in which Python runs nothing else), and compares each tag with all before it. Here authors are
truncated to the length that is kept, and a feed or item keeps only its first tags, which Wirewatch does not read.

It takes the description of a picture or video (``media:description``) for a further description of the item, so a caption
becomes the item's text. Here it has a key of its own, and is the summary of an item without any (``summary_of``).

It also copies a dictionary at the end of each title and text, which is cheaper here if the dictionary holds only text.

``tests/hostile/test_feed_elements.py`` feeds every element that feedparser handles.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import feedparser.api
from feedparser.util import FeedParserDict

AUTHOR_CHARS = 300
"""More than is kept of an author's name, so nothing is lost (``items.MAX_NAME``)."""


MOST_TAGS = 100
_CAPTION = "media_description"


def summary_of(entry: Mapping[str, Any]) -> Any:
    """An entry's summary, or else the description of its picture or video; None if it has neither."""
    return entry.get("summary") or entry.get(_CAPTION)


class _Limited:
    """A mixin before feedparser's own classes."""

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()  # type: ignore[attr-defined]
        author = context.get(key)
        if isinstance(author, str) and len(author) > AUTHOR_CHARS:
            context[key] = author[:AUTHOR_CHARS]
        super()._sync_author_detail(key)  # type: ignore[misc]

    def _start_media_description(self, _attributes: Any) -> None:
        self.push(_CAPTION, 1)  # type: ignore[attr-defined]

    def _end_media_description(self) -> None:
        self.pop(_CAPTION)  # type: ignore[attr-defined]

    def _add_tag(self, term: Any, scheme: Any, label: Any) -> None:
        if len(self._get_context().get("tags", ())) < MOST_TAGS:  # type: ignore[attr-defined]
            super()._add_tag(term, scheme, label)  # type: ignore[misc]


def _copied(self: FeedParserDict, memo: dict[int, Any]) -> FeedParserDict:
    """The same as ``copy.deepcopy``, but without examining each value if the dictionary contains only text.

    It saves a thirtieth of a first poll.
    """
    if all(type(value) is str or value is None for value in self.values()):
        return FeedParserDict(self)
    return FeedParserDict({key: copy.deepcopy(value, memo) for key, value in self.items()})


_PARSERS = ("StrictFeedParser", "LooseFeedParser")
_THEIRS = {name: getattr(feedparser.api, name) for name in _PARSERS}
_LIMITED = {name: type(name, (_Limited, theirs), {}) for name, theirs in _THEIRS.items()}


def limit() -> None:
    """Make ``feedparser.parse`` use the limited parsers and the cheaper copies. Calling it twice is harmless."""
    for name, limited in _LIMITED.items():
        setattr(feedparser.api, name, limited)
    FeedParserDict.__deepcopy__ = _copied


@contextmanager
def unlimited() -> Iterator[None]:
    """The original ``feedparser.parse``, in all threads, for benches and tests that compare with it."""
    for name, theirs in _THEIRS.items():
        setattr(feedparser.api, name, theirs)
    if "__deepcopy__" in vars(FeedParserDict):
        del FeedParserDict.__deepcopy__
    try:
        yield
    finally:
        limit()
