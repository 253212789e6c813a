"""``wirewatch query``: what is wrong with a query, why it matches a document, and what another vendor's query is in ours."""

from __future__ import annotations

import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from core.errors import InputError, QueryError, UsageError
from core.query import Document, Explanation, Finding, explain, lint, parse
from core.query.importing import import_query
from core.records.article import Match
from wirewatch.terminal import console, json_lines

app = typer.Typer(
    help="Queries: check them, explain them, import them. The language: docs/queries.md.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Query = Annotated[str | None, typer.Argument(metavar="[QUERY]", help="The query, in one argument.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file that holds one query; - is standard input.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object (default where stdout is no terminal).")]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_SHOWN_WORDS = 8


class Dialect(StrEnum):
    """Whose query it is."""

    MELTWATER = "meltwater"
    FACTIVA = "factiva"
    BRANDWATCH = "brandwatch"
    CISION = "cision"
    GOOGLE = "google"


class _Topic(msgspec.Struct):
    topic: str


class _Article(msgspec.Struct):
    title: str | None = None
    text: str | None = None
    source: str | None = None
    language: str | None = None
    topics: tuple[str | _Topic, ...] | None = None
    url: str | None = None
    authors: tuple[str, ...] | None = None


class _Linted(msgspec.Struct):
    query: str
    parses: bool
    findings: list[Finding]


class _Translated(msgspec.Struct, rename={"origin": "from"}):
    origin: str
    query: str
    changes: list[dict[str, int | str]]


@app.command("lint")
def lint_query(query: Query = None, file: File = None, *, as_json: Json = False) -> None:
    """Say what is wrong, or probably not meant.

    Exit 0: clean, or warnings only; 1: it parses and can never match; 2: it does not parse.
    """
    text = _given(query, file)
    findings = lint(text)
    broken: QueryError | None = None
    try:
        parse(text)
    except QueryError as error:
        broken = error
    if json_lines.wanted(as_json=as_json):
        json_lines.put(_Linted(text, broken is None, findings))
    else:
        for finding in findings:
            if broken is None or finding.severity != "error":
                _show(text, finding)
            elif finding.suggestion:
                console.out.print(Text(f"instead: {finding.suggestion}", style="green"))
        if not findings:
            console.out.print("nothing to say", style="green")
    if broken is not None:
        raise broken
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command("explain")
def explain_query(
    query: Query = None,
    file: File = None,
    *,
    doc: Annotated[
        Path, typer.Option(help='A document: plain text, or JSON {"title", "text", "language"?, "source"?, "url"? …}.')
    ],
    as_json: Json = False,
) -> None:
    """Show which clauses of the query hold on a document, and on which words."""
    parsed = parse(_given(query, file))
    explanation = explain(parsed, _document(doc))
    if json_lines.wanted(as_json=as_json):
        json_lines.put(explanation)
        return
    console.out.print("matches" if explanation.held else "does not match", style="bold")
    _tree(explanation, 0)


@app.command("import")
def import_from(
    query: Query = None,
    file: File = None,
    *,
    origin: Annotated[Dialect, typer.Option("--from", help="Whose query it is.")],
    # Not by itself where stdout is no terminal: the query alone is what goes into a file.
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Translate another vendor's query: ours on stdout, what reads differently on stderr.

    What has no equivalent here is an error that names it (exit 2).
    """
    imported = import_query(_given(query, file), origin.value)
    parse(imported.query)
    if as_json:
        changes: list[dict[str, int | str]] = [change._asdict() for change in imported.changes]
        json_lines.put(_Translated(origin.value, imported.query, changes))
        return
    typer.echo(imported.query)
    for change in imported.changes:
        console.note(f"at position {change.position + 1}: {change.text}")


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
        article = msgspec.json.decode(text, type=_Article)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(str(path), str(error).replace("`$.", "`")) from error
    return Document(
        article.title or "",
        article.text or "",
        source=article.source,
        language=article.language,
        topics=[topic if isinstance(topic, str) else topic.topic for topic in article.topics or ()],
        url=article.url,
        authors=article.authors or (),
    )


def _show(query: str, finding: Finding) -> None:
    line = Text(finding.severity, style=_STYLES[finding.severity])
    line.append(f" at position {finding.position + 1}: {_printable(finding.message)}", style="default")
    console.out.print(line)
    pointer = QueryError(finding.message, query=query, position=finding.position).pointer()
    console.out.print(Text(_printable(pointer), style="dim"))
    if finding.suggestion:
        console.out.print(Text(f"instead: {_printable(finding.suggestion)}", style="green"))


def _tree(clause: Explanation, depth: int) -> None:
    """One line a clause; for those with parts the operator, for the others what was written and what it found."""
    line = Text("  " * depth)
    line.append("✓ " if clause.held else "✗ ", style="green" if clause.held else "red")
    line.append(_printable(clause.clause) if not clause.parts else f"{clause.kind}: {_printable(clause.clause)}")
    if clause.matches and not clause.parts:
        line.append(f"   {_found(clause.matches)}", style="dim")
    console.out.print(line)
    for part in clause.parts:
        _tree(part, depth + 1)


def _found(matches: tuple[Match, ...]) -> str:
    counted = Counter((match.field, match.text) for match in matches)
    shown = [
        f"{field}: {_printable(text)!r}{f' ×{count}' if count > 1 else ''}"
        for (field, text), count in list(counted.items())[:_SHOWN_WORDS]
    ]
    more = len(counted) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _printable(text: str) -> str:
    # A document may hold escape sequences that would take the terminal over.
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
