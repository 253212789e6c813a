"""Work on records with traps planted in it: importable, so that processes of their own can do it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.records import RawArticle, decode
from pipeline.elements import Envelope
from pipeline.transforms.prepare import Prepared
from pipeline.transforms.record import RecordWork


@dataclass(frozen=True)
class PlantedWork(RecordWork):
    """Does what a record's URL says when a stage begins: ``…/hang-match-1`` hangs as matching begins, ``kill-clean`` dies."""

    def do(self, envelope: Envelope, begun: Callable[[str], object] = lambda _stage: None) -> Prepared:
        what, _, stage = decode(envelope.value, RawArticle).url.rpartition("/")[2].partition("-")

        def trapped(now: str) -> None:
            begun(now)
            if stage.startswith(now) and envelope.problem is None:
                if what == "wait":
                    threading.Event().wait()
                if what == "hang":
                    while True:
                        pass
                if what == "kill":
                    os.abort()

        return super().do(envelope, trapped)
