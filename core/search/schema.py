"""An article in the search index: its stored record, the fields of the inverted index, and the document with them.

=============================  ==================================================================================
title, text                    START, then keys of the words (``core.query.words``): position = place + 1
source, lang, topic, url,      keys of the words of this metadata field; values of one field are GAP places apart
author
stem                           stems of the words of title and text, each as ``language~stem``; LONG if a word was cut
often                          words that occur more than once in title and text together (``often_terms``), and pairs of
                               keys that share a place (``together``)
cased                          words of title and text as written, if that is not their key
is_source, is_lang, is_topic   whole values as written, for facets
from_source                    the source, case-folded, for filters, which ignore case
id, story_id                   article and story
sample                         one of SAMPLES numbers, by a hash of the id, for random samples
time, story, flags             event time in ms; hash of the story id; see BACKFILL and COPY
order                          ``order_of`` the article: by time, then by a hash of the id
record                         ``FoundArticle`` as MessagePack, stored
=============================  ==================================================================================

A term has at most LONGEST code points of its word, since hostile pages have words of megabytes. Raise VERSION with
every change here or in how words are split or stemmed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, combinations
from typing import NamedTuple

import msgspec
import tantivy

from core.query import Document
from core.query.ast import WHOLE_FIELDS
from core.query.folding import PARTICLES, as_written, fold
from core.query.joints import forms_of
from core.query.stems import stems_in
from core.query.words import scan
from core.records import OrderKey, to_ms

VERSION = 6
LONGEST = 120
LONG = "\N{HORIZONTAL ELLIPSIS}"
"""Ends a term that was cut; no key contains it."""
START = "^"
"""Precedes the first word of title and text, so that LEAD is a distance. No key contains it either."""
GAP = 100_000
"""Places between two values of one field: more than any phrase or NEAR can span."""
MOST_TIMES = 6
"""Above this the matcher decides: few queries need more, and each occurrence is a term."""
TIMES = "\N{MULTIPLICATION SIGN}"
"""Separates a word and its number; no key contains it."""
BESIDES = "\N{CIRCLED PLUS}"
"""Separates two keys of one place; no key contains it."""
BACKFILL, COPY = 1, 2
SAMPLES = 16
TIE_BITS, _LATEST_MS = 20, (1 << 43) - 1
"""Bits of a hash that order articles of one moment."""

METADATA = ("source", "lang", "topic", "url", "author")
Placed = str | tantivy.PreTokenizedString
"""Words with their places: one per place, separated by white space, or each with its place."""


class FoundArticle(msgspec.Struct, frozen=True, kw_only=True):
    """An article as stored in the index: enough to show, match and export it. ``time_ms`` is its event time."""

    id: str
    url: str
    title: str
    text: str
    source: str
    time_ms: int
    story: str
    version: int = 1
    language: str | None = None
    authors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    published_ms: int | None = None
    duplicate_of: str | None = None
    origin: str | None = None
    backfill: bool = False


class _Topic(msgspec.Struct):
    topic: str


class _Stored(msgspec.Struct):
    """The fields that are needed from a stored article's record; the others are not parsed."""

    id: str
    url: str
    title: str
    text: str
    source: str
    key: OrderKey
    version: int = 1
    language: str | None = None
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    topics: tuple[_Topic, ...] = ()
    duplicate_of: str | None = None
    origin: str | None = None
    story: str | None = None
    backfill: bool = False


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(FoundArticle)
_stored_decoder = msgspec.json.Decoder(_Stored)


def found_article(record: str) -> FoundArticle:
    """The article for a stored record. Raises msgspec.DecodeError."""
    one = _stored_decoder.decode(record)
    return FoundArticle(
        id=one.id,
        url=one.url,
        title=one.title,
        text=one.text,
        source=one.source,
        time_ms=one.key.time_ms,
        story=one.story or one.id,
        version=one.version,
        language=one.language,
        authors=one.authors,
        topics=tuple(topic.topic for topic in one.topics),
        published_ms=to_ms(one.published) if one.published else None,
        duplicate_of=one.duplicate_of,
        origin=one.origin,
        backfill=one.backfill,
    )


