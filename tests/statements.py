"""The SQL that a store executes, for tests that say what is asked or hold it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


@contextmanager
def before_statements(
    engine: sa.Engine | type[sa.Engine], call: Callable[[sa.Connection, str, Any], None]
) -> Iterator[None]:
    """Call ``call(connection, statement, parameters)`` before each statement; ``sa.Engine``: of all engines.

    The parameters are a list of them if the statement is executed many times.
    """

    def listener(connection: sa.Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        call(connection, statement, parameters)

    sa.event.listen(engine, "before_cursor_execute", listener)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", listener)


@contextmanager
def statements(engine: sa.Engine | type[sa.Engine], *, commits: bool = False) -> Iterator[list[str]]:
    """The statements that are executed meanwhile; with ``commits``, also COMMIT after each writing transaction."""
    found: list[str] = []

    def committed(connection: sa.Connection) -> None:
        if commits and connection.get_execution_options().get("wirewatch_write"):
            found.append("COMMIT")

    sa.event.listen(engine, "commit", committed)
    try:
        with before_statements(engine, lambda _connection, statement, _parameters: found.append(statement)):
            yield found
    finally:
        sa.event.remove(engine, "commit", committed)
