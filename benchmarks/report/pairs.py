"""What the short form measures: each part of the product that costs time, beside what a page of Python would do instead."""

from __future__ import annotations

import itertools
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from itertools import islice
from pathlib import Path

import feedparser
import tantivy
import trafilatura

from benchmarks.connect.server import feed_body
from benchmarks.match.generate import Desk
from benchmarks.report.alternate import Pair
from benchmarks.report.pages import envelopes, numbered, raw_pages
from benchmarks.search.world import DAY_MS, END_MS
from benchmarks.search.world import DAYS as WORLD_DAYS
from benchmarks.search.world import World as SearchWorld
from benchmarks.stories.peer import SIGNATURE_BYTES, PlainIndex
from benchmarks.stories.world import World
from connectors.feeds.feedparser_limits import unlimited
from connectors.feeds.parse import parse_feed
from core.errors import ExtractionError
from core.query import Document, QueryIndex, compile_query, parse
from core.records import Article
from core.search import SearchIndex
from core.search.schema import FoundArticle, build_schema, index_document
from core.streams import NewRecord, create_stream
from core.topics import Tagger, builtin_topics
from pipeline.drafts.kept import Keeping
from pipeline.elements import Draft
from pipeline.stories.features import LAYOUT
from pipeline.stories.index import StoryIndex
from pipeline.stories.stage import StoryStage
from pipeline.transforms.prepare import extract_raw, prepare
from pipeline.transforms.record import RecordWork

TRAFILATURA = "bare `trafilatura.extract`"
_WORDS = re.compile(r"\w+")
_WINDOW, _STORIES_A_ROUND, _PLAIN_QUESTIONS = 3_000, 40, 1_000
_QUERIES, _DOCUMENTS = 2_000, 12
_FOUND_ARTICLES, _FEEDS, _RECORDS = 1_500, 12, 200
_SEARCHES = {
    "government": "government",
    '"black sea"': '"black sea"',
    "grain AND (shipping OR ports)": "grain AND (shipping OR ports)",
    "Kyiv NOT (talks OR attack)": "Kyiv NOT (talks OR attack)",
    "title:(Syria OR Kyiv)": "title : (Syria OR Kyiv)",
    "sanct* AND gov*": "sanct* AND gov*",
}
"""A query in our language and in that of SQLite's FTS5."""


def pairs(scratch: Path, stack: ExitStack, parts: Collection[str]) -> Iterator[Pair]:
    """The pairs of these ``PARTS``, each built when it is asked for.

    ``scratch``: an empty folder; ``stack`` closes what they open.
    """
    for name, built in PARTS.items():
        if name in parts:
            yield built(scratch, stack)


def _over(items: Sequence[object], work: Callable[[object], object]) -> Callable[[int], int]:
    def once(_number: int) -> int:
        for one in items:
            work(one)
        return len(items)

    return once


def _bare(_number: int) -> int:
    for raw in raw_pages():
        trafilatura.extract(raw.html or "")
    return len(raw_pages())


def _extraction() -> Pair:
    def ours(_number: int) -> int:
        for raw in raw_pages():
            # A page that gives no article takes time too.
            with suppress(ExtractionError):
                extract_raw(raw)
        return len(raw_pages())

    return Pair("extraction", "text, title, authors, dates, walls of a page", TRAFILATURA, ours, _bare, 1.15)


def _preparation() -> Pair:
    turns = itertools.count(1)

    def ours(_number: int) -> int:
        # Others in each turn: the encoder remembers texts.
        turn = next(turns)
        for one in envelopes():
            prepare(numbered(one, turn), extract_raw)
        return len(envelopes())

    return Pair("preparation", "extraction, language, vector and features of a page", TRAFILATURA, ours, _bare, 0.95)


def _kept(scratch: Path) -> Pair:
    work = RecordWork(keeping=Keeping(str(scratch / "drafts.db"), 1 << 30, on_stream=False))
    for one in envelopes():
        work.do(one)
    ours = _over(envelopes(), work.do)  # type: ignore[arg-type]
    return Pair("kept drafts", "a page that was prepared before", TRAFILATURA, ours, _bare, 10)


