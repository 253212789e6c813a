"""Records that cross process boundaries: frozen structs, versioned JSON on the wire, ids, canonical URLs.

Pure: no Beam, Kafka, SQL, files or clock. Times are UTC; event times are whole milliseconds since the epoch.
"""

from core.records.alert import Alert, Subscription
from core.records.article import Article, Match, SubscriptionMatch, TopicMatch
from core.records.identity import alert_id, article_id, article_id_at, canonical_url, raw_hash, version_hash
from core.records.raw import Claims, HttpFacts, OrderKey, Outcome, OutcomeKind, Position, RawArticle, claims_of
from core.records.wire import decode, encode, from_ms, to_ms

__all__ = [
    "Alert",
    "Article",
    "Claims",
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
    "article_id_at",
    "canonical_url",
    "claims_of",
    "decode",
    "encode",
    "from_ms",
    "raw_hash",
    "to_ms",
    "version_hash",
]
