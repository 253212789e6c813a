"""The rules by which a run has formed its stories, stored in the run's row."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from core.store import Store
from core.store import tables as t

UNKNOWN_RULE = "unknown"
"""The rule of a run that began with a version of Wirewatch that stored none."""

_KEY = "stories"


def note_story_rule(connection: sa.Connection, run: str, rule: str) -> None:
    """Record that a run forms its stories by this rule from now on."""
    found = connection.execute(sa.select(t.runs.c.spec, t.runs.c.seq).where(t.runs.c.name == run)).one()
    spec: dict[str, Any] = msgspec.json.decode(found.spec)
    rules = _rules(spec) or ((UNKNOWN_RULE,) if found.seq else ())
    if rule not in rules:
        spec[_KEY] = [*rules, rule]
        connection.execute(t.runs.update().where(t.runs.c.name == run).values(spec=msgspec.json.encode(spec).decode()))


def story_rules(store: Store, run: str) -> tuple[str, ...]:
    """The rules by which a run has formed its stories, oldest first; empty for an unknown run, or if none is stored."""
    with store.reading() as connection:
        spec = connection.execute(sa.select(t.runs.c.spec).where(t.runs.c.name == run)).scalar_one_or_none()
    return _rules(msgspec.json.decode(spec)) if spec else ()


def _rules(spec: dict[str, Any]) -> tuple[str, ...]:
    # A replay has one rule, which is an option like others (``ReplaySpec``).
    noted = spec.get(_KEY) or ()
    return (noted,) if isinstance(noted, str) else tuple(noted)
