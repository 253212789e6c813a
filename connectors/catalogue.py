"""The catalogue of public feeds that comes with Wirewatch, and its check.

``catalogue.toml`` records for each feed where its address was found. None was polled when the list was made: a feed
counts as unverified until ``wirewatch feed check`` or a poll has read it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from connectors.feeds.items import web_address
from connectors.store.rows import FeedAbout
from core.errors import InputError

FILE = Path(__file__).with_name("catalogue.toml")


class CatalogueFeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed. ``source`` is the outlet's id in records; ``country`` ISO 3166 (INT: of no one country), ``language`` ISO
    639-1. ``kind``: agency, state (owned or steered by one), independent, official (a body's own site), analysis.
    ``found``: key of a list in the file, where the address was found.
    """

    url: str
    source: str
    outlet: str
    country: str
    language: str
    kind: Literal["agency", "state", "independent", "official", "analysis"]
    topics: tuple[str, ...]
    found: str

    def about(self) -> FeedAbout:
        """The facts that the store keeps."""
        return FeedAbout(
            outlet=self.outlet, country=self.country, language=self.language, kind=self.kind, topics=self.topics
        )


class FoundIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public list: repository, path in it, and the commit that was read."""

    repository: str
    path: str
    commit: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole catalogue. ``lists``: by the key in the feeds' ``found``."""

    lists: dict[str, FoundIn]
    feed: tuple[CatalogueFeed, ...]

    def chosen(self, topics: Sequence[str] = ()) -> list[CatalogueFeed]:
        """Feeds with any of the topics; all if none is given. Raises InputError for a topic that no feed has."""
        known = sorted({topic for feed in self.feed for topic in feed.topics})
        for topic in topics:
            if topic not in known:
                raise InputError(
                    topic, "no feed of the catalogue has this topic", hint=f"its topics: {', '.join(known)}"
                )
        return [feed for feed in self.feed if not topics or set(topics) & set(feed.topics)]


def load_catalogue(file: Path = FILE) -> Catalogue:
    """Read and check a catalogue. Raises InputError naming the file and the wrong feed."""
    try:
        values = tomllib.loads(file.read_text("utf-8"))
        catalogue = msgspec.convert(values, Catalogue)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(file.name, str(error)) from error
    seen: set[str] = set()
    for feed in catalogue.feed:
        problem = _problem(feed, catalogue, seen)
        if problem:
            raise InputError(file.name, f"{feed.url or feed.outlet}: {problem}")
        seen.add(feed.url)
    return catalogue


def _problem(feed: CatalogueFeed, catalogue: Catalogue, seen: set[str]) -> str | None:
    if web_address(feed.url) != feed.url:
        return "not an http or https address"
    if feed.url in seen:
        return "listed twice"
    if not (len(feed.country) in (2, 3) and feed.country.isascii() and feed.country.isupper()):
        return f"{feed.country!r} is not a country code"
    if not (len(feed.language) == 2 and feed.language.isascii() and feed.language.islower()):
        return f"{feed.language!r} is not a language code"
    if feed.found not in catalogue.lists:
        return f"found in {feed.found!r}, which is not a list of this file"
    if not feed.source or not feed.outlet or not feed.topics:
        return "source, outlet and topics must not be empty"
    return None
