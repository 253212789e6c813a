"""Deletes kept drafts because of takedowns, limits of texts, the raw stream's retention, age or size, on each machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

import structlog

from core.clock import wall_ms
from core.errors import WirewatchError
from core.store import open_store
from core.store.takedowns import Takedowns
from core.store.text_limits import text_limits_of
from pipeline.drafts.file import DraftFile
from pipeline.drafts.kept import Keeping

log = structlog.get_logger()
EVERY_S = 60.0


def forget_articles(keeping: Keeping, articles: Iterable[str]) -> int:
    """Delete all drafts of these articles (ids), and keep none from now on; returns how many were deleted.

    Raises StoreError if they exist and can't be deleted.
    """
    with closing(_file(keeping)) as file:
        return file.forget(articles)


def forget_gone(keeping: Keeping, stream: str, starts: Mapping[int, int]) -> int:
    """Delete drafts of records that the raw stream no longer has; returns how many. ``starts``: its first offsets."""
    if not Path(keeping.path).exists():
        return 0
    with closing(_file(keeping)) as file:
        return file.gone_from(stream, starts)


class Tending:
    """Keeps a machine's drafts within their limits, and reads takedowns from the store. Belongs to one thread."""

    def __init__(
        self, keeping: Keeping, store_url: str, *, clock_ms: Callable[[], int] = wall_ms, every_s: float = EVERY_S
    ) -> None:
        self._keeping, self._store_url, self._clock_ms, self._every_s = keeping, store_url, clock_ms, every_s
        self._next_s: float | None = None

    def turn(self) -> None:
        """Tend if it is time to. Failures are logged, and retried in the next turn."""
        now_s = time.monotonic()
        if self._next_s is not None and now_s < self._next_s:
            return
        self._next_s = now_s + self._every_s
        now_ms, texts_ms = self._clock_ms(), 0
        try:
            with closing(_file(self._keeping)) as file:
                if self._store_url:
                    with closing(open_store(self._store_url)) as store:
                        file.forget(one.article for one in Takedowns(store).listing())
                        # The shortest limit of any outlet: a draft that is deleted early is just prepared again.
                        texts_ms = text_limits_of(store).shortest_ms(now_ms)
                file.tend(now_ms, texts_before_ms=now_ms - texts_ms if texts_ms else 0)
        except WirewatchError as error:
            log.warning("kept drafts can't be cleaned up now; retrying later", problem=error.message)


@cache
def shared_tending(keeping: Keeping, store_url: str) -> Tending:
    """The instance of the process."""
    return Tending(keeping, store_url)


def _file(keeping: Keeping) -> DraftFile:
    return DraftFile(Path(keeping.path), keeping.most_bytes)