def document_of(article: FoundArticle, labels: Sequence[str] = ()) -> Document:
    """The article as the matcher sees it. ``labels``: those of its outlet, which the index does not store."""
    return Document(
        article.title,
        article.text,
        source=article.source,
        language=article.language,
        topics=article.topics,
        url=article.url,
        authors=article.authors,
        labels=labels,
    )


def build_schema() -> tantivy.Schema:
    """The schema of the index."""
    builder = tantivy.SchemaBuilder()
    for name in ("title", "text", *METADATA):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in ("stem", "cased", "often"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in ("is_source", "is_lang", "is_topic"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("id", "story_id", "from_source", "sample"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("time", "order"):
        builder.add_integer_field(name, indexed=False, fast=True)
    builder.add_unsigned_field("story", fast=True)
    builder.add_unsigned_field("flags", indexed=True, fast=True)
    builder.add_bytes_field("record", stored=True)
    return builder.build()


def term_of(word: str) -> str:
    """The term for a key, stem or written word."""
    return word if len(word) <= LONGEST else word[:LONGEST] + LONG


def story_number(story: str) -> int:
    """The 64-bit number for a story in the columns."""
    return _hash(story)


def order_of(time_ms: int, identity: str | None = None) -> int:
    """A number that sorts articles by event time, then by a hash; without ``identity`` the smallest of that time."""
    base = min(max(time_ms, 0), _LATEST_MS) << TIE_BITS
    if identity is None:
        return base
    return base | _hash(identity) >> (64 - TIE_BITS)


def time_of(order: int) -> int:
    """The event time of an ``order``, in ms."""
    return order >> TIE_BITS


class IndexedTerms(NamedTuple):
    """The terms of title and text. They are most of the work of indexing, and equal for articles with the same words."""

    title: Placed
    text: Placed
    stem: str
    cased: str
    often: str


def terms_of(title: str, text: str, language: str | None) -> IndexedTerms:
    """The terms of title and text in a document of this language."""
    placed: list[Placed] = []
    written: set[str] = set()
    counts: Counter[str] = Counter()
    shared: set[str] = set()
    for value in (title, text):
        places, words = _places(value, language in PARTICLES, counts)
        placed.append(_placed([START, *places] if places else places))
        written.update(chain.from_iterable(map(forms_of, words)))
        shared.update(_shared(places))
    cut = {LONG} if any(len(word) > LONGEST for word in written) else set()
    cased = {form for word in written if (form := _cased(word))}
    stems = " ".join(_stems(written, language) | cut)
    return IndexedTerms(placed[0], placed[1], stems, " ".join(cased), " ".join([*often_terms(counts), *sorted(shared)]))


def together(one: str, other: str) -> str:
    """The term in the field ``often`` of a document that has both keys at one place, such as a name with an apostrophe."""
    return BESIDES.join(sorted((one, other)))


def _shared(places: Sequence[tuple[str, ...] | str]) -> Iterator[str]:
    """The ``together`` terms of all places with several keys in alphabets; in other scripts, the index never decides a NEAR."""
    for keys in places:
        if isinstance(keys, tuple) and all(key < "\u0590" for key in keys):
            yield from (together(one, other) for one, other in combinations(keys, 2))


def often_terms(counts: Mapping[str, int]) -> Iterator[str]:
    """The terms in the field ``often``: for each term in ``counts``, one for each number from 2 to its count, at most
    MOST_TIMES.

    So ATLEAST/3 of one word is one term; for a list of words, any three of all their terms must be present.
    """
    for term, count in counts.items():
        for times in range(2, min(count, MOST_TIMES) + 1):
            yield f"{term}{TIMES}{times}"


def index_document(article: FoundArticle, terms: IndexedTerms | None = None) -> tantivy.Document:
    """The index document for ``article``. ``terms``: those of its title and text, if they are known."""
    document = tantivy.Document()
    for name, value in zip(
        IndexedTerms._fields, terms or terms_of(article.title, article.text, article.language), strict=True
    ):
        _add(document, name, value)
    values = {
        "source": (article.source,),
        "lang": (article.language,) if article.language else (),
        "topic": article.topics,
        "url": (article.url,),
        "author": article.authors,
    }
    for name, each in values.items():
        _add(document, name, _placed(_apart(name, each)))
    for name, each in (("is_source", values["source"]), ("is_lang", values["lang"]), ("is_topic", values["topic"])):
        for value in each:
            document.add_text(name, _sound(value))
    document.add_text("from_source", _sound(article.source.casefold()))
    document.add_text("id", _sound(article.id))
    document.add_text("story_id", _sound(article.story))
    document.add_text("sample", str(_hash(article.id) % SAMPLES))
    document.add_integer("time", article.time_ms)
    document.add_integer("order", order_of(article.time_ms, article.id))
    document.add_unsigned("story", story_number(article.story))
    document.add_unsigned("flags", BACKFILL * article.backfill | COPY * (article.duplicate_of is not None))
    document.add_bytes("record", _encoder.encode(article))
    return document


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def read_record(document: tantivy.Document) -> FoundArticle:
    """The article in an index document."""
    return _decoder.decode(document.get_first("record") or b"")


def _places(
    text: str, particles: bool, counts: Counter[str] | None = None
) -> tuple[Sequence[tuple[str, ...] | str], set[str]]:
    """The keys at each place (a string: its only key), and the words as written in the text.

    Adds the occurrences of each term to ``counts``.
    """
    starts, ends, postings = scan(text, particles)[:3]
    keys: list[tuple[str, ...] | str] = [""] * len(starts)
    for key, places in postings.items():
        term = term_of(key)
        if counts is not None:
            counts[term] += len(places)
        for place in places:
            known = keys[place]
            keys[place] = term if not known else (*((known,) if isinstance(known, str) else known), term)
    return keys, {text[start:end] for start, end in zip(starts, ends, strict=True)}


def _apart(name: str, values: Iterable[str]) -> Sequence[tuple[str, ...] | str]:
    found: list[tuple[str, ...] | str] = []
    for value in values:
        whole = [term] if (term := term_of(fold(value))) else []
        found += [*([()] if found else []), *(whole if name in WHOLE_FIELDS else _places(value, False)[0])]
    return found


def _placed(places: Sequence[tuple[str, ...] | str]) -> Placed:
    """The keys with their places. An empty tuple starts another value, GAP places later.

    Text that tantivy splits at white space takes a third of the time of tokens made here, and is equivalent if each
    place has one key.
    """
    if all(isinstance(keys, str) for keys in places):
        return " ".join(places)  # type: ignore[arg-type]
    tokens, place = [], 0
    for keys in places:
        if keys == ():
            place += GAP
        tokens += [tantivy.Token(key, place, 0, 0) for key in ((keys,) if isinstance(keys, str) else keys)]
        place += 1
    return tantivy.PreTokenizedString("", tokens)


def _add(document: tantivy.Document, name: str, value: Placed) -> None:
    if isinstance(value, tantivy.PreTokenizedString):
        document.add_pre_tokenized_text(name, value)
    elif value:
        document.add_text(name, value)


@lru_cache(maxsize=1 << 17)
def _cased(word: str) -> str:
    form = as_written(word)
    return term_of(form) if form != fold(word) else ""


def _stems(words: Iterable[str], language: str | None) -> set[str]:
    stems = stems_in(language)
    return {term_of(stem) for word in words for stem in stems[word]}


def _sound(text: str) -> str:
    """``text`` without lone surrogates, which the index does not accept."""
    return text.encode("utf-8", "replace").decode()
