"""``wirewatch match``: queries against documents, a JSON line each match."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from core.errors import InputError, QueryError, UsageError
from core.query import Document, QueryIndex, parse
from wirewatch.terminal import console, json_lines


class _Query(msgspec.Struct):
    id: str | int
    query: str


class _Topic(msgspec.Struct):
    topic: str


class _Doc(msgspec.Struct):
    id: str | int
    title: str | None = None
    text: str | None = None
    source: str | None = None
    language: str | None = None
    topics: tuple[str | _Topic, ...] | None = None
    url: str | None = None
    authors: tuple[str, ...] | None = None

    def document(self) -> Document:
        topics = [topic if isinstance(topic, str) else topic.topic for topic in self.topics or ()]
        return Document(
            self.title or "",
            self.text or "",
            source=self.source,
            language=self.language,
            topics=topics,
            url=self.url,
            authors=self.authors or (),
        )


def match(
    queries: Annotated[Path, typer.Option(help='JSON Lines: {"id", "query"}.')],
    docs: Annotated[
        Path,
        typer.Option(help='JSON Lines: {"id", "title", "text"}, and if known source, language, topics, url, authors.'),
    ],
) -> None:
    """Match stored queries against documents: lines {"query", "doc", "spans"} on stdout.

    Spans are code points of the document's own field: {"field", "start", "end", "text"}. A query that does not parse is
    named with its position, and nothing is matched (exit 2). A bad document is named and the others go on (exit 1).
    """
    index: QueryIndex[str | int] = QueryIndex()
    for where, query in _lines(queries, _Query):
        if isinstance(query, InputError):
            raise UsageError(str(query))
        try:
            index.add(query.id, parse(query.query))
        except QueryError as error:
            console.err.print(f"{where}: query {query.id!r}:", style="bold", markup=False)
            raise error from None
    failed = False
    for _, doc in _lines(docs, _Doc):
        if isinstance(doc, InputError):
            console.show_error(doc)
            failed = True
            continue
        result = index.evaluate(doc.document())
        for identity, spans in result.matches.items():
            json_lines.put({"query": identity, "doc": doc.id, "spans": spans})
        for failure in result.failures:
            console.show_error(InputError(f"query {failure.id!r}", f"failed on document {doc.id!r}: {failure.error}"))
            failed = True
    if failed:
        raise typer.Exit(1)


Kind = TypeVar("Kind", _Query, _Doc)


def _lines(path: Path, kind: type[Kind]) -> Iterator[tuple[str, Kind | InputError]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                where = f"{path}:{number}"
                if not line.strip():
                    continue
                try:
                    yield where, msgspec.json.decode(line, type=kind)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    yield where, InputError(where, str(error).replace("`$.", "`"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