def _articles() -> list[Article]:
    drafts = (prepare(one, extract_raw).draft.article for one in envelopes())
    return [one for one in drafts if one is not None]


def _topics() -> Pair:
    tagger, articles = Tagger(builtin_topics()), _articles()

    def ours(_number: int) -> int:
        for one in articles:
            tagger.tag(one.title, one.text, one.language or "en")
        return len(articles)

    def peer(_number: int) -> int:
        for one in articles:
            for _ in tagger.topics:
                {word.casefold() for word in _WORDS.findall(one.text)}
        return len(articles)

    return Pair("topics", "an article scored for all topics", "`\\w+` and a set of words for each topic", ours, peer)


def _matching() -> Pair:
    texts = [f"{one.title}\n{one.text}" for one in islice(_searched(4), 200) if one.language == "en"]
    desk, index = Desk(texts, random.Random(3)), QueryIndex[int]()
    queries = [parse(desk.query()[1]) for _ in range(_QUERIES)]
    compiled = [compile_query(query) for query in queries]
    for number, query in enumerate(queries):
        index.add(number, query)
    texts = texts[:_DOCUMENTS]

    def ours(_number: int) -> int:
        for text in texts:
            index.matching(Document("", text, language="en"))
        return len(texts)

    def peer(_number: int) -> int:
        for text in texts:
            document = Document("", text, language="en")
            [number for number, one in enumerate(compiled) if one.holds(document)]
        return len(texts)

    return Pair("matching", f"an article and {_QUERIES:,} stored queries", "each query run by itself", ours, peer)


def _stories() -> Pair:
    world, index, plain = World(), StoryIndex(72 * 3_600_000), PlainIndex()
    apart = 72 * 3_600_000 / (3 * _WINDOW)
    offset = int((LAYOUT.fields or {})["signature"][1])
    for number in range(_WINDOW):
        entry = world.entry(number, apart)
        index.add(entry)
        plain.add(entry, entry.fingerprint[offset : offset + SIGNATURE_BYTES])
    stage = StoryStage(index)
    coming: Iterator[Draft] = world.drafts(_WINDOW, _WINDOW, apart)
    asked = [draft for draft in world.drafts(_PLAIN_QUESTIONS, 3 * _WINDOW, apart) if draft.article is not None]

    def ours(_number: int) -> int:
        stage.handle(list(islice(coming, _STORIES_A_ROUND)), done={}, histories={}, last_key=None)
        return _STORIES_A_ROUND

    def peer(_number: int) -> int:
        for draft in asked:
            if draft.article is not None:
                plain.copy_of(draft.article.fingerprint[offset : offset + SIGNATURE_BYTES], draft.key)
        return len(asked)

    what = f"version, copy and story decided, {_WINDOW:,} articles in the window"
    return Pair("stories", what, "an index of MinHash bands that finds copies only", ours, peer)


def _searched(seed: int) -> Iterator[FoundArticle]:
    world = SearchWorld(_FOUND_ARTICLES, seed)
    return (article for _, article in world.articles(world.texts()))


