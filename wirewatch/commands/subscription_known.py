"""The topics and outlets that there are, to tell a slip of the pen in a subscription's filters from what has yet to come."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import sqlalchemy as sa

from connectors.store.tables import feeds
from core.settings import Settings
from core.store import Store
from core.store.counts import read_activity
from core.topics.definitions import builtin_definitions, folder_definitions


def known_topics(settings: Settings) -> set[str]:
    """Names of the topics that a pipeline with these settings files articles under."""
    own = folder_definitions(Path(settings.topics_dir)) if settings.topics_dir else {}
    return {*builtin_definitions(), *own}


def outlets_never_seen(store: Store, run: str, outlets: Collection[str]) -> list[str]:
    """Those of ``outlets`` that neither a feed nor an article of the run has. Case doesn't count. Raises StoreError."""
    if not outlets:
        return []
    with store.reading() as connection:
        seen = {source.casefold() for source in connection.execute(sa.select(feeds.c.source)).scalars()}
        seen |= {activity.source.casefold() for activity in read_activity(connection, run)}
    return [outlet for outlet in outlets if outlet.casefold() not in seen]
