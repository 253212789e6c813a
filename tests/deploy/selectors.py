"""What rules and dashboard ask Prometheus for: the selectors of their expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser

from tests.deploy import files

PROMETHEUS = files.DEPLOY / "prometheus"


def rules() -> list[dict[str, Any]]:
    """All alert rules."""
    [document] = files.documents(PROMETHEUS / "alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """(name, expression) of every rule, every panel of the dashboard (for the run ``live``) and the autoscaler's query."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    board = json.loads((files.DEPLOY / "grafana/dashboards/wirewatch.json").read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$run", "live")
    for one in files.manifests():
        if one["kind"] == "ScaledObject":
            yield one["metadata"]["name"], one["spec"]["triggers"][0]["metadata"]["query"]


def _parts(expression: str) -> Iterator[Any]:
    """Each part of an expression, whatever it stands in. Raises ValueError."""
    waiting: list[Any] = [promql_parser.parse(expression)]
    while waiting:
        part = waiting.pop()
        yield part
        for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
            inner = getattr(part, name, None)
            if inner is not None and hasattr(inner, "prettify"):
                waiting.append(inner)
        waiting.extend(getattr(part, "args", None) or ())


def _selectors(expression: str) -> Iterator[Any]:
    return (part for part in _parts(expression) if isinstance(part, promql_parser.VectorSelector))


def selectors(expression: str) -> set[str]:
    """The instant selectors of an expression, such as ``up{job="wirewatch"}``, whatever is computed with them."""
    return {part.prettify() for part in _selectors(expression)}


def metrics(expression: str) -> dict[str, dict[str, set[str]]]:
    """The metrics that an expression asks for, each with the labels that it asks for and their values or patterns."""
    found: dict[str, dict[str, set[str]]] = {}
    for part in _selectors(expression):
        labels = found.setdefault(part.name, {})
        for one in part.matchers.matchers:
            labels.setdefault(one.name, set()).add(one.value)
    return found


def grouped(expression: str) -> set[str]:
    """The labels by which an expression groups or joins series."""
    found = set[str]()
    for part in _parts(expression):
        modifier = getattr(part, "modifier", None)
        if isinstance(part, promql_parser.AggregateExpr) and modifier is not None:
            found.update(modifier.labels)
        elif isinstance(part, promql_parser.BinaryExpr) and modifier is not None and modifier.matching is not None:
            found.update(modifier.matching.labels)
    return found


def finds(selector: str, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a series of that name and with those labels is one that the selector asks for."""
    asked = promql_parser.parse(selector)
    if asked.name != name:
        return False
    return all(_holds(one, labels.get(one.name, "")) for one in asked.matchers.matchers)


def _holds(matcher: Any, value: str) -> bool:
    if matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual):
        return bool(matcher.op == promql_parser.MatchOp.Equal) == (matcher.value == value)
    return bool(matcher.op == promql_parser.MatchOp.Re) == (re.fullmatch(matcher.value, value) is not None)
