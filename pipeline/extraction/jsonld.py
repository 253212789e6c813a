"""Reads a page's JSON-LD leniently, follows references, and finds the node about this page's article.

``pipeline.extraction.lenient_json`` reads what is not quite JSON.

Which node is the page's own article is decided by evidence (``main_article``): whether it names the page's address, whether
its headline is one that the page shows, and where in the tree it stands. Items of lists, updates of a live blog and
related articles are articles too, but not this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml.html import HtmlElement

from core.records import canonical_url
from pipeline.extraction.lenient_json import read_json
from pipeline.extraction.values import plain_line
from pipeline.text.characters import folded

Node = Mapping[str, Any]

_MAX_NODES = 2_000
_MAX_LIST = 20
_MAX_DEPTH = 6
_MAX_CANDIDATES = 60

_ARTICLE_TYPE = re.compile(r"(?:^|[/:#])(?:\w*Article|\w*BlogPosting|SocialMediaPosting|Report|Review)$")
_PAGE_TYPE = re.compile(
    r"(?:^|[/:#])(?:WebPage|ItemPage|\w*Episode|VideoObject|CreativeWork|MediaObject|Recipe|HowTo)$"
)
# These keys contain other articles than the page's.
_OTHERS_KEYS = frozenset(
    {
        "itemlistelement", "liveblogupdate", "relatedlink", "related", "mentions", "citation", "isbasedon", "haspart",
        "ispartof", "about", "subjectof", "recordedat", "comment", "review", "publisher", "author", "significantlink",
        "video", "audio", "associatedmedia", "blogpost", "dataset",
    }
)  # fmt: skip
_NUMBER = re.compile(r"(?<!\d)\d{6,}(?!\d)")
_OWN_KEYS = frozenset({"@graph", "mainentity", "mainentityofpage", "@list", "@set"})


@dataclass(slots=True)
class LinkedData:
    """All nodes of a page's JSON-LD. ``others``: numbers of those below a list, a live blog or the like."""

    nodes: list[Node] = field(default_factory=list)
    others: set[int] = field(default_factory=set)
    by_id: dict[str, Node] = field(default_factory=dict)

    def resolved(self, value: object) -> object:
        """The node that a bare reference ({"@id": …}) names, or the value itself."""
        if isinstance(value, dict) and "@id" in value and len(value) <= 2 and isinstance(value["@id"], str):
            return self.by_id.get(value["@id"], value)
        return value


def read_linked_data(tree: HtmlElement) -> LinkedData:
    """Read all JSON-LD of a page, outermost nodes first. Sizes are bounded; what can't be read is left out."""
    found = LinkedData()
    budget = _MAX_NODES
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        level: list[tuple[Any, bool]] = [(value, False) for value in read_json(script.text or "")]
        while level:
            below: list[tuple[Any, bool]] = []
            for node, other in level:
                budget -= 1
                if budget < 0:
                    return found
                if isinstance(node, dict):
                    _keep(found, node, other=other)
                    below.extend(
                        (value, other or _leads_away(key, node))
                        for key, value in node.items()
                        if isinstance(value, dict | list)
                    )
                elif isinstance(node, list):
                    below.extend((value, other) for value in node if isinstance(value, dict | list))
            level = below
    return found


def _leads_away(key: object, node: Node) -> bool:
    name = str(key).rpartition(":")[2].lower()
    return name in _OTHERS_KEYS or (name not in _OWN_KEYS and is_article(node))


def _keep(found: LinkedData, node: Node, *, other: bool) -> None:
    if other:
        found.others.add(len(found.nodes))
    found.nodes.append(node)
    name = node.get("@id")
    # A reference is also a node; the one with the facts is kept.
    if isinstance(name, str) and len(node) > len(found.by_id.get(name, ())):
        found.by_id[name] = node


def is_article(node: Node) -> bool:
    """Whether the node is declared as an article."""
    return any(_ARTICLE_TYPE.search(kind) for kind in strings(node.get("@type")))


def is_article_type(kind: str) -> bool:
    """Whether a schema.org type is an article's or a page's."""
    kind = kind.strip().rstrip("/")
    return _ARTICLE_TYPE.search(kind) is not None or _PAGE_TYPE.search(kind) is not None


def main_article(data: LinkedData, url: str, shown: frozenset[str]) -> Node | None:
    """The node about this page's article; None if there is none.

    ``shown``: folded headlines of the page itself, as its headings, title and meta elements have them.
    """
    numbers = [number for number, node in enumerate(data.nodes) if is_article(node)][:_MAX_CANDIDATES]
    best = max(numbers, key=lambda number: (_score(data, number, url, shown), -number), default=None)
    return None if best is None or _score(data, best, url, shown) < 0 else data.nodes[best]


