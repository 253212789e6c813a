"""Registers the streams' JSON Schemas, as ``STREAM-value``, in a schema registry with Confluent's REST interface.

Records stay plain JSON, without the registry's magic byte and id: a reader gets the schema by its subject. The
registered schemas are those in ``docs/contracts``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
import msgspec

from core.errors import WirewatchError

TIMEOUT_S = 10.0
_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND = {40401, 40402, 40403}


class RegistryRefused(WirewatchError):
    """The registry refused a schema, or can't be reached."""


class Registered(NamedTuple):
    """A registered schema of a subject. ``id`` is the schema's; ``new``: it was not registered before."""

    subject: str
    id: int
    new: bool


class SchemaRegistry:
    """The registry at ``url``, which may contain ``user:password@``. Calls raise RegistryRefused. Close it at the end."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/", timeout=TIMEOUT_S, transport=transport, headers={"Accept": _TYPE}
        )
        # Without a password, for messages.
        self.place = str(httpx.URL(url).copy_with(userinfo=b""))

    def __enter__(self) -> SchemaRegistry:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._client.close()

    def register(self, stream: str, schema: dict[str, Any]) -> Registered:
        """Register the schema of a stream's records; repeating it changes nothing.

        The registry refuses it if, by its compatibility rule, it can't follow the earlier one.
        """
        subject = f"{stream}-value"
        body = {"schemaType": "JSON", "schema": msgspec.json.encode(schema).decode()}
        known = self._ask("POST", f"subjects/{subject}", body, absent=True)
        if known is not None:
            return Registered(subject, int(known["id"]), new=False)
        made = self._ask("POST", f"subjects/{subject}/versions", body)
        return Registered(subject, int(made["id"]), new=True)

    def _ask(self, method: str, path: str, body: object, *, absent: bool = False) -> Any:
        try:
            answer = self._client.request(
                method, path, content=msgspec.json.encode(body), headers={"Content-Type": _TYPE}
            )
            said = msgspec.json.decode(answer.content or b"{}")
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise RegistryRefused(
                f"the schema registry at {self.place}: {error}", hint="check that this is its address"
            ) from error
        if answer.is_success and isinstance(said, dict):
            return said
        told = said if isinstance(said, dict) else {}
        if absent and told.get("error_code") in _NOT_FOUND:
            return None
        subject = path.split("/")[1]
        words = str(told.get("message", f"HTTP {answer.status_code}"))[:300]
        hint = (
            "compatible" in words and "the registry's rule for this subject is stricter than ours: docs/operations.md"
        )
        raise RegistryRefused(f"the schema registry refuses {subject}: {words}", hint=hint or None)
