"""The API's description: OpenAPI for programs, and a plain page for people."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from desk.people.roles import Role
from desk.web.api.schema import PREFIX, answer, components, gives
from desk.web.guard import allow
from desk.web.render import page
from desk.web.requests import TheCaller

router = APIRouter()


class Me(msgspec.Struct, frozen=True):
    """The caller. ``role``: reader, editor or admin. ``means``: session, token, proxy or demo. ``writes``: may make changes."""

    name: str
    role: str
    means: str
    writes: bool


@router.get(f"{PREFIX}/me", responses=gives(Me), tags=["me"])
@allow(Role.READER)
def me(caller: TheCaller) -> Response:
    """The person to whom this session or token belongs."""
    return answer(Me(name=caller.name, role=caller.role.value, means=caller.means, writes=caller.writes))


@router.get(f"{PREFIX}/openapi.json", include_in_schema=False)
@allow(Role.READER)
def description(request: Request) -> JSONResponse:
    """The OpenAPI description."""
    return JSONResponse(openapi(request.app))


@router.get("/api/", include_in_schema=False)
@allow(Role.READER)
def for_people(request: Request) -> Response:
    """The description of the API as a page."""
    whole = openapi(request.app)
    routes = [
        (method.upper(), path, route) for path, methods in whole["paths"].items() for method, route in methods.items()
    ]
    return page(
        request,
        "api.html",
        routes=routes,
        openapi_path=f"{PREFIX}/openapi.json",
        meaning=meaning,
        types=types_of(whole),
        type_names=type_names,
        type_words=type_words,
    )


def types_of(whole: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The types of bodies and answers, by name, with their schemas."""
    return sorted(whole["components"]["schemas"].items())


def type_names(route: dict[str, Any]) -> tuple[str, str]:
    """The names of the types of a route's body and of its successful answer; empty if there is none."""
    return _json_type(route.get("requestBody", {})), _json_type(route["responses"].get("200", {}))


def type_words(schema: dict[str, Any]) -> str:
    """The type of a field in words: the name of another type, its values, ``list of …``, ``string or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(map(type_words, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {type_words(schema['items'])}" if schema.get("items") else "list"
    return str(schema.get("format") or schema.get("type") or "anything")


def _json_type(part: dict[str, Any]) -> str:
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def meaning(parameter: dict[str, Any]) -> str:
    """A parameter's meaning for people: its description, and the values, limits and default in its schema."""
    schema: dict[str, Any] = parameter.get("schema", {})
    one = next((kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"), schema)
    item = one.get("items", one)
    said = [str(parameter.get("description", "")).rstrip(".")]
    if "enum" in item:
        said.append("one of " + ", ".join(map(str, item["enum"])))
    if "const" in item:
        said.append(str(item["const"]))
    low, high = item.get("minimum"), item.get("maximum")
    if low is not None and high is not None:
        said.append(f"{low:,} to {high:,}")
    elif item.get("type") == "boolean":
        said.append("true or false")
    if one.get("type") == "array":
        said.append("may be given several times")
    if "default" in schema and schema["default"] not in (None, [], ""):
        said.append(f"default {schema['default']}")
    whole = "; ".join(filter(None, said)) or ("a number" if item.get("type") == "integer" else "a text")
    return f"{whole[0].upper()}{whole[1:]}."


@cache
def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: all routes of the API, and how to sign in."""
    whole = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    security = {"token": {"type": "http", "scheme": "bearer"}}
    whole["components"] = {"schemas": components(), "securitySchemes": security}
    whole["security"] = [{"token": []}]
    for methods in whole["paths"].values():
        for route in methods.values():
            route["responses"].pop("422", None) if not route.get("parameters") and "requestBody" not in route else None
    return whole
