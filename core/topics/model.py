"""What a topic is."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from core.query import Query, parse

FieldName = Literal["any", "title", "lead", "body"]


@lru_cache(maxsize=1_024)
def parsed(query: str) -> Query:
    """The query read, once for its check and its use: the built-in topics take 0.2 s each time. Raises QueryError."""
    return parse(query)


class WeightedQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Evidence for the topic, or with a negative ``weight`` against it.

    ``language`` is an ISO 639-1 code; None: the query is tried on articles of every language. ``field`` limits it to the
    title, the lead or the rest of the text.
    """

    query: Annotated[str, msgspec.Meta(min_length=1)]
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")] | None = None
    weight: Annotated[float, msgspec.Meta(ge=-10, le=10)] = 1.0
    field: FieldName = "any"


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A short article that the topic must, or must not, be given to."""

    text: str
    title: str = ""
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")] | None = None


class Topic(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"queries": "query"},
    omit_defaults=True,
):
    """A subject. An article belongs to it when its score (see ``score``) is at or over ``threshold``.

    ``name`` is the key in records and subscriptions; ``title`` is for people.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    title: Annotated[str, msgspec.Meta(min_length=1)]
    threshold: Annotated[float, msgspec.Meta(gt=0)]
    queries: Annotated[tuple[WeightedQuery, ...], msgspec.Meta(min_length=1)]
    description: str = ""
    must_match: tuple[Example, ...] = ()
    must_not_match: tuple[Example, ...] = ()
