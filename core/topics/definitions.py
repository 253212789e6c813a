"""Topic files: TOML into ``Topic``. The only module here that reads files."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from core.errors import QueryError, UsageError
from core.topics.model import Topic, parsed


def load_topic(data: bytes | str, name: str) -> Topic:
    """The topic in the TOML ``data``. ``name`` (a file's) is for messages.

    Raises UsageError, which names the file and the key, for TOML that does not parse, a key that is unknown, missing or of
    the wrong kind, and a query that does not parse.
    """
    try:
        table = tomllib.loads(data.decode("utf-8") if isinstance(data, bytes) else data)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: {error}") from error
    try:
        topic = msgspec.convert(table, Topic)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: {str(error).replace('`$.', '`')}") from error
    for number, weighted in enumerate(topic.queries, start=1):
        try:
            parsed(weighted.query)
        except QueryError as error:
            where = f"{name}: query {number} ({weighted.language or 'every language'})"
            raise UsageError(f"{where}: {error}", hint=f"the query begins {weighted.query[:60]!r}") from error
    if topic.threshold and not any(weighted.weight > 0 for weighted in topic.queries):
        raise UsageError(f"{name}: query: none has a weight over 0, so nothing would ever be tagged")
    return topic


def builtin_topics() -> tuple[Topic, ...]:
    """The topics that come with the program, by name."""
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".toml")]
    return _distinct([(file.name, load_topic(file.read_bytes(), file.name)) for file in files])


def load_topic_folder(path: Path) -> tuple[Topic, ...]:
    """The topics of the ``*.toml`` files of a folder, by name. Raises UsageError also where two files hold one topic."""
    try:
        if not path.is_dir():
            raise UsageError(f"{path}: no such folder of topics")
        return _distinct(
            [(file.name, load_topic(file.read_bytes(), str(file))) for file in sorted(path.glob("*.toml"))]
        )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _distinct(topics: list[tuple[str, Topic]]) -> tuple[Topic, ...]:
    files: dict[str, str] = {}
    for file, topic in topics:
        if (other := files.setdefault(topic.name, file)) != file:
            raise UsageError(f"{file}: name: the topic {topic.name} is already in {other}")
    return tuple(sorted((topic for _, topic in topics), key=lambda topic: topic.name))
