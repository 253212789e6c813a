"""The slow way to run a query: rewrites the tree by the language's laws, then tries every place.

It shares the cutting of words and the stemmer with the real one, and nothing else: no index, no sharing, no sorted lists.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import product
from typing import NamedTuple

from core.query.ast import (
    And,
    AtLeast,
    Cased,
    Exact,
    Field,
    Lead,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Stemmed,
    Term,
    WordPattern,
)
from core.query.folding import fold
from core.query.joints import forms_of
from core.query.stems import languages_of, stems
from core.query.words import query_words, scan
from core.records.article import Match

INVISIBLE = re.compile("[\u00ad\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


class Value(NamedTuple):
    """A field's value, and for each place its stretch and keys."""

    field: str
    number: int
    text: str
    places: list[tuple[int, int, set[str]]]
    language: str | None


class Meta(NamedTuple):
    source: str | None = None
    language: str | None = None
    topics: tuple[str, ...] = ()
    url: str | None = None
    authors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class SlowDocument:
    def __init__(self, title: str, text: str, meta: Meta = Meta()) -> None:  # noqa: B008
        texts = [("title", title), ("text", text)]
        texts += [
            ("source", meta.source or ""),
            ("url", meta.url or ""),
            *(("author", author) for author in meta.authors),
        ]
        self.values = []
        for field, value in texts:
            shown = field in ("title", "text")
            starts, ends, postings = scan(value, particles=shown and meta.language in (None, "ar", "he"))[:3]
            keys = [{key for key, places in postings.items() if place in places} for place in range(len(starts))]
            language = meta.language if shown else ""
            places = list(zip(starts, ends, keys, strict=True))
            self.values.append(Value(field, len(self.values), value, places, language))
        wholes = [("lang", meta.language or ""), *(("topic", topic) for topic in meta.topics)]
        for field, whole in [*wholes, *(("kind", label) for label in meta.labels)]:
            if whole:
                places = [(0, len(whole), {fold(whole)})]
                self.values.append(Value(field, len(self.values), whole, places, ""))


class Context(NamedTuple):
    fields: frozenset[str] = frozenset({"title", "text"})
    lead: int | None = None
    form: str = "folded"


class Leaf(NamedTuple):
    node: Term | Phrase
    context: Context


class Pair(NamedTuple):
    left: object
    right: object
    distance: int
    ordered: bool


class Any(NamedTuple):
    parts: tuple[object, ...]


class All(NamedTuple):
    parts: tuple[object, ...]


class Lacks(NamedTuple):
    part: object


class Often(NamedTuple):
    count: int
    part: object


def push(node: Node, context: Context, named: bool = False) -> object:
    """Functions down to the leaves; NEAR and ATLEAST in between AND, OR, NOT by the laws that ``ast`` states."""
    match node:
        case Term() | Phrase():
            return Leaf(node, context)
        case And(parts=parts):
            return All(tuple(push(part, context, named) for part in parts))
        case Or(parts=parts):
            return Any(tuple(push(part, context, named) for part in parts))
        case Not(part=part):
            return Lacks(push(part, context, named))
        case Cased(part=part):
            return push(part, context._replace(form="cased"), named)
        case Stemmed(part=part):
            return push(part, context._replace(form="stemmed"), named)
        case Lead(count=count, part=part):
            return push(part, context._replace(lead=min(count, context.lead or count)), named)
        case Field(name=name, part=part):
            field = frozenset({"text" if name == "body" else name})
            return push(part, context._replace(fields=field & context.fields if named else field), True)
        case AtLeast(count=count, part=part):
            return often(count, push(part, context, named))
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            return near(push(left, context, named), push(right, context, named), distance, ordered)
    raise AssertionError(node)


def placed(node: object) -> bool:
    return isinstance(node, Leaf | Pair) or (isinstance(node, Any) and all(map(placed, node.parts)))


def near(left: object, right: object, distance: int, ordered: bool) -> object:
    if placed(left) and placed(right):
        return Pair(left, right, distance, ordered)
    if placed(left):
        return spread(right, lambda part: near(left, part, distance, ordered))
    return spread(left, lambda part: near(part, right, distance, ordered))


def often(count: int, node: object) -> object:
    if placed(node):
        return Often(count, node)
    if isinstance(node, Often):
        return Often(max(count, node.count), node.part)
    return spread(node, lambda part: often(count, part))


def spread(node: object, apply):  # type: ignore[no-untyped-def]
    match node:
        case All(parts):
            return All(tuple(map(apply, parts)))
        case Any(parts):
            parts = flat(parts)
            together = tuple(part for part in parts if placed(part))
            others = [part for part in parts if not placed(part)]
            return Any(tuple(map(apply, [*([Any(together)] if together else []), *others])))
        case Lacks(part):
            return Lacks(apply(part))
        case Often(_, part):
            return All((node, apply(part)))
    raise AssertionError(node)


