"""An article as the matcher sees it: split into words once, with computed results cached for the next query.

Hits are *positional* (field, first and last place), not spans of characters, since distances, order and "first n words"
are counted in places. Only reported hits become a ``Match``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from heapq import nsmallest
from operator import itemgetter
from typing import Protocol

from core.query.ast import WHOLE_FIELDS
from core.query.budget import Budget
from core.query.text_field import TextField, beginning
from core.records.article import Article, Match

_BITS = 32
MASK = (1 << _BITS) - 1

Hits = tuple[int, ...]
"""Hits, ascending, without duplicates. Each is one integer made of field, first and last place: sets and sorts of
integers cost a third of those of tuples, and a document has about a thousand hits.
"""


def hit(field: int, first: int, last: int) -> int:
    """The hit at places ``first`` to ``last`` (both inclusive) of the field with this number."""
    return (field << _BITS | first) << _BITS | last


HEAD, _LONGER = 1 << 16, 4
"""Length of the first head of a long text, and the growth factor of further ones; see ``Document.first_hits``."""
_FIRST_OF_TITLE, _FIRST_OF_METADATA = hit(1, 0, 0), hit(2, 0, 0)
_ONE_PLACE = hit(0, 1, 1)


class Findable(Protocol):
    """A part of a query with places of its own. Hashed by identity."""

    def find(self, document: Document) -> Iterable[int]:
        """Its hits in ``document``, not cached, in any order or as Hits."""


class Shown(set[int]):
    """The hits to show for a match. The first ``most`` each in the text and in the rest are enough (None: all)."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most

    def take_of(self, hits: Callable[[Document], Hits], document: Document) -> None:
        """Add the hits of a leaf that can be among the first."""
        self.take(hits(document) if self.most is None else document.first_hits(hits, self.most))

    def take(self, hits: Hits) -> None:
        """Add the hits that can be among the first."""
        if self.most is None or len(hits) <= self.most:
            self.update(hits)
            return
        behind = bisect_left(hits, _FIRST_OF_TITLE)
        self.update(hits[: min(behind, self.most)])
        self.update(hits[behind : behind + self.most])


