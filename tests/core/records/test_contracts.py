"""The contracts of the streams: what is committed is what the structs say, and nothing that breaks a reader goes unseen."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from core import version
from core.records.contracts import CONTRACTS, Schema, asyncapi, breaks, documents, number_of, refused, schema_of

FOLDER = Path(__file__).parents[3] / "docs/contracts"
SCHEMAS = {one.name: schema_of(one) for one in CONTRACTS}
ARTICLE, ALERT = SCHEMAS["enriched-articles"], SCHEMAS["alerts"]


def test_what_is_committed_is_what_the_structs_say() -> None:
    made = documents(version())
    assert {path.name for path in FOLDER.iterdir()} == made.keys()
    for name, document in made.items():
        committed = msgspec.json.decode((FOLDER / name).read_bytes())
        assert committed == msgspec.json.decode(msgspec.json.encode(document)), f"make contracts writes {name}"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: one.name)
def test_a_schema_is_valid_and_its_example_is_a_record(contract: Any) -> None:
    schema = SCHEMAS[contract.name]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(contract.example)
    msgspec.json.decode(msgspec.json.encode(contract.example), type=contract.kind)
    assert number_of(schema) == 1


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{part.get('title', name)}.{field}"
        for name, schema in SCHEMAS.items()
        for part in (schema, *schema["$defs"].values())
        for field, about in part.get("properties", {}).items()
        if "description" not in about
    ]
    assert silent == []


def test_times_are_declared_as_times() -> None:
    for contract in CONTRACTS:
        for field in msgspec.structs.fields(contract.kind):
            part = SCHEMAS[contract.name]["properties"][field.encode_name]
            kinds = part.get("anyOf", [part])
            assert ("datetime" in str(field.type)) == any(one.get("format") == "date-time" for one in kinds), field.name


def test_the_asyncapi_document_names_every_stream_and_its_references_resolve() -> None:
    whole = asyncapi("1.2.3")
    assert whole["channels"].keys() == SCHEMAS.keys()
    assert whole["info"]["version"] == "1.2.3"

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [part["$ref"]] if "$ref" in part else [one for value in part.values() for one in references(value)]
        return [one for value in part for one in references(value)] if isinstance(part, list) else []

    for reference in references(whole):
        if reference.startswith("./"):
            assert reference[2:] in documents("1")
            continue
        found: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def put(path: str, value: Any) -> Callable[[Schema], None]:
    """A change that sets the part at ``path`` (steps separated by blanks)."""

    def change(schema: Schema) -> None:
        *steps, last = path.split()
        part = schema
        for step in steps:
            part = part[step]
        part[last] = value

    return change


def drop(path: str) -> Callable[[Schema], None]:
    """A change that takes the part at ``path`` away."""

    def change(schema: Schema) -> None:
        *steps, last = path.split()
        part = schema
        for step in steps:
            part = part[step]
        if isinstance(part, list):
            part.remove(last)
        else:
            del part[last]

    return change


BREAKING: dict[str, tuple[str, Callable[[Schema], None], str]] = {
    "a field is gone": ("enriched-articles", drop("properties title"), "title: is gone"),
    "an optional field is gone": ("enriched-articles", drop("properties summary"), "summary: is gone"),
    "a field may be left out": ("alerts", drop("required story"), "story: may now be left out"),
    "a text is a number": ("alerts", put("properties reason type", "integer"), "reason: may now be integer"),
    "a number is a text": ("alerts", put("properties sources type", "string"), "sources: may now be string"),
    "whole numbers get fractions": ("alerts", put("properties told type", "number"), "told: may now be number"),
    "a text may be null": (
        "alerts",
        put("properties title", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "title: may now be null",
    ),
    "a list is an object": ("alerts", put("properties topics", {"type": "object"}), "topics: may now be object"),
    "items of a list change": (
        "alerts",
        put("properties topics items", {"type": "integer"}),
        "topics[]: may now be integer",
    ),
    "a value more": (
        "alerts",
        put("properties level enum", ["flash", "high", "low", "normal", "urgent", "x"]),
        "level: may now be",
    ),
    "any value": ("alerts", put("properties level", {"type": "string"}), "level: may now be any value"),
    "a new field is required": (
        "alerts",
        lambda one: (one["properties"].update(desk={"type": "string"}), one["required"].append("desk")),
        "desk: a new field that is required",
    ),
    "a time loses its format": ("alerts", drop("properties raised_at format"), "raised_at: its format is now none"),
    "a time becomes a day": ("alerts", put("properties raised_at format", "date"), "raised_at: its format is now date"),
    "a nested field is gone": ("alerts", drop("$defs Match properties start"), "matches[].start: is gone"),
    "a nested field changes": (
        "enriched-articles",
        put("$defs TopicMatch properties score type", "string"),
        "topics[].score: may now be string",
    ),
    "a nested field may be left out": (
        "enriched-articles",
        drop("$defs OrderKey required article"),
        "key.article: may now be left out",
    ),
    "values of a map change": (
        "enriched-articles",
        put("properties origins additionalProperties", {"type": "integer"}),
        "origins.*: may now be integer",
    ),
    "a pair becomes a triple": (
        "alerts",
        put("$defs Snippet properties spans items prefixItems", [{"type": "integer"}] * 3),
        "snippets[].spans[]: another number of items",
    ),
    "an outcome of another kind": (
        "rejected",
        put("$defs OutcomeKind enum", ["duplicate", "lost", "published", "rejected", "unchanged", "updated", "new"]),
        "kind: may now be new",
    ),
    "a whole record changes": ("rejected", put("properties", {}), "stage: is gone"),
}


@pytest.mark.parametrize("what", BREAKING)
def test_a_breaking_change_is_named_and_refused_under_the_same_number(what: str) -> None:
    name, change, line = BREAKING[what]
    after = deepcopy(SCHEMAS[name])
    change(after)
    found = breaks(SCHEMAS[name], after)
    assert any(one.startswith(line) for one in found), found
    file = f"{name}.schema.json"
    assert refused({file: SCHEMAS[name]}, {file: after}) or what == "a whole record changes"
    after.setdefault("properties", {})["schema"] = {"type": "integer", "default": 2}
    assert refused({file: SCHEMAS[name]}, {file: after}) == []


FINE: dict[str, tuple[str, Callable[[Schema], None]]] = {
    "nothing": ("alerts", lambda _one: None),
    "a new optional field": ("alerts", put("properties desk", {"type": "string", "default": ""})),
    "a field that may be null never is": ("alerts", put("properties language", {"type": "string"})),
    "a number without fractions": ("enriched-articles", put("$defs TopicMatch properties score type", "integer")),
    "a value fewer": ("alerts", lambda one: one["properties"]["level"]["enum"].pop()),
    "what was optional is always there": ("alerts", lambda one: one["required"].append("topics")),
    "other words": ("alerts", put("properties title description", "Else.")),
    "a new nested field": ("alerts", put("$defs Match properties score", {"type": "number", "default": 0})),
}


@pytest.mark.parametrize("what", FINE)
def test_a_change_that_every_reader_bears_passes(what: str) -> None:
    name, change = FINE[what]
    after = deepcopy(SCHEMAS[name])
    change(after)
    assert breaks(SCHEMAS[name], after) == []


def test_a_stream_that_is_gone_is_refused() -> None:
    assert refused({"alerts.schema.json": ALERT}, {}) == ["alerts.schema.json: is gone"]
