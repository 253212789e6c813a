"""The pages of docs/reference, generated from the code: commands, metrics, fields of records, the API.

``python -m wirewatch.reference docs/reference`` writes them; a test compares the files with the code. Raises ValueError
for a command, option, metric or field without a description.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import typer
import typer.main

from core.records.contracts import CONTRACTS, documents
from desk.web.api.index import meaning, openapi, type_names, type_words, types_of
from desk.web.app import described
from wirewatch.cli import app

_BEGIN = "<!-- Made by make reference: edit the code, not this page. -->\n\n"
EXPORTING = (
    "wirewatch.monitoring.metrics",
    "wirewatch.monitoring.probes",
    "wirewatch.monitoring.connectors",
    "desk.delivery.metrics",
)
"""The modules that make metrics. A test fails if another one does."""
_USAGE = """\
`wirewatch [--config FILE] [--verbose] COMMAND`. Exit codes: 0 done; 1 failed, or not found; 2 wrong usage, or a query
that does not parse; 3 another process has taken over the run."""
FAMILIES = {"CounterMetricFamily": "counter", "GaugeMetricFamily": "gauge", "HistogramMetricFamily": "histogram"}
COUNTED = {"Counter": "counter", "Histogram": "histogram"}
"""Classes of prometheus_client, and the kinds of metrics that they make. Families take labels by name, the others third."""


def pages() -> dict[str, str]:
    """The pages by file name."""
    made = {
        "commands.md": _commands(),
        "metrics.md": _metrics(),
        "records.md": _records(),
        "api.md": _api(),
    }
    return {name: _BEGIN + text.rstrip("\n") + "\n" for name, text in made.items()}


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _table(*heads: str) -> list[str]:
    return ["", _row(*heads), _row(*(["---"] * len(heads)))]


def _said(text: object, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} has no description")
    return " ".join(text.split())


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        _USAGE,
    ]
    root = typer.main.get_command(app)
    for path, command in _all("wirewatch", root):
        lines += ["", f"## {path}", ""]
        lines.append("\n".join(inspect.cleandoc(command.help or "").splitlines()) or _said("", path))
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        usage = " ".join([path, *(["[OPTIONS]"] if options else []), *map(_metavar, arguments)])
        lines += ["", "```", usage, "```"]
        if arguments or options:
            lines += _table("", "description", "default")
        for argument in arguments:
            words = _said(getattr(argument, "help", None), f"{_metavar(argument)} of {path}")
            lines.append(_row(f"`{_metavar(argument)}`", words, ""))
        for option in options:
            names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
            words = _said(option.help, f"{option.opts[0]} of {path}")
            if choices := _choices(option.type_descriptor.annotation):
                words += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
            lines.append(_row(names, words, _default(option)))
    return "\n".join(lines)


def _all(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The commands below this one, depth first."""
    context = typer.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if hasattr(below, "list_commands"):
            yield from _all(f"{path} {name}", below)
        else:
            yield f"{path} {name}", below


def _metavar(argument: Any) -> str:
    name = (argument.metavar or str(argument.name)).upper().strip("[]").removesuffix("...")
    name = f"{name}..." if argument.nargs != 1 else name
    return name if argument.required else f"[{name}]"


def _choices(kind: Any) -> list[str]:
    """The values of an enumeration or of a Literal, in a list or not; empty for other types."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _default(option: Any) -> str:
    """The default as it would be typed; empty if there is none, or if its value stands for a setting or for nothing."""
    value = getattr(option.default, "value", option.default)
    if isinstance(value, str) and value and not value.startswith("Sentinel"):
        return f"`{value}`"
    return f"`{value}`" if type(value) in (int, float) and value != -1 else ""


def _metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "What a service serves at `/metrics` (`metrics_port`), for Prometheus, beside the `process_` metrics of its",
        "client library. docs/operations.md explains how to use them.",
        *_table("metric", "kind", "labels", "meaning"),
    ]
    found: dict[str, tuple[str, str, str]] = {}
    for module in map(import_module, EXPORTING):
        tree = ast.parse(inspect.getsource(module))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            made = getattr(call.func, "id", "")
            kind = FAMILIES.get(made) or COUNTED.get(made)
            if kind is None:
                continue
            name, words = (_text(argument, module) for argument in call.args[:2])
            labelled = (
                call.args[2:3] if made in COUNTED else [one.value for one in call.keywords if one.arg == "labels"]
            )
            labels = "".join(_text(one, module) for one in labelled)
            name = f"{name}_total" if kind == "counter" else name
            found[name] = (kind, labels, _said(words, name))
    return "\n".join([*lines, *(_row(f"`{name}`", *about) for name, about in sorted(found.items()))])


def _text(node: ast.expr, module: ModuleType) -> str:
    """The text of a literal, with the values of the module's names that it uses; for a list, its texts."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, module) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)):
            return str(getattr(module, name))
        case ast.List(elts=parts):
            return ", ".join(f"`{_text(part, module)}`" for part in parts)
    raise ValueError(f"line {node.lineno}: a metric's name, help and labels must be literals where it is created")


def _records() -> str:
    lines = [
        "# Records",
        "",
        "The JSON records on the streams (schemas: docs/contracts). Readers ignore unknown fields. Times are UTC.",
    ]
    schemas = documents("")
    for contract in CONTRACTS:
        schema = schemas[f"{contract.name}.schema.json"]
        lines += ["", f"## {contract.name}", "", f"{contract.says} Key: {contract.key}."]
        lines += _fields(contract.name, schema)
        for name, part in sorted(schema.get("$defs", {}).items()):
            if "properties" in part:
                lines += ["", f"### {name} in {contract.name}", ""]
                lines += _fields(f"{contract.name}: {name}", part)
    return "\n".join(lines)


def _fields(where: str, schema: dict[str, Any]) -> list[str]:
    lines = _table("field", "type", "meaning")
    required = set(schema.get("required", ()))
    for name, field in schema["properties"].items():
        words = _said(field.get("description"), f"{name} of {where}")
        lines.append(_row(f"`{name}`" + (" (always)" if name in required else ""), type_words(field), words))
    return lines


def _api() -> str:
    lines = [
        "# API",
        "",
        "The desk's API: JSON over HTTP (docs/desk.md: tokens, roles). For programs: `GET /api/v1/openapi.json`.",
    ]
    whole = openapi(described())
    for path, methods in whole["paths"].items():
        for method, route in methods.items():
            what = f"{method.upper()} {path}"
            words = _said(route.get("description") or route.get("summary"), what)
            lines += ["", f"## {what}", "", words]
            if route.get("parameters"):
                lines += _table("parameter", "in", "description")
            for parameter in route.get("parameters", ()):
                lines.append(_row(f"`{parameter['name']}`", parameter["in"], meaning(parameter)))
            body, given = type_names(route)
            uses = [f"Body: [{body}](#{body.lower()})."] * bool(body) + [
                f"Answer: [{given}](#{given.lower()})."
            ] * bool(given)
            if uses:
                lines += ["", " ".join(uses)]
    for name, schema in types_of(whole):
        lines += ["", f"## {name}", "", _said(schema.get("description"), name)]
        if "enum" in schema:
            lines += ["", f"One of {', '.join(f'`{value}`' for value in schema['enum'])}."]
        if schema.get("properties"):
            lines += _table("field", "type")
            lines += [_row(f"`{field}`", type_words(kind)) for field, kind in schema["properties"].items()]
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write the pages into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
