"""The contracts of the streams: a JSON Schema per record, an AsyncAPI document of all, and checks for breaking changes. Pure.

They are generated from the structs, so they match what is written. The only requirement for readers is that they ignore
unknown fields, which allows fields to be added. ``breaks`` finds all other changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.records.alert import Alert
from core.records.article import Article
from core.records.meanings import MEANINGS
from core.records.raw import Outcome, RawArticle

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Contract(NamedTuple):
    """The contract of one stream. ``name`` is the stream's default name; ``key`` and ``order`` are descriptions for readers."""

    name: str
    kind: type[msgspec.Struct]
    says: str
    key: str
    example: Mapping[str, Any]


_KEY = {"time_ms": 1772712000000, "article": "9f2c4b1a", "raw_hash": "c0ffee00", "occurrence": 0, "late": 0}
CONTRACTS = (
    Contract(
        "raw-articles",
        RawArticle,
        "Fetched pages and pushed articles as received, in the order of fetching within a partition. Written once.",
        "the article's id",
        {
            "url": "https://news.example/a",
            "source": "news.example",
            "fetched_at": "2026-03-05T12:00:00Z",
            "html": "<p>…</p>",
            "schema": 1,
        },
    ),
    Contract(
        "enriched-articles",
        Article,
        "Every version of every article, copies too. Written at least once; a repeat has the same id and version.",
        "run/article id: compaction keeps the newest version",
        {
            "id": "9f2c4b1a",
            "url": "https://news.example/a",
            "canonical_url": "https://news.example/a",
            "source": "news.example",
            "title": "Grain ship leaves Odesa",
            "text": "A ship with grain sailed.",
            "fetched_at": "2026-03-05T12:00:00Z",
            "key": _KEY,
            "version_hash": "ab12",
            "position": {"run": "live", "stream": "7c0e", "partition": 0, "offset": 41},
            "language": "en",
            "story": "9f2c4b1a",
            "schema": 1,
        },
    ),
    Contract(
        "alerts",
        Alert,
        "Alerts as they are raised. Written at least once; a repeat has the same id.",
        "run/alert id",
        {
            "id": "ports:4e2d",
            "run": "live",
            "subscription": "ports",
            "subscription_version": 2,
            "story": "9f2c4b1a",
            "article": "9f2c4b1a",
            "reason": "story",
            "parameter": "",
            "raised_at": "2026-03-05T12:00:00Z",
            "url": "https://news.example/a",
            "title": "Grain ship leaves Odesa",
            "source": "news.example",
            "schema": 1,
        },
    ),
    Contract(
        "rejected",
        Outcome,
        "Raw records that gave no article, with the stage and the reason. Written at least once.",
        "run/stream/partition/offset",
        {
            "run": "live",
            "stream": "7c0e",
            "partition": 0,
            "first_offset": 42,
            "last_offset": 42,
            "kind": "rejected",
            "item": "https://news.example/b",
            "stage": "extraction",
            "reason": "no_text",
            "schema": 1,
        },
    ),
    Contract(
        "canaries",
        Alert,
        "The alerts that Wirewatch's own test articles raise, which check that everything works. Not news.",
        "run/article id",
        {
            "id": "wirewatch-canary:5b1d",
            "run": "live",
            "subscription": "wirewatch-canary",
            "subscription_version": 1,
            "story": "5b1d",
            "article": "5b1d",
            "reason": "story",
            "parameter": "",
            "raised_at": "2026-03-05T12:00:05Z",
            "url": "https://canary.wirewatch.invalid/t",
            "title": "Wirewatch canary t",
            "source": "wirewatch-canary",
            "schema": 1,
        },
    ),
)


def schema_of(contract: Contract) -> Schema:
    """The JSON Schema (2020-12) of the records of a stream."""
    made = msgspec.json.schema(contract.kind)
    definitions: dict[str, Schema] = made.pop("$defs", {})
    root = definitions.pop(made["$ref"].rpartition("/")[2])
    for name, one in (*definitions.items(), (contract.kind.__name__, root)):
        _describe(name, one)
    head = {"$schema": DIALECT, "title": f"A record of {contract.name}", "description": contract.says}
    return {
        **head,
        **{k: v for k, v in root.items() if k not in head},
        "$defs": definitions,
        "examples": [contract.example],
    }


def number_of(schema: Schema) -> int:
    """The number of a record's schema: the default of its field ``schema``."""
    return int(schema.get("properties", {}).get("schema", {}).get("default", 0))


def asyncapi(version: str) -> Schema:
    """The AsyncAPI 3 document of all streams, for readers; ``version`` is Wirewatch's."""
    channels, operations, messages = {}, {}, {}
    for one in CONTRACTS:
        messages[one.name] = {
            "name": one.name,
            "title": f"A record of {one.name}",
            "summary": one.says,
            "contentType": "application/json",
            "payload": {"$ref": f"./{one.name}.schema.json"},
            "bindings": {"kafka": {"key": {"type": "string", "description": f"UTF-8: {one.key}."}}},
        }
        channels[one.name] = {
            "address": one.name,
            "description": one.says,
            "messages": {one.name: {"$ref": f"#/components/messages/{one.name}"}},
        }
        operations[f"read-{one.name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{one.name}"},
            "messages": [{"$ref": f"#/channels/{one.name}/messages/{one.name}"}],
        }
    info = {
        "title": "Wirewatch's streams",
        "version": version,
        "description": "Kafka topics, or files of the embedded stream. Readers must ignore unknown fields.",
    }
    parts = {"channels": channels, "operations": operations, "components": {"messages": messages}}
    return {"asyncapi": "3.0.0", "info": info, "defaultContentType": "application/json", **parts}