def flat(parts: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(leaf for part in parts for leaf in (flat(part.parts) if isinstance(part, Any) else (part,)))


def fits(word: WordPattern, key: str) -> bool:
    match word:
        case Exact(wanted, _):
            return key == wanted
        case Prefix(beginning):
            return key.startswith(beginning)
        case _:
            return shaped(word.pattern, key)


def shaped(pattern: str, word: str) -> bool:
    shape = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(shape, word, re.DOTALL) is not None


def visible(word: str) -> str:
    return unicodedata.normalize("NFC", INVISIBLE.sub("", re.sub("[’‘‛＇`´′]", "'", word)))


Hit = tuple[int, int, int]  # value, first place, last place
Evidence = frozenset[Hit]


def leaf(node: Leaf, document: SlowDocument) -> dict[Hit, Evidence]:
    found = {}
    term, (fields, lead, form) = node
    if form == "folded":
        for spelling in term.spellings:
            context = node.context._replace(fields=fields - {"lang", "topic", "kind"})
            found |= leaf(Leaf(Phrase(spelling, term.text), context), document)
    words = ((0, term.word),) if isinstance(term, Term) else term.words
    written = query_words(term.text)
    for value in document.values:
        if value.field not in fields:
            continue
        whole = value.field in ("lang", "topic", "kind")
        if whole:
            words = ((0, Exact(fold(term.text))),) if not set("*?") & set(term.text) else ((0, term.word),)
        for first in range(len(value.places)):
            last = first
            for i, (offset, word) in enumerate(words):
                here = first + offset
                if here >= len(value.places):
                    break
                start, end, keys = value.places[here]
                ok = any(fits(word, key) for key in keys)
                if not whole and form == "cased" and not written[i].unspaced:
                    ok = ok and any(shaped(written[i].written, visible(one)) for one in forms_of(value.text[start:end]))
                if not whole and form == "stemmed" and not written[i].unspaced:
                    meant = {
                        stem for one in languages_of(written[i].written) for stem in stems(written[i].written, one)
                    }
                    ok = ok or any(
                        not meant.isdisjoint(stems(one, value.language)) for one in forms_of(value.text[start:end])
                    )
                if not ok:
                    break
                last = here + (word.width if isinstance(word, Exact) else 1) - 1
            else:
                if lead is None or last < lead:
                    found[value.number, first, last] = frozenset({(value.number, first, last)})
    return found


def hits(node: object, document: SlowDocument) -> dict[Hit, Evidence]:
    """Stretches of a node that has places, each with the leaves' stretches that made it."""
    match node:
        case Leaf():
            return leaf(node, document)
        case Any(parts):
            found: dict[Hit, Evidence] = {}
            for part in parts:
                for hit, evidence in hits(part, document).items():
                    found[hit] = found.get(hit, frozenset()) | evidence
            return found
        case Pair(left, right, distance, ordered):
            found = {}
            for (one, why), (other, whynot) in product(hits(left, document).items(), hits(right, document).items()):
                if one[0] != other[0]:
                    continue
                after = 0 <= other[1] - one[2] - 1 <= distance
                before = 0 <= one[1] - other[2] - 1 <= distance and not ordered
                if after or before:
                    hit = (one[0], min(one[1], other[1]), max(one[2], other[2]))
                    found[hit] = found.get(hit, frozenset()) | why | whynot
            return found
    raise AssertionError(node)


def evaluate(node: object, document: SlowDocument) -> Evidence | None:
    match node:
        case Often(count, part):
            found = hits(part, document)
            return frozenset().union(*found.values()) if len(found) >= count else None
        case Lacks(part):
            return frozenset() if evaluate(part, document) is None else None
        case All(parts):
            results = [evaluate(part, document) for part in parts]
            return None if any(result is None for result in results) else frozenset().union(*(r for r in results if r))
        case Any(parts):
            shown = [result for part in parts if (result := evaluate(part, document)) is not None]
            return frozenset().union(*shown) if shown else None
    found = hits(node, document)
    return frozenset().union(*found.values()) if found else None


def matches(node: Node, title: str, text: str, meta: Meta = Meta()) -> tuple[Match, ...] | None:  # noqa: B008
    document = SlowDocument(title, text, meta)
    found = evaluate(push(node, Context()), document)
    if found is None:
        return None
    shown = set()
    for number, first, last in found:
        value = document.values[number]
        if value.field in ("title", "text"):
            start, end = value.places[first][0], value.places[last][1]
            shown.add(Match(value.field, start, end, value.text[start:end]))
    return tuple(sorted(shown))
