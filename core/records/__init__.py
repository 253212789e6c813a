"""Records that cross process boundaries: frozen structs, versioned JSON on the wire, ids, canonical URLs.

Pure: no Beam, Kafka, SQL, files or clock. Times are UTC; event times are whole milliseconds since the epoch.
"""

from core.records.alert import Alert, Subscription
from core.records.article import Article, Match, SubscriptionMatch, TopicMatch
from core.records.identity import alert_id, article_id, canonical_url, raw_hash, version_hash
from core.records.raw import HttpFacts, OrderKey, Outcome, OutcomeKind, Position, RawArticle
from core.records.wire import decode, encode, from_ms, to_ms

__all__ = [
    "Alert",
    "Article",
    "HttpFacts",
    "Match",
    "OrderKey",
    "Outcome",
    "OutcomeKind",
    "Position",
    "RawArticle",
    "Subscription",
    "SubscriptionMatch",
    "TopicMatch",
    "alert_id",
    "article_id",
    "canonical_url",
    "decode",
    "encode",
    "from_ms",
    "raw_hash",
    "to_ms",
    "version_hash",
]
