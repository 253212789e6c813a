"""A schema registry, played by a small server that speaks its REST interface and refuses what its rule forbids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.records.contracts import CONTRACTS, schema_of
from core.streams.registry import Registered, RegistryRefused, SchemaRegistry
from tests.serving import Answering, Handler
from tests.wirewatch.command import wirewatch


class Registry:
    """Schemas by subject, in order of their versions. ``strict``: no subject takes another schema."""

    def __init__(self) -> None:
        self.subjects: dict[str, list[dict[str, Any]]] = {}
        self.ids: list[str] = []
        self.strict = False
        self.asked: list[str | None] = []
        registry = self

        class Rest(Handler):
            def do_POST(self) -> None:
                registry.asked.append(self.headers["Authorization"])
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert body["schemaType"] == "JSON"
                parts = self.path.strip("/").split("/")
                self._send(*registry.answer(parts[-2] if parts[-1] == "versions" else parts[-1], body["schema"], parts))

            def _send(self, status: int, value: Any) -> None:
                self.send(status, json.dumps(value).encode(), Content_Type="application/vnd.schemaregistry.v1+json")

        self.server = Answering(Rest)
        self.port = self.server.server_port

    def answer(self, subject: str, schema: str, parts: list[str]) -> tuple[int, dict[str, Any]]:
        known = self.subjects.get(subject)
        found = [one for one in known or () if one["schema"] == schema]
        if parts[-1] != "versions":
            if known is None:
                return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
            return (200, found[0]) if found else (404, {"error_code": 40403, "message": "Schema not found"})
        if not found:
            if known and self.strict:
                return 409, {
                    "error_code": 409,
                    "message": "Schema being registered is incompatible with an earlier schema",
                }
            self.ids.append(schema)
            made = {"subject": subject, "version": len(known or ()) + 1, "id": len(self.ids), "schema": schema}
            self.subjects.setdefault(subject, []).append(made)
            found = [made]
        return 200, {"id": found[0]["id"]}


@contextmanager
def playing() -> Iterator[Registry]:
    made = Registry()
    with made.server:
        yield made


def test_a_schema_is_registered_once_and_a_password_is_sent_but_not_shown() -> None:
    with playing() as played, SchemaRegistry(f"http://ann:secret@127.0.0.1:{played.port}/") as registry:
        assert registry.register("alerts", {"type": "object"}) == Registered("alerts-value", 1, new=True)
        assert registry.register("alerts", {"type": "object"}) == Registered("alerts-value", 1, new=False)
        assert registry.register("alerts", {"type": "object", "title": "b"}) == Registered("alerts-value", 2, new=True)
        assert set(played.asked) == {"Basic YW5uOnNlY3JldA=="}
        assert "secret" not in registry.place


def test_what_the_registry_says_is_passed_on() -> None:
    with playing() as played, SchemaRegistry(f"http://127.0.0.1:{played.port}") as registry:
        registry.register("alerts", {"type": "object"})
        played.strict = True
        with pytest.raises(RegistryRefused, match=r"refuses alerts-value: .*incompatible.*stricter than ours"):
            registry.register("alerts", {"type": "array"})
    with (
        SchemaRegistry("http://127.0.0.1:1") as away,
        pytest.raises(RegistryRefused, match=r"127\.0\.0\.1:1.*its address"),
    ):
        away.register("alerts", {})


def test_streams_create_registers_the_contracts(tmp_path: Path) -> None:
    with playing() as played:
        told = {"WIREWATCH_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{played.port}", "WIREWATCH_RAW_STREAM": "pages"}
        first, second = (wirewatch("streams", "create", cwd=tmp_path, **told) for _ in range(2))
        assert first.returncode == second.returncode == 0, first.stderr
        names = {"pages" if one.name == "raw-articles" else one.name: one for one in CONTRACTS}
        assert played.subjects.keys() == {f"{name}-value" for name in names}
        for name, one in names.items():
            [kept] = played.subjects[f"{name}-value"]
            assert json.loads(kept["schema"]) == json.loads(json.dumps(schema_of(one)))
        assert second.stderr.count("already registered") == len(names)
    gone = wirewatch("streams", "create", cwd=tmp_path, **told)
    assert gone.returncode == 1
    assert "schema registry" in gone.stderr
