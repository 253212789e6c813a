"""``wirewatch query``, ``match`` and ``topics``: check, explain and translate queries, match documents, test topics."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.text import Text

from core.errors import InputError, QueryError, UsageError
from core.query import Document, Explanation, LintFinding, QueryIndex, explain, lint, parse
from core.query.importing import import_query
from core.records.article import Match
from core.topics import Topic, builtin_topics, check_topic, load_topic_folder
from core.topics.definitions import costs, load_topic, topics_at
from wirewatch import console
from wirewatch.commands.options import JsonLines, JsonObject

app = typer.Typer()
group = typer.Typer(
    name="query",
    help="Check, explain and import queries. The language: docs/queries.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
topics = typer.Typer(
    name="topics", help="List topics and run their examples.", no_args_is_help=True, rich_markup_mode=None
)
Folder = Annotated[
    Path | None, typer.Option("--topics", help="A folder of topic files, used beside the built-in topics.")
]
app.add_typer(topics)
app.add_typer(group)
Query = Annotated[str | None, typer.Argument(metavar="[QUERY]", help="The query, as one argument.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file that holds one query; - reads standard input.", show_default=False),
]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_SHOWN_WORDS = 8


class Dialect(StrEnum):
    """The vendor whose query it is."""

    MELTWATER = "meltwater"
    FACTIVA = "factiva"
    BRANDWATCH = "brandwatch"
    CISION = "cision"
    GOOGLE = "google"


class _Topic(msgspec.Struct):
    topic: str


class _Fields(msgspec.Struct):
    """A document as JSON."""

    title: str | None = None
    text: str | None = None
    source: str | None = None
    language: str | None = None
    topics: tuple[str | _Topic, ...] | None = None
    url: str | None = None
    authors: tuple[str, ...] | None = None

    def document(self) -> Document:
        return Document(
            self.title or "",
            self.text or "",
            source=self.source,
            language=self.language,
            topics=[topic if isinstance(topic, str) else topic.topic for topic in self.topics or ()],
            url=self.url,
            authors=self.authors or (),
        )


class _StoredQuery(msgspec.Struct):
    id: str | int
    query: str


class _StoredDocument(_Fields, kw_only=True):
    id: str | int


class _Linted(msgspec.Struct):
    query: str
    parses: bool
    findings: list[LintFinding]


class _Translated(msgspec.Struct, rename={"origin": "from"}):
    origin: str
    query: str
    changes: list[dict[str, int | str]]


@group.command("lint")
def lint_query(query: Query = None, file: File = None, *, as_json: JsonObject = False) -> None:
    """Report errors, and what was probably not meant.

    Exit 0: clean, or warnings only; 1: it parses but can never match; 2: it does not parse.
    """
    text = _given(query, file)
    findings = lint(text)
    broken: QueryError | None = None
    try:
        parse(text)
    except QueryError as error:
        broken = error
    if console.wants_json(as_json):
        console.put(_Linted(text, broken is None, findings))
    else:
        for finding in findings:
            if broken is None or finding.severity != "error":
                _show(text, finding)
            elif finding.suggestion:
                console.out.print(Text(f"instead: {finding.suggestion}", style="green"))
        if not findings:
            console.out.print("no findings", style="green")
    if broken is not None:
        raise broken
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@group.command("explain")
def explain_query(
    query: Query = None,
    file: File = None,
    *,
    doc: Annotated[
        Path, typer.Option(help='A document: plain text, or JSON {"title", "text", "language"?, "source"?, "url"? …}.')
    ],
    as_json: JsonObject = False,
) -> None:
    """Show which clauses of the query match a document, and which words they match."""
    parsed = parse(_given(query, file))
    explanation = explain(parsed, _document(doc))
    if console.wants_json(as_json):
        console.put(explanation)
        return
    undecided = "not decided, which counts as no match: the query takes more steps than it may on this document"
    line = "matches" if explanation.held else undecided if explanation.undecided else "does not match"
    console.out.print(line, style="bold")
    _tree(explanation, 0)


@group.command("import")
def import_from(
    query: Query = None,
    file: File = None,
    *,
    origin: Annotated[Dialect, typer.Option("--from", help="The vendor whose query it is.")],
    # Not the default for a pipe: a file gets the query alone.
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Translate another vendor's query: the result on stdout, differences on stderr.

    A construct without an equivalent is an error that names it (exit 2).
    """
    imported = import_query(_given(query, file), origin.value)
    parse(imported.query)
    if as_json:
        changes: list[dict[str, int | str]] = [change._asdict() for change in imported.changes]
        console.put(_Translated(origin.value, imported.query, changes))
        return
    typer.echo(imported.query)
    for change in imported.changes:
        console.note(f"at position {change.position + 1}: {change.text}")


@app.command("match")
def match(
    queries: Annotated[Path, typer.Option(help='JSON Lines: {"id", "query"}.')],
    docs: Annotated[
        Path,
        typer.Option(help='JSON Lines: {"id", "title", "text"}, optionally source, language, topics, url, authors.'),
    ],
) -> None:
    """Match queries against documents: JSON Lines {"query", "doc", "spans"} on stdout.

    Spans count code points of the document's field: {"field", "start", "end", "text"}. A query that does not parse is
    reported with its position and nothing is matched (exit 2). A bad document is reported and skipped (exit 1).
    """
    index: QueryIndex[str | int] = QueryIndex()
    for where, query in _lines(queries, _StoredQuery):
        if isinstance(query, InputError):
            raise UsageError(str(query))
        try:
            index.add(query.id, parse(query.query))
        except QueryError as error:
            console.err.print(f"{where}: query {query.id!r}:", style="bold", markup=False)
            raise error from None
    failed = False
    for _, doc in _lines(docs, _StoredDocument):
        if isinstance(doc, InputError):
            console.show_error(doc)
            failed = True
            continue
        result = index.evaluate(doc.document())
        for identity, spans in result.matches.items():
            console.put({"query": identity, "doc": doc.id, "spans": spans})
        for failure in result.failures:
            console.show_error(InputError(f"query {failure.id!r}", f"failed on document {doc.id!r}: {failure.error}"))
            failed = True
    if failed:
        raise typer.Exit(1)


