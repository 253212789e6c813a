"""The ground that every package stands on: records, errors, settings, logs, net, streams, store, query, topics, search."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The version of this installation. pyproject.toml is the only place that sets it."""
    return metadata.version("wirewatch")