def documents(version: str) -> dict[str, Schema]:
    """The files of the contracts by name: a JSON Schema for each stream, and ``asyncapi.json``."""
    return {f"{one.name}.schema.json": schema_of(one) for one in CONTRACTS} | {"asyncapi.json": asyncapi(version)}


def refused(before: Mapping[str, Schema], after: Mapping[str, Schema]) -> list[str]:
    """Why the new documents must not replace those in ``before``: breaking changes with the same schema number, by file."""
    found = []
    for name, old in before.items():
        if not name.endswith(".schema.json"):
            continue
        if name not in after:
            found.append(f"{name}: is gone")
        elif number_of(after[name]) <= number_of(old):
            found += [f"{name}: {line}" for line in breaks(old, after[name])]
    return found


def breaks(before: Schema, after: Schema) -> list[str]:
    """The changes in ``after`` that break a reader of ``before``, one line each: missing fields, other types or values.

    Empty if every record of ``after`` can be read as one of ``before``, ignoring unknown fields. A field that was
    required and is now optional counts as a change, and so does a new value of an enumeration.
    """
    return list(_breaks("", before, after, before.get("$defs", {}), after.get("$defs", {}), ()))


def _breaks(
    path: str, before: Schema, after: Schema, olds: Schema, news: Schema, within: tuple[str, ...]
) -> Iterator[str]:
    if "$ref" in before or "$ref" in after:
        name = str(before.get("$ref", "")).rpartition("/")[2]
        if name and name in within:
            return
        within = (*within, name)
        before, after = _resolved(before, olds), _resolved(after, news)
    where = path or "the record"
    old_kinds, new_kinds = _kinds(before, olds), _kinds(after, news)
    for kind in sorted(new_kinds.keys() - old_kinds.keys()):
        if not (kind == "integer" and "number" in old_kinds):
            yield f"{where}: may now be {kind}"
    if not new_kinds and not old_kinds:
        return
    for kind in sorted(old_kinds.keys() & new_kinds.keys()):
        yield from _same_kind(kind, path, old_kinds[kind], new_kinds[kind], olds, news, within)


def _same_kind(
    kind: str, path: str, old: Schema, new: Schema, olds: Schema, news: Schema, within: tuple[str, ...]
) -> Iterator[str]:
    where = path or "the record"
    values_before, values_after = _values(old), _values(new)
    if values_before is not None:
        added = "any value" if values_after is None else ", ".join(sorted(map(str, values_after - values_before)))
        if added:
            yield f"{where}: may now be {added}"
    if "format" in old and old["format"] != new.get("format"):
        yield f"{where}: its format is now {new.get('format', 'none')}, not {old['format']}"
    if kind == "object":
        theirs, ours = old.get("properties", {}), new.get("properties", {})
        for name in theirs:
            inside = f"{path}.{name}" if path else name
            if name not in ours:
                yield f"{inside}: is gone"
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{inside}: may now be left out"
            yield from _breaks(inside, theirs[name], ours[name], olds, news, within)
        for name in new.get("required", ()):
            if name not in theirs:
                yield f"{path}.{name}".lstrip(".") + ": a new field that is required: records of before lack it"
        if isinstance(old.get("additionalProperties"), dict):
            more = new.get("additionalProperties")
            yield from _breaks(
                f"{path}.*", old["additionalProperties"], more if isinstance(more, dict) else {}, olds, news, within
            )
    if kind == "array":
        if "prefixItems" in old and len(old["prefixItems"]) != len(new.get("prefixItems", ())):
            yield f"{where}: another number of items"
        for place, (one, other) in enumerate(zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)):
            yield from _breaks(f"{path}[{place}]", one, other, olds, news, within)
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from _breaks(f"{path}[]", old["items"], new["items"], olds, news, within)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions.get(str(schema["$ref"]).rpartition("/")[2], {}) if "$ref" in schema else schema
    return found


def _kinds(schema: Schema, definitions: Schema) -> dict[str, Schema]:
    """The JSON types that a schema allows, each with the part of the schema that describes it."""
    found: dict[str, Schema] = {}
    for one in schema.get("anyOf", (schema,)):
        one = _resolved(one, definitions)
        kinds: Sequence[str] | str = one.get("type", ())
        for kind in (kinds,) if isinstance(kinds, str) else kinds:
            found[kind] = one
        if not kinds:
            for value in _values(one) or ():
                found[
                    {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}[type(value).__name__]
                ] = one
    return found


def _values(schema: Schema) -> set[Any] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _describe(name: str, schema: Schema) -> None:
    """Add the meaning of each field, and the format of times, which msgspec leaves out since a time may lack its zone."""
    meanings = MEANINGS.get(name)
    if meanings is None:
        return
    # The docstring is for developers; readers get the meanings.
    schema.pop("description", None)
    for field, part in schema.get("properties", {}).items():
        if field not in meanings:
            continue
        if meanings[field].endswith("(UTC).") and "format" not in part:
            for one in part.get("anyOf", (part,)):
                one |= {"format": "date-time"} if one.get("type") == "string" else {}
        schema["properties"][field] = {"description": meanings[field], **part}