def _given(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise UsageError("give the query, or --file with a file that holds it")
    if query is not None:
        return query
    name = "standard input" if str(file) == "-" else str(file)
    return _read(file if name == str(file) else None, name).rstrip("\r\n")


def _read(path: Path | None, name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path is None else path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}") from error


def _document(path: Path) -> Document:
    text = _read(path, str(path))
    if path.suffix != ".json":
        return Document("", text)
    try:
        return msgspec.json.decode(text, type=_Fields).document()
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(str(path), str(error).replace("`$.", "`")) from error


def _show(query: str, finding: LintFinding) -> None:
    line = Text(finding.severity, style=_STYLES[finding.severity])
    line.append(f" at position {finding.position + 1}: {finding.message}", style="default")
    console.out.print(line)
    pointer = QueryError(finding.message, query=query, position=finding.position).pointer()
    console.out.print(Text(pointer, style="dim"))
    if finding.suggestion:
        console.out.print(Text(f"instead: {finding.suggestion}", style="green"))


def _tree(clause: Explanation, depth: int) -> None:
    """Print one line per clause: the operator of those with parts, the text and the matches of the others."""
    line = Text("  " * depth)
    if clause.undecided:
        line.append("? ", style="yellow")
    else:
        line.append("✓ " if clause.held else "✗ ", style="green" if clause.held else "red")
    line.append(clause.clause if not clause.parts else f"{clause.kind}: {clause.clause}")
    if clause.matches and not clause.parts:
        line.append(f"   {_found(clause.matches)}", style="dim")
    console.out.print(line)
    for part in clause.parts:
        _tree(part, depth + 1)


def _found(matches: tuple[Match, ...]) -> str:
    counted = Counter((match.field, match.text) for match in matches)
    shown = [
        f"{field}: {text!r}{f' ×{count}' if count > 1 else ''}"
        for (field, text), count in list(counted.items())[:_SHOWN_WORDS]
    ]
    more = len(counted) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


Kind = TypeVar("Kind", _StoredQuery, _StoredDocument)


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


@topics.command("list")
def list_topics(folder: Folder = None, *, as_json: JsonLines = False) -> None:
    """List the topics, with their languages and examples."""
    found = _topics(folder)
    if console.wants_json(as_json):
        for topic in found:
            console.put(_topic_fields(topic))
        return
    table = console.table("topic", "title", "languages", "queries", "threshold", "examples")
    for topic in found:
        facts = _topic_fields(topic)
        languages = " ".join(str(code) for code in _languages(topic))
        examples = f"{len(topic.must_match)} + / {len(topic.must_not_match)} −"
        table.add_row(topic.name, topic.title, languages, str(facts["queries"]), str(topic.threshold), examples)
    console.out.print(table)


@topics.command("lint")
def lint_topics(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Topic files or folders (default: the built-in topics).")
    ] = None,
    *,
    as_json: JsonLines = False,
) -> None:
    """Say which queries of topics cost much on an article; exit 1 if one costs too much to be loaded."""
    chosen = [topic for path in files for topic in topics_at(path)] if files else list(builtin_topics())
    failed = False
    for topic in chosen:
        for number, weighted, finding in costs(topic):
            failed = failed or finding.severity == "error"
            if console.wants_json(as_json):
                console.put({"topic": topic.name, "query": number, **msgspec.to_builtins(finding)})
                continue
            console.out.print(f"{topic.name}, query {number}:", style="bold")
            _show(weighted.query, finding)
    console.note(f"{len(chosen)} topics looked at")
    if failed:
        raise typer.Exit(1)


@topics.command("test")
def run_examples(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Topic files or folders (default: the built-in topics).")
    ] = None,
) -> None:
    """Run each topic's must-match and must-not-match examples; exit 1 if one fails."""
    chosen = [topic for path in files for topic in _topics_in(path)] if files else list(builtin_topics())
    failed = 0
    for topic in chosen:
        failures = check_topic(topic)
        failed += len(failures)
        count = len(topic.must_match) + len(topic.must_not_match)
        console.out.print(f"{topic.name}: {count - len(failures)} of {count} examples as expected", markup=False)
        for failure in failures:
            console.out.print(f"  {failure}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)


def _topics(folder: Path | None) -> list[Topic]:
    found = {topic.name: topic for topic in builtin_topics()}
    if folder is not None:
        found |= {topic.name: topic for topic in load_topic_folder(folder)}
    return list(found.values())


def _topics_in(path: Path) -> list[Topic]:
    if path.is_dir():
        return list(load_topic_folder(path))
    try:
        return [load_topic(path.read_bytes(), str(path))]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _languages(topic: Topic) -> list[str]:
    return sorted({query.language for query in topic.queries if query.language})


def _topic_fields(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "title": topic.title,
        "description": topic.description,
        "languages": _languages(topic),
        "queries": len(topic.queries),
        "threshold": topic.threshold,
        "must_match": len(topic.must_match),
        "must_not_match": len(topic.must_not_match),
    }