class Document:
    """Title, text and metadata of one article. Not thread-safe: it caches what it computes.

    ``language`` is an ISO 639-1 code, or None if unknown; ``topics`` are the names of the article's topics, ``labels``
    the labels of its outlet (``kind:``).
    """

    def __init__(
        self,
        title: str,
        text: str,
        *,
        source: str | None = None,
        language: str | None = None,
        topics: Sequence[str] = (),
        url: str | None = None,
        authors: Sequence[str] = (),
        labels: Sequence[str] = (),
    ) -> None:
        self.language = language
        self.fields = (TextField(0, "text", text, language), TextField(1, "title", title, language))
        self._sorted: list[str] | None = None
        self._longest: int | None = None
        self._stems: set[str] | None = None
        self.known_bigrams: set[str] | None = None
        """``bigrams`` if they were computed: they cost as much as searching for several dozen phrases."""
        self._prefixes: dict[int, set[str]] = {}
        self._words_hits: dict[str, Hits] = {}
        self._known_heads: list[Document] = []
        self.tell(source, topics, url, authors, labels)

    def tell(
        self,
        source: str | None,
        topics: Sequence[str],
        url: str | None,
        authors: Sequence[str],
        labels: Sequence[str] = (),
    ) -> None:
        """Set the metadata, and drop cached results that depend on it."""
        self._metadata = {
            "source": (source,) if source else (),
            "lang": (self.language,) if self.language else (),
            "topic": tuple(topics),
            "kind": tuple(labels),
            "url": (url,) if url else (),
            "author": tuple(authors),
        }
        self._scopes: dict[str | None, tuple[TextField, ...]] = {
            None: self.fields,
            "body": self.fields[:1],
            "title": self.fields[1:],
        }
        self._numbered = list(self.fields)
        self._matches = _Matches(self._numbered)
        self._hits: dict[Findable, Hits] = {}
        self.budget = Budget()
        """The budget of the current evaluation."""

    def of(self, article: Article, labels: Sequence[str] | None = None) -> Document:
        """A document with the same title and text and the article's metadata. Words are not split again.

        ``labels``: in place of the article's.
        """
        made = copy(self)
        topics = [topic.topic for topic in article.topics]
        made.tell(article.source, topics, article.url, article.authors, article.labels if labels is None else labels)
        return made

    def part(self, title: str, text: str) -> Document:
        """A part of the article as a separate document, with the same language and metadata."""
        part = Document(title, text, language=self.language)
        part._metadata = self._metadata
        return part

    @cached_property
    def words(self) -> set[str]:
        """The keys of all words of title and text."""
        text, title = self.fields
        return text.keys | title.keys if title.text else text.keys

    def cut(self) -> None:
        """Find the places of all words. Do it before using ``words``, which then costs nothing."""
        for field in self.fields:
            field.cut()

    @property
    def metadata(self) -> dict[str, tuple[str, ...]]:
        """The values of all fields other than title and text."""
        return self._metadata

    @property
    def bigrams(self) -> set[str]:
        """Keys of all pairs of adjacent words of title or text, joined by a space."""
        if self.known_bigrams is None:
            self.known_bigrams = set().union(*(field.bigrams for field in self.fields))
        return self.known_bigrams

    @property
    def written(self) -> set[str]:
        """The words of title and text as written: see ``TextField.all_written``."""
        return set().union(*(field.all_written for field in self.fields))

    @property
    def stems(self) -> set[str]:
        """The stems of all words of title and text, in the form of ``stems_in``."""
        if self._stems is None:
            self._stems = set().union(*(field.stems for field in self.fields))
        return self._stems

    def beginning(self, prefix: str) -> list[str]:
        """Keys of title and text that begin with ``prefix``, sorted."""
        if self._sorted is None:
            self._sorted = sorted(self.words)
        return beginning(self._sorted, prefix)

    def beginning_steps(self, prefix: str) -> int:
        """Steps for comparing one piece of a pattern with the words that begin with ``prefix``, by their number and length."""
        if self._longest is None:
            self._longest = max(map(len, self.words), default=0)
        number = len(self.beginning(prefix))
        letters = min(number * self._longest, len(self.fields[0].text) + len(self.fields[1].text))
        return number + letters // 64

    def prefixes(self, length: int) -> set[str]:
        """The first ``length`` letters of each word of title and text."""
        if (known := self._prefixes.get(length)) is None:
            known = self._prefixes[length] = set(map(itemgetter(slice(length)), self.words))
        return known

    def has_beginning(self, prefix: str) -> bool:
        """Whether a word of title or text begins with ``prefix``."""
        if (known := self._prefixes.get(len(prefix))) is not None:
            return prefix in known
        return bool(self.beginning(prefix))

    def scope(self, name: str | None) -> tuple[TextField, ...]:
        """The fields with this name, one for each value; None: title and text."""
        if (known := self._scopes.get(name)) is None:
            first = len(self._numbered)
            values = self._metadata[name or ""]
            # Metadata is often English, and never stemmed or stripped of particles.
            known = tuple(
                TextField(first + i, name or "", value, "", whole=name in WHOLE_FIELDS)
                for i, value in enumerate(values)
            )
            self._numbered += known
            self._scopes[name] = known
        return known

    def hits(self, node: Findable) -> Hits:
        """The hits of ``node``, computed once."""
        if (known := self._hits.get(node)) is None:
            found = node.find(self)
            known = self._hits[node] = found if isinstance(found, tuple) else tuple(sorted(set(found)))
        return known

    def first_hits(self, hits: Callable[[Document], Hits], most: int) -> Hits:
        """The hits of a leaf in title and text, as ``hits`` finds them; in the text at least the first ``most``.

        A long text is split from its beginning only as far as needed: a page of megabytes has a frequent word thousands
        of times.
        """
        for head in self._heads():
            found = hits(head)
            if bisect_left(found, _FIRST_OF_TITLE) >= most:
                return found
        return hits(self)

    def _heads(self) -> Iterator[Document]:
        """Longer and longer beginnings of a long text, as documents. They end before white space, which no word contains."""
        text, title = self.fields
        letters, number = HEAD, 0
        while letters * _LONGER < len(text.text):
            if number == len(self._known_heads):
                end = text.text.rfind(" ", 0, letters)
                self._known_heads.append(self.part(title.text, text.text[: max(end, 0)]))
            text.head = self._known_heads[number].fields[0].scan
            yield self._known_heads[number]
            letters, number = letters * _LONGER, number + 1

    def hits_beginning(self, prefix: str) -> Hits:
        """The hits of words of title and text that begin with ``prefix``."""
        found: list[int] = []
        for field, first in zip(self.fields, (0, _FIRST_OF_TITLE), strict=True):
            found += [first + place * _ONE_PLACE for place in field.places_beginning(prefix).tolist()]
        return tuple(found)

    def word_hits(self, key: str, width: int = 1) -> Hits:
        """The hits of the word ``key``, which is ``width`` places wide, in title and text."""
        if (known := self._words_hits.get(key)) is None:
            more = width - 1
            text, title = self.fields
            found = [place * _ONE_PLACE + more for place in text.postings.get(key, ())]
            if title.text and (places := title.postings.get(key)):
                found += [_FIRST_OF_TITLE + place * _ONE_PLACE + more for place in places]
            known = self._words_hits[key] = tuple(found)
        return known

    def matches_of(self, hits: set[int], *, shown: bool, most: int | None = None) -> tuple[Match, ...]:
        """The stretches of the original fields covered by the hits, sorted; with ``shown`` only those in title and text.

        At most the first ``most`` in each of these two.
        """
        if most is not None and len(hits) > most:
            of_text = (one for one in hits if one < _FIRST_OF_TITLE)
            others = (one for one in hits if one >= _FIRST_OF_TITLE)
            hits = {*nsmallest(most, of_text), *nsmallest(most, others)}
        ordered = sorted(hits)
        if shown:
            del ordered[bisect_left(ordered, _FIRST_OF_METADATA) :]
        return tuple(map(self._matches.__getitem__, ordered))


class _Matches(dict[int, Match]):
    """The Match for each hit, created once: a document has about a thousand, and many queries hit the same place."""

    def __init__(self, fields: list[TextField]) -> None:
        self._fields = fields

    def __missing__(self, found: int) -> Match:
        field = self._fields[found >> 2 * _BITS]
        start, end = field.span(found >> _BITS & MASK, found & MASK)
        self[found] = known = Match(field.name, start, end, field.text[start:end])
        return known


def document_of(article: Article) -> Document:
    """The article as a document for queries."""
    return text_of(article).of(article)


def text_of(article: Article) -> Document:
    """The article's title and text, without metadata, as a document for topics."""
    return Document(article.title, article.text, language=article.language)
