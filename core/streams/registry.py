"""A schema registry with Confluent's REST interface, to which the streams' JSON Schemas are given under ``STREAM-value``.

Records stay plain JSON, without the registry's magic byte and id: a reader takes the schema by its subject. What is
registered is what ``docs/contracts`` has.
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
    """What the registry said, or that it can't be reached."""


class Registered(NamedTuple):
    """A subject's schema at the registry: ``id`` is the schema's; ``new``: it was not there before."""

    subject: str
    id: int
    new: bool


class SchemaRegistry:
    """The registry at ``url``, which may hold ``user:password@``. Calls raise RegistryRefused. Close it at the end."""

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
        """Register the schema of a stream's records; the same one again changes nothing.

        Refused if the registry holds an earlier one of which, by its own rule, this one is no successor.
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
                f"the schema registry at {self.place}: {error}", hint="is this its address?"
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
