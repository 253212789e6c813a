"""``wirewatch query`` and ``match``: check, explain and translate queries, match documents."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.text import Text

from core.errors import InputError, QueryError, UsageError
from core.query import Document, Explanation, LintFinding, QueryIndex, explain, lint, parse
from core.query.importing import Dialect, import_query
from core.records.article import Match
from wirewatch import console
from wirewatch.commands.options import JsonObject

app = typer.Typer()
group = typer.Typer(
    name="query",
    help="Check, explain and import queries. The language: docs/queries.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(group)
Query = Annotated[str | None, typer.Argument(metavar="[QUERY]", help="The query, as one argument.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file with one query; - reads standard input.", show_default=False),
]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_SHOWN_WORDS = 8


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
    labels: tuple[str, ...] | None = None

    def document(self) -> Document:
        return Document(
            self.title or "",
            self.text or "",
            source=self.source,
            language=self.language,
            topics=[topic if isinstance(topic, str) else topic.topic for topic in self.topics or ()],
            url=self.url,
            authors=self.authors or (),
            labels=self.labels or (),
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
    """Report errors and probable mistakes.

    Exit 0: clean, or warnings only; 1: it parses but can never match; 2: it does not parse.
    """
    text = _given(query, file)
    findings = lint(text)
    broken: QueryError | None = None
    try:
        parse(text)
    except QueryError as error:
        broken = error
    if as_json:
        console.put(_Linted(text, broken is None, findings))
    else:
        for finding in findings:
            if broken is None or finding.severity != "error":
                show_finding(text, finding)
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
    if as_json:
        console.put(explanation)
        return
    undecided = "not decided, which counts as no match: on this document the query takes more steps than allowed"
    line = "matches" if explanation.held else undecided if explanation.undecided else "does not match"
    console.out.print(line, style="bold")
    _tree(explanation, 0)


@group.command("import")
def import_from(
    query: Query = None,
    file: File = None,
    *,
    origin: Annotated[Dialect, typer.Option("--from", help="The vendor whose query it is.")],
    # Not the default in a pipe: a file gets only the query.
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Translate another vendor's query: the result on stdout, differences on stderr.

    A construct without an equivalent is an error that names it (exit 2).
    """
    imported = import_query(_given(query, file), origin)
    if as_json:
        changes: list[dict[str, int | str]] = [change._asdict() for change in imported.changes]
        console.put(_Translated(origin, imported.query, changes))
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
    for where, query in lines_of(queries, _StoredQuery):
        if isinstance(query, InputError):
            raise UsageError(str(query))
        try:
            index.add(query.id, parse(query.query))
        except QueryError as error:
            console.err.print(f"{where}: query {query.id!r}:", style="bold", markup=False)
            raise error from None
    failed = False
    for _, doc in lines_of(docs, _StoredDocument):
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
        raise UsageError("give the query, or --file with a file that contains it")
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


def show_finding(query: str, finding: LintFinding) -> None:
    """Print a finding of the linter, with a pointer to its place in the query."""
    line = Text(finding.severity, style=_STYLES[finding.severity])
    line.append(f" at position {finding.position + 1}: {finding.message}", style="default")
    console.out.print(line)
    pointer = QueryError(finding.message, query=query, position=finding.position).pointer()
    console.out.print(Text(pointer, style="dim"))
    if finding.suggestion:
        console.out.print(Text(f"instead: {finding.suggestion}", style="green"))


def _tree(clause: Explanation, depth: int) -> None:
    """Print one line per clause: the operator of a clause with parts, else its text and its matches."""
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


Kind = TypeVar("Kind", bound=msgspec.Struct)


def lines_of(path: Path, kind: type[Kind]) -> Iterator[tuple[str, Kind | InputError]]:
    """The lines of a JSON Lines file, each with its place, or an InputError for a line that can't be read. Raises
    UsageError.
    """
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
