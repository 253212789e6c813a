"""Every regular expression of the product: found by importing all modules, with the methods that their module calls on them.

Run as a program, it prints one JSON line per pattern.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import regex

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "pipeline", "connectors", "desk", "wirewatch")
METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
_ANCHORED = {"match", "fullmatch"}


class Found(NamedTuple):
    """A pattern: the module that compiles it, the line, the engine, and whether it is ever searched for (not only matched)."""

    module: str
    line: int
    pattern: re.Pattern[Any] | regex.Pattern[Any]
    methods: frozenset[str]


def compiled() -> list[Found]:
    """All patterns that the product compiles while it is imported, and those that its calls hold as literals."""
    seen: dict[tuple[str, int, Any, int], Any] = {}

    def recording(original: Callable[..., Any]) -> Callable[..., Any]:
        def compile_it(pattern: Any, *rest: Any, **named: Any) -> Any:
            made = original(pattern, *rest, **named)
            frame = sys._getframe(1)
            while frame and frame.f_globals.get("__name__", "").split(".")[0] not in PACKAGES:
                # A helper of ours in tests or a comprehension's frame; another library's own pattern is not ours.
                if frame.f_globals.get("__name__", "").split(".")[0] not in ("re", "regex", "tests", "__main__"):
                    return made
                frame = frame.f_back  # type: ignore[assignment]
            if frame:
                seen[frame.f_globals["__name__"], frame.f_lineno, made.pattern, made.flags] = made
            return made

        return compile_it

    originals = re.compile, regex.compile
    re.compile, regex.compile = recording(re.compile), recording(regex.compile)  # type: ignore[assignment]
    try:
        for name in modules():
            importlib.import_module(name)
    finally:
        re.compile, regex.compile = originals
    found = [
        Found(module, line, made, methods_called(module, line))
        for (module, line, _, _), made in sorted(seen.items(), key=str)
    ]
    return found + list(in_functions({(one.module, one.line) for one in found}))


def modules() -> Iterator[str]:
    """The names of all modules of the product that can be imported for their own sake."""
    for package in PACKAGES:
        for one in pkgutil.walk_packages([str(ROOT / package)], package + "."):
            if "migrations" not in one.name and not one.name.endswith("__main__"):
                yield one.name


@cache
def _imported_names() -> frozenset[str]:
    """Every name that a module of the product imports from another."""
    return frozenset(
        alias.name
        for module in modules()
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text("utf-8"))


def methods_called(module: str, line: int) -> frozenset[str]:
    """What is called on the pattern compiled at this line, by the name it is bound to; everything if that can't be seen."""
    tree = _tree(module)
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.lineno <= line <= (node.end_lineno or line)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call)
    }
    # ``for one in PATTERNS`` and ``any(one.fullmatch(line) for one in PATTERNS)``: what is called on ``one``.
    aliases = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.comprehension))
        and isinstance(node.iter, ast.Name)
        and node.iter.id in names
        and isinstance(node.target, ast.Name)
    }
    calls = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in names | aliases
        and node.func.attr in METHODS
    }
    # A name that another module imports may be called there.
    if not names:
        # In a tuple, or handed to a function: what the module calls on anything.
        anything = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        } & set(METHODS)
        return frozenset(anything) if anything and anything <= {"match", "fullmatch"} else frozenset(METHODS)
    private = all(name.startswith("_") or name not in _imported_names() for name in names)
    uses = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return frozenset(calls) if calls and private and names <= uses else frozenset(METHODS)


class Call(NamedTuple):
    """A call of ``re`` or ``regex`` that makes a pattern: the module, its lines, what is called, and with which arguments."""

    module: str
    lines: range
    engine: str
    name: str
    arguments: list[ast.expr]


def calls() -> Iterator[Call]:
    """All calls of the product that make a pattern, wherever they are: at import, in a function, with or without a name."""
    for module in modules():
        tree = _tree(module)
        engines = {
            alias.asname or alias.name: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name in ("re", "regex")
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in ("re", "regex"):
                raise AssertionError(f"{module}:{node.lineno}: import re as a whole, so that its calls are found")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in engines
                and node.func.attr in ("compile", *METHODS)
            ):
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                yield Call(module, lines, engines[node.func.value.id], node.func.attr, node.args)


def given_to(home: str, function: str, place: int) -> Iterator[str]:
    """The texts that modules give to a function of the module ``home`` as the argument in that place, at least one."""
    users = [
        module
        for module in modules()
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom) and node.module == home and function in {one.name for one in node.names}
    ]
    found = [
        str(_value(module, node.args[place]))
        for module in users
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    ]
    assert found, function
    yield from found


def _value(module: str, expression: ast.expr) -> Any:
    """The value of an expression of a module's own names. Raises NameError for one with a function's."""
    known = dict(vars(importlib.import_module(module)))
    return eval(compile(ast.Expression(expression), module, "eval"), known)  # noqa: S307 - the product's own code


def in_functions(seen: set[tuple[str, int]]) -> Iterator[Found]:
    """Patterns of calls that importing did not run, as far as their text is known then. ``seen``: those that it ran."""
    for call in calls():
        if any((call.module, line) in seen for line in call.lines):
            continue
        try:
            # Constants, and f-strings of the module's own names.
            values = [_value(call.module, one) for one in call.arguments[: 2 if call.name == "compile" else 1]]
        except NameError:
            continue
        methods = METHODS if call.name == "compile" else (call.name,)
        pattern = {"re": re, "regex": regex}[call.engine].compile(*values)
        yield Found(call.module, call.lines[0], pattern, frozenset(methods))


if __name__ == "__main__":
    for one in compiled():
        print(json.dumps([one.module, one.line, str(one.pattern.pattern), sorted(one.methods)], ensure_ascii=True))
