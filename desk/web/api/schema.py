"""The API's JSON, encoded with msgspec: the types of answers and bodies are also its OpenAPI schemas.

``Shape`` derives the API's type from a record, so a new field of the record appears in the answers and in their description
without a copy here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Query, Request, Response
from msgspec import UNSET, UnsetType

from core.decoding import Undecodable, from_json
from core.records import from_ms
from core.saying import Said, as_text
from desk.web.problems import PROBLEM_JSON, Refused

PREFIX = "/api/v1"
MOST_MS = 253_402_300_799_000
"""The end of the year 9999, in ms since the epoch."""
Limit = Annotated[int, Query(ge=1, le=200, description="The maximum number of items on a page.")]
CursorText = Annotated[str | None, Query(max_length=2_000, description="The cursor of the previous page.")]
Moment = Annotated[int | None, Query(ge=0, le=MOST_MS, description="In ms since the epoch, UTC.")]
Source = Annotated[str | None, Query(max_length=200, description="The id of an outlet.")]
OfStory = Annotated[str | None, Query(max_length=200, description="The id of a story.")]
OfSubscription = Annotated[str | None, Query(max_length=200, description="The id of a subscription.")]
Topics = Annotated[list[str], Query(max_length=50, description="Names of topics.")]
Sources = Annotated[list[str], Query(max_length=50, description="Ids of outlets.")]
Languages = Annotated[list[str], Query(max_length=50, description="Languages (ISO 639-1).")]
StoryId = Annotated[str, Path(max_length=200, description="The id of a story.")]
SubscriptionId = Annotated[str, Path(max_length=200, description="The id of a subscription.")]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in UTC, as ISO 8601."""

_REF = "#/components/schemas/{name}"
_KINDS: list[type] = []
"""All types used by the routes defined so far, for ``components``."""

_REFUSALS = {
    400: "The request can't be carried out as it is.",
    401: "Not signed in.",
    403: "Not allowed for this role or token.",
    404: "Not found.",
    409: "Another person changed it first.",
    422: "A parameter or the body is invalid.",
    429: "Too many requests; Retry-After says when to try again.",
    502: "A site did not answer.",
    503: "Not available at present.",
}


class Problem(msgspec.Struct, frozen=True):
    """An error (RFC 9457). ``detail``: what was wrong, in English."""

    type: str
    title: str
    status: int
    detail: str


class Shape:
    """How the API shows a record: all its fields except ``without``, under their encoded names or those in ``renamed``.

    A field ``x_ms`` becomes the time ``x`` (UTC); if it has a default, 0 becomes null. ``added``: further fields with their
    types, whose values are arguments of ``of``. ``doc`` replaces the record's own description.
    """

    def __init__(
        self,
        name: str,
        record: type[msgspec.Struct],
        doc: str = "",
        *,
        without: Collection[str] = (),
        renamed: Mapping[str, str] | None = None,
        **added: Any,
    ) -> None:
        self._times: dict[str, bool] = {}
        self._names: list[str] = []
        fields: list[tuple[str, Any]] = []
        for one in msgspec.structs.fields(record):
            if one.name in without:
                continue
            shown, kind = one.encode_name, one.type
            if one.name.endswith("_ms"):
                self._times[one.name] = not one.required
                shown, kind = shown.removesuffix("_ms"), Time if one.required else Time | None
            elif kind in (datetime, datetime | None):
                kind = Time if kind is datetime else Time | None
            self._names.append(one.name)
            fields.append(((renamed or {}).get(one.name, shown), kind))
        self.kind = msgspec.defstruct(
            name, [*fields, *added.items()], frozen=True, namespace={"__doc__": doc or record.__doc__}
        )

    @property
    def several(self) -> Any:
        """The type of a list of this shape."""
        return tuple[self.kind, ...]  # type: ignore[name-defined]

    def of(self, record: object, *added: object) -> msgspec.Struct:
        """The record as the API shows it; ``added``: the values of the added fields, in order."""
        return self.kind(*(self._value(record, name) for name in self._names), *added)

    def _value(self, record: object, name: str) -> object:
        value = getattr(record, name)
        if name not in self._times:
            return value
        return None if value is None or (not value and self._times[name]) else from_ms(value)


def listing(name: str, doc: str, item: Any, **more: Any) -> type[msgspec.Struct]:
    """A type with ``items`` of another type, and further fields, such as a ``cursor``."""
    return composed(name, doc, items=tuple[item, ...], **more)


def composed(name: str, doc: str, **fields: Any) -> type[msgspec.Struct]:
    """A type with these fields."""
    return msgspec.defstruct(name, list(fields.items()), namespace={"__doc__": doc})


def partial(
    shown: str,
    doc: str,
    record: type[msgspec.Struct],
    names: Collection[str],
    /,
    required: Collection[str] = (),
    **kinds: Any,
) -> type[msgspec.Struct]:
    """A type for bodies with some of a record's fields, optional and nullable except ``required``. ``kinds``: changed types."""
    known = {one.name: one.type for one in msgspec.structs.fields(record)} | kinds
    fields = [
        (name, known[name]) if name in required else (name, known[name] | None | UnsetType, UNSET) for name in names
    ]
    return msgspec.defstruct(shown, fields, kw_only=True, namespace={"__doc__": doc})


def given(body: msgspec.Struct) -> dict[str, Any]:
    """The fields present in a body of a partial type, as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(body)
    return {name: value for name, value in plain.items() if value is not None}


def answer(value: object) -> Response:
    """The value as a JSON answer. Times are ISO 8601 with their zone."""
    return Response(msgspec.json.encode(value, enc_hook=as_text), media_type="application/json")


def gives(kind: type | None, *refusals: int) -> dict[int | str, dict[str, Any]]:
    """A route's answers, for its description: 200 with this type (None: an empty 204), and its possible refusals.

    Always includes the refusals that all routes share.
    """
    _KINDS.append(Problem)
    problem = {PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="Problem")}}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _REFUSALS[status], "content": problem}
        for status in sorted({401, 403, 422, 429, 503, *refusals})
    }
    if kind is not None:
        _KINDS.append(kind)
        found[200] = {"description": "Successful.", "content": {"application/json": {"schema": _schema(kind)}}}
    return found


def takes(kind: type) -> dict[str, Any]:
    """The body of a route, for its description (``openapi_extra``)."""
    _KINDS.append(kind)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema(kind)}}}}


def body(kind: type) -> Any:
    """A dependency that decodes the request's body as this type. Refuses an invalid body with 422."""

    async def read(request: Request) -> Any:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(422, "send the body as application/json")
        try:
            return from_json(await request.body(), kind)
        except Undecodable as error:
            raise Refused(422, f"body: {error}"[:1_000]) from error

    return Depends(read)


def cursor_of(text: str) -> str:
    """The cursor for a text."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, pattern: str) -> str | None:
    """The text of a cursor, which must fully match ``pattern``. Raises Refused for an invalid cursor."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    if not re.fullmatch(pattern, text):
        raise Refused(400, "this is not a cursor of this list: begin without one")
    return text


def components() -> dict[str, Any]:
    """The schemas of all types that routes return and accept, by name."""
    return msgspec.json.schema_components(_KINDS, schema_hook=_described, ref_template=_REF)[1]


def _described(kind: type) -> dict[str, Any]:
    """The schema of a type that only ``answer`` knows how to encode."""
    if kind is Said:
        return {"type": "string", "description": "In English."}
    raise NotImplementedError(kind.__name__)


def _schema(kind: type) -> dict[str, Any]:
    return {"$ref": _REF.format(name=kind.__name__)}