def _search(scratch: Path, stack: ExitStack) -> Pair:
    folder = scratch / "search"
    folder.mkdir()
    made = tantivy.Index(build_schema(), path=str(folder))
    writer = made.writer(60 << 20, 1)
    plain = stack.enter_context(closing(sqlite3.connect(":memory:")))
    plain.execute("CREATE VIRTUAL TABLE articles USING fts5(title, text, source UNINDEXED, time UNINDEXED)")
    for article in _searched(11):
        writer.add_document(index_document(article))
        plain.execute(
            "INSERT INTO articles VALUES (?, ?, ?, ?)", (article.title, article.text, article.source, article.time_ms)
        )
    writer.commit()
    writer.wait_merging_threads()
    index = SearchIndex(folder)

    def ours(number: int) -> int:
        for query in _SEARCHES:
            # Another period each time, so that nothing is answered from memory.
            index.search(query, since_ms=END_MS - WORLD_DAYS * DAY_MS + number)
        return len(_SEARCHES)

    def peer(number: int) -> int:
        for query in _SEARCHES.values():
            given = (query, number)
            plain.execute("SELECT count(*) FROM articles WHERE articles MATCH ? AND time > ?", given).fetchall()
            plain.execute(
                "SELECT source, count(*) FROM articles WHERE articles MATCH ? AND time > ? GROUP BY source", given
            ).fetchall()
            plain.execute(
                "SELECT highlight(articles, 1, '[', ']'), time FROM articles WHERE articles MATCH ? AND time > ? "
                "ORDER BY time DESC LIMIT 20",
                given,
            ).fetchall()
        return len(_SEARCHES)

    what = f"a first page with marks, total, facets and volume, of {_FOUND_ARTICLES:,} articles"
    return Pair("search", what, "SQLite's FTS5: page with marks, total, one facet", ours, peer)


def _feeds() -> Pair:
    bodies = [feed_body(number, 1)[0] for number in range(_FEEDS)]
    ours = _over(bodies, lambda body: parse_feed(body, url="https://outlet.example/feed"))  # type: ignore[arg-type]
    bare = _over(bodies, feedparser.parse)

    def peer(number: int) -> int:
        with unlimited():
            return bare(number)

    return Pair("feeds", "a feed of 20 items read", "bare `feedparser.parse`", ours, peer)


def _stream(scratch: Path, stack: ExitStack) -> Pair:
    stream = stack.enter_context(create_stream(f"sqlite:///{scratch / 'streams.db'}", "raw", 4))
    plain = stack.enter_context(closing(sqlite3.connect(scratch / "plain.db")))
    plain.execute("PRAGMA journal_mode = WAL")
    plain.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, value BLOB)")
    values = [one.value for one in islice(envelopes(), 10)]

    def ours(number: int) -> int:
        stream.append([NewRecord(f"{number} {one}".encode(), values[one % 10]) for one in range(_RECORDS)])
        offsets = {part: end - _RECORDS // 8 for part, end in stream.end_offsets(stream.partitions()).items()}
        # A value is unpacked when it is used.
        return _RECORDS + sum(len(record.value) > 0 for record in stream.read(offsets))

    def peer(_number: int) -> int:
        with plain:
            plain.executemany(
                "INSERT INTO records (value) VALUES (?)", [(values[one % 10],) for one in range(_RECORDS)]
            )
        found = plain.execute("SELECT value FROM records ORDER BY number DESC LIMIT ?", (_RECORDS // 2,)).fetchall()
        return _RECORDS + len(found)

    what = "a page appended to the embedded stream and read, compressed"
    return Pair("stream", what, "a row of a SQLite table, not compressed", ours, peer)


def _start() -> Pair:
    def started(words: Sequence[str]) -> Callable[[int], int]:
        def once(_number: int) -> int:
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
            return 1

        return once

    ours = started(("-m", "wirewatch", "--version"))
    peer = started(("-c", "import typer, rich"))
    return Pair("start", "`wirewatch --version`", "Python with typer and rich loaded", ours, peer)


PARTS: dict[str, Callable[[Path, ExitStack], Pair]] = {
    "extraction": lambda _scratch, _stack: _extraction(),
    "preparation": lambda _scratch, _stack: _preparation(),
    "kept drafts": lambda scratch, _stack: _kept(scratch),
    "topics": lambda _scratch, _stack: _topics(),
    "matching": lambda _scratch, _stack: _matching(),
    "stories": lambda _scratch, _stack: _stories(),
    "search": _search,
    "feeds": lambda _scratch, _stack: _feeds(),
    "stream": _stream,
    "start": lambda _scratch, _stack: _start(),
}
