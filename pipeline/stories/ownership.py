"""Which records may change an article: those from its outlet, and from the source that had it first. Pure.

An article's id is that of its address, and any feed can list any address, with its own title, text and correction. So a
record from another site's feed is not a version of an existing article: otherwise it could retract or rewrite another
outlet's news.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from core.records import Article, canonical_url


def may_change(article: Article, source: str) -> bool:
    """Whether a record can be a version of an article whose latest version came from ``source``.

    It can if it is from the same source, from no feed (pushed or imported), or from a feed of the article's own site.
    """
    return article.source == source or article.feed_url is None or _one_site(article.url, article.feed_url)


def _one_site(one: str, other: str) -> bool:
    """Whether two addresses have the same host, or one host is a subdomain of the other."""
    first, second = _host(one), _host(other)
    if not first or not second:
        return False
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")


def _host(address: str) -> str:
    """The host of the canonical address, so that an address of a cache or a mobile site has the article's host."""
    try:
        return urlsplit(canonical_url(address)).hostname or ""
    except ValueError:
        return ""
