"""Decides which article an address belongs to; its forms for print, mobile devices and sharing are one article. Pure.

A page may declare that its address is such a form of another one (``pipeline.extraction.addresses``). The article's id is that
of the first of its addresses; the other addresses are aliases, stored with the place of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from core.records import Article, article_id_at


class Alias(msgspec.Struct, frozen=True):
    """The address with the id ``alias`` belongs to the article with the id ``article``."""

    alias: str
    article: str


def addresses_of(article: Article) -> tuple[str, str]:
    """The ids of the fetched address and of the address that the page declares; usually the same."""
    return article.id, article_id_at(article.canonical_url)


def joined(
    article: Article, aliases: Mapping[str, str], has_versions: Callable[[str], bool]
) -> tuple[str, tuple[Alias, ...]]:
    """The id of the article that a record belongs to, and the aliases to store.

    ``aliases``: the stored aliases. Two articles that both have versions stay separate: a page that declares its own
    address too late does not join them.
    """
    fetched, named = addresses_of(article)
    for one in (fetched, named):
        if (known := aliases.get(one)) is not None:
            found = known
            break
        if has_versions(one):
            found = one
            break
    else:
        found = fetched
    new = {one for one in (fetched, named) if one != found and one not in aliases and not has_versions(one)}
    return found, tuple(Alias(one, found) for one in sorted(new))
