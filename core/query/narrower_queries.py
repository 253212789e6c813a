"""Small changes to a query, each of which excludes a given article. Pure.

"This alert is not relevant" becomes a choice between a few narrower queries. A backtest shows what else each would
lose; this module only ensures that each parses and excludes the article.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import pairwise

import msgspec
import regex  # type: ignore[import-untyped]

from core.errors import QueryError
from core.query.ast import And, AtLeast, Lead, Near, Node, Not, Or, Phrase, Query, Term
from core.query.budget import NotDecided
from core.query.compile import compile_node, compile_query
from core.query.document import Document
from core.query.explain import format_node
from core.query.parse import parse
from core.records.article import Match
from core.saying import Said, counting, saying

MOST_PHRASES = 10
NEAR_DISTANCES = (40, 20, 10, 5, 2)
LEADS = (150, 60, 30)
MOST_COUNT = 6
SHORTEST = 4

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}'’-]*")


class Proposal(msgspec.Struct, frozen=True):
    """A narrower query. ``size``: number of added or changed words and operators; ``change`` describes the change in words.

    ``kind``: phrase, source, topic, title, lead, near, atleast.
    """

    size: int
    kind: str
    query: str
    change: Said


def narrower_queries(
    query: Query, document: Document, *, title: str, source: str = "", common: Container[str] = ()
) -> list[Proposal]:
    """Queries a little narrower than ``query`` that do not match ``document``, the smallest change first.

    Among changes of the same size, those with more specific words come first. Empty if ``document`` does not match
    ``query``, or if deciding that takes too many steps. ``title`` and ``source`` are the article's: phrases of its
    title that the query does not search for most often distinguish it from other articles. ``common``: lower-case words
    that do not distinguish articles; a phrase of only such words is not proposed.
    """
    found: dict[str, Proposal] = {}
    try:
        matches = compile_query(query).match(document)
        if matches is None:
            return []
        for one in _candidates(query, document, title, source, matches, common):
            if one.query not in found and _excludes(one.query, document):
                found[one.query] = one
    except NotDecided:
        # Proposals found so far are valid. The steps of all tries count together, so that a page does not wait long.
        pass
    return sorted(found.values(), key=lambda one: (one.size, one.kind))


def _excludes(text: str, document: Document) -> bool:
    try:
        return not compile_query(parse(text)).holds(document)
    except (QueryError, NotDecided):
        return False


def _candidates(
    query: Query, document: Document, title: str, source: str, matches: tuple[Match, ...], common: Container[str]
) -> Iterator[Proposal]:
    root = query.root
    for phrase in _phrases(title, matches, common):
        shown = format_node(parse(f'"{phrase}"').root)
        yield Proposal(
            2 + len(phrase.split()), "phrase", _but(root, shown), saying("not if it contains %(text)s", text=shown)
        )
    if source and _parses(source):
        asked = f'source:"{source.replace(chr(34), " ")}"'
        yield Proposal(3, "source", _but(root, asked), saying("not from %(name)s", name=source))
    for topic in document.metadata.get("topic", ()):
        yield Proposal(3, "topic", _but(root, f'topic:"{topic}"'), saying("not on the topic %(name)s", name=topic))
    for label in document.metadata.get("kind", ()):
        yield Proposal(
            3, "kind", _but(root, f'kind:"{label}"'), saying("not from outlets labelled %(name)s", name=label)
        )
    yield Proposal(2, "title", f"title:({format_node(root)})", saying("only in titles"))
    for count in LEADS:
        text = format_node(Lead(count=count, part=root))
        yield Proposal(2, "lead", text, saying("only within the first %(count)s words", count=count))
    for node, kind, change in _variants(root, document):
        yield Proposal(2, kind, format_node(node), change)


def _but(root: Node, refused: str) -> str:
    text, refused = format_node(root), format_node(parse(refused).root)
    return f"({text}) AND NOT {refused}" if isinstance(root, Or) else f"{text} AND NOT {refused}"


def _phrases(title: str, matches: tuple[Match, ...], common: Container[str]) -> list[str]:
    """Single words of the title that the query does not search for, then pairs of adjacent words; the most specific first.

    Names, which are written with a capital inside a title that is not all in capitals, come before other words, and long
    words before short ones.
    """
    taken = [(one.start, one.end) for one in matches if one.field == "title"]
    words = list(_WORD.finditer(title))
    free = [not any(found.start() < end and found.end() > start for start, end in taken) for found in words]
    telling = [found[0].lower() not in common for found in words]
    capital = [found[0][:1].isupper() for found in words]
    # In a title in which most words have capitals, these mean nothing.
    names = [at > 0 and one and 2 * sum(capital) <= len(words) for at, one in enumerate(capital)]
    ranks: dict[str, tuple[bool, int]] = {}
    pairs: list[str] = []
    for at, (found, ok) in enumerate(zip(words, free, strict=True)):
        if ok and telling[at] and len(found[0]) >= SHORTEST:
            ranks.setdefault(found[0], (not names[at], -len(found[0])))
        if at and ok and free[at - 1] and title[words[at - 1].end() : found.start()] == " ":
            long = max(len(words[at - 1][0]), len(found[0])) >= SHORTEST
            if telling[at - 1] and telling[at] and long:
                pairs.append(f"{words[at - 1][0]} {found[0]}")
    ordered = sorted(ranks, key=ranks.__getitem__)[: MOST_PHRASES // 2]
    ordered += sorted(dict.fromkeys(pairs), key=len, reverse=True)[: MOST_PHRASES - len(ordered)]
    return [one for one in ordered if _parses(one)]


def _parses(phrase: str) -> bool:
    try:
        parse(f'"{phrase}"')
    except QueryError:
        return False
    return True


def _variants(node: Node, document: Document) -> Iterator[tuple[Node, str, Said]]:
    """Variants of the tree with one part made stricter, so that this part no longer matches."""
    match node:
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            closer = (
                Near(left=left, right=right, distance=near, ordered=ordered)
                for near in range(min(distance, 60) - 1, -1, -1)
            )
            tighter = next((one for one in closer if not compile_node(one).holds(document)), None)
            if tighter is not None:
                yield (
                    tighter,
                    "near",
                    counting(
                        "at most %(num)s word between, not %(before)s",
                        "at most %(num)s words between, not %(before)s",
                        tighter.distance,
                        before=distance,
                    ),
                )
        case Term() | Phrase():
            for count in range(2, MOST_COUNT + 1):
                more = AtLeast(count=count, part=node)
                if not compile_node(more).holds(document):
                    yield (
                        more,
                        "atleast",
                        saying("%(text)s at least %(count)s times", text=format_node(node), count=count),
                    )
                    break
        case And(parts=parts) | Or(parts=parts):
            if isinstance(node, And):
                yield from _nearer(node, document)
            for place, part in enumerate(parts):
                if isinstance(part, Not) or not compile_node(part).holds(document):
                    continue
                for stricter, kind, change in _variants(part, document):
                    changed = (*parts[:place], stricter, *parts[place + 1 :])
                    yield type(node)(parts=changed), kind, change


def _nearer(node: And, document: Document) -> Iterator[tuple[Node, str, Said]]:
    """Variants in which two parts of an AND must be near each other."""
    places = [place for place, part in enumerate(node.parts) if isinstance(part, Term | Phrase | Or | Near)]
    for first, second in pairwise(places):
        left, right = node.parts[first], node.parts[second]
        for distance in NEAR_DISTANCES:
            near = Near(left=left, right=right, distance=distance, ordered=False)
            if compile_node(near).holds(document):
                continue
            rest = tuple(part for place, part in enumerate(node.parts) if place not in (first, second))
            whole = And(parts=(near, *rest)) if rest else near
            change = saying(
                "%(left)s within %(distance)s words of %(right)s",
                left=format_node(left),
                distance=distance,
                right=format_node(right),
            )
            yield whole, "near", change
            break
