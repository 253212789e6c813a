"""Feeds: RSS, RDF, Atom and JSON Feed.

``parse`` (bytes → items) ► ``decide`` (what is new, what is due) ► ``connector`` (makes requests and carries out the
decisions). The first two are pure; ``cursor`` is the state between polls.
"""

from connectors.feeds.connector import FeedConnector
from connectors.feeds.cursor import FeedCursor, FeedFacts, ItemState
from connectors.feeds.decide import FeedPolicy
from connectors.feeds.items import FeedItem, ParsedFeed
from connectors.feeds.parse import parse_feed

__all__ = [
    "FeedConnector",
    "FeedCursor",
    "FeedFacts",
    "FeedItem",
    "FeedPolicy",
    "ItemState",
    "ParsedFeed",
    "parse_feed",
]
