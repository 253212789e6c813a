"""Ids by hash: the same input gives the same id on every machine, in every run.

See docs/architecture.md, "Records, ids and times".

BLAKE2b cut to 128 bits, as 32 hex digits. Parts are separated by a NUL, which no part may need to contain to be told
apart from its neighbours.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from core.records.urls import canonical_url

_SPACE = re.compile(r"\s+")


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def article_id(url: str) -> str:
    """Id of the article at ``url`` (final, after redirects): also the key of its records on the raw stream."""
    return _digest("article", canonical_url(url))


def raw_hash(value: bytes) -> str:
    """Digest of a raw record's bytes: the tie-breaker of the order key."""
    return hashlib.blake2b(value, digest_size=16).hexdigest()


def version_hash(title: str, text: str) -> str:
    """Digest of what a reader sees: title and text in NFKC with runs of white space made one space."""
    normal = (_SPACE.sub(" ", unicodedata.normalize("NFKC", part)).strip() for part in (title, text))
    return _digest("version", *normal)


def alert_id(subscription: str, story: str, reason: str, parameter: str = "") -> str:
    """Id of an alert: the same news for the same subscription is one alert, however often it is worked out."""
    return _digest("alert", subscription, story, reason, parameter)