def page_node(data: LinkedData, url: str) -> Node | None:
    """The node about the page as such, or about the film or recipe that it is; None if there is none."""
    numbers = [
        number
        for number, node in enumerate(data.nodes)
        if number not in data.others and any(_PAGE_TYPE.search(kind) for kind in strings(node.get("@type")))
    ][:_MAX_CANDIDATES]
    return next((data.nodes[number] for number in numbers if names_page(data.nodes[number], url) is not False), None)


# The weight of each piece of evidence that a node is the page's own article.
_EVIDENCE = {
    "names this page": 8,
    "names another page": -6,
    "headline is shown": 8,
    "headline is shown in other words": 0,
    "headline is not shown": -3,
    "below a list or another article": -10,
    "has its text": 1,
    "has a headline": 1,
}


def _score(data: LinkedData, number: int, url: str, shown: frozenset[str]) -> int:
    node = data.nodes[number]
    evidence = ["below a list or another article"] if number in data.others else []
    named = names_page(node, url)
    if named is not None:
        evidence.append("names this page" if named else "names another page")
    headlines = [folded(plain_line(text)) for text in strings(node.get("headline")) or strings(node.get("name"))]
    if headlines := [text for text in headlines if text]:
        evidence.append("has a headline")
        if shown:
            seen = any(_alike(one, other) for one in headlines for other in shown)
            kin = seen or any(_in_other_words(one, other) for one in headlines for other in shown)
            evidence.append(
                "headline is shown" if seen else "headline is shown in other words" if kin else "headline is not shown"
            )
    if any(strings(node.get("articleBody"))):
        evidence.append("has its text")
    return sum(_EVIDENCE[one] for one in evidence)


_MIN_PARTS, _MIN_SHARED = 4, 0.6


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= 15 and short in long) or (" " in short and long.startswith(f"{short} "))


def _in_other_words(one: str, other: str) -> bool:
    """Whether most words of the shorter headline are the longer one's too, as of one written for search engines."""
    short, long = sorted((set(_parts(one)), set(_parts(other))), key=len)
    return len(short) >= _MIN_PARTS and len(short & long) >= _MIN_SHARED * len(short)


def _parts(headline: str) -> list[str]:
    words = headline.split()
    return words if len(words) > 2 else [headline[at : at + 2] for at in range(len(headline) - 1)]


def names_page(node: Node, url: str) -> bool | None:
    """Whether the addresses that the node names are the page's; None if it names none."""
    claims = [
        claim
        for key in ("url", "mainEntityOfPage", "@id")
        for value in _listed(node.get(key))
        for claim in (
            [value] if isinstance(value, str) else strings(value.get("@id")) if isinstance(value, dict) else ()
        )
    ]
    addresses = {canonical_url(urljoin(url, claim.partition("#")[0])) for claim in claims if _is_address(claim)}
    addresses = {address for address in addresses if address.count("/") > 3 or address.endswith("/") is False}
    if not addresses:
        return None
    # Slugs are rewritten with the headline; the number of the article stays.
    numbers = set(_NUMBER.findall(url))
    return canonical_url(url) in addresses or any(numbers & set(_NUMBER.findall(one)) for one in addresses)


def _is_address(claim: str) -> bool:
    return claim.startswith(("http://", "https://", "/")) and len(claim) < 2_000


def _listed(value: object) -> list[Any]:
    return value[:_MAX_LIST] if isinstance(value, list) else [value]


def strings(value: object, depth: int = 0) -> list[str]:
    """The strings in a value that may be one, several, an {"@value": …}, or something else altogether."""
    if isinstance(value, str):
        return [value]
    if depth >= _MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [item for part in value[:_MAX_LIST] for item in strings(part, depth + 1)]
    if isinstance(value, dict):
        held = value.get("@value", value.get("@list", value.get("@set")))
        return strings(held, depth + 1) if held is not None else []
    return []


@dataclass(frozen=True, slots=True)
class Name:
    """A name, and whether it is an organisation's (None: not said)."""

    text: str
    organisation: bool | None = None


def names(data: LinkedData, value: object, depth: int = 0) -> list[Name]:
    """The names in an author or publisher: a string, a node, a reference, or lists of these, however deep."""
    value = data.resolved(value)
    if isinstance(value, str):
        return [Name(value)] if value.strip() else []
    if depth >= _MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [name for part in value[:_MAX_LIST] for name in names(data, part, depth + 1)]
    if not isinstance(value, dict):
        return []
    kinds = strings(value.get("@type"))
    organisation = any("Organi" in kind for kind in kinds) if kinds else None
    for key in ("name", "@list", "@set", "legalName", "alternateName"):
        held = value.get(key)
        found = names(data, held, depth + 1) if held is not None else []
        if found:
            return [Name(one.text, one.organisation if one.organisation is not None else organisation) for one in found]
    whole = " ".join(
        part
        for key in ("givenName", "additionalName", "familyName")
        for part in strings(value.get(key))[:1]
        if part.strip()
    )
    if whole:
        return [Name(whole, organisation=False)]
    return [Name(text, organisation) for text in strings(value)]
