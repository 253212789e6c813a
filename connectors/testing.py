"""A scripted connector and a repository in memory, so that tests of recovery read as crash stories.

::

    script = Scripted([one, two, ABORT, three, EOF])

The script outlives the "process": run it again after a crash and it goes on where the saved cursor says; each crash
happens once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from connectors.base import PollResult
from core.records import RawArticle


class Abort(BaseException):
    """The process dies here. No Exception, so nothing on the way can take it for an error to handle."""


class Mark(Enum):
    """Places in a script. Each ends the batch of the items before it."""

    ABORT = "the process dies while polling, when this is reached"
    ABORT_BEFORE_SAVE = "the process dies after the items before this were appended, before their cursor is saved"
    PAUSE = "nothing for now"
    CUT = "nothing special: the batch ends here"
    EOF = "the source has ended"


ABORT, ABORT_BEFORE_SAVE, PAUSE, CUT, EOF = Mark.ABORT, Mark.ABORT_BEFORE_SAVE, Mark.PAUSE, Mark.CUT, Mark.EOF


@dataclass(frozen=True, slots=True)
class Place:
    """Cursor of a script: the next step. ``doomed``: saving it is what the process does not live to do."""

    step: int
    doomed: bool = False


class Scripted:
    """A connector that follows a script of articles and marks. The end of the script is like EOF.

    ``pause_s``: how long a PAUSE lasts. ``seen`` collects the cursors that it was polled with.
    """

    def __init__(self, script: Sequence[RawArticle | Mark], *, pause_s: float = 60.0) -> None:
        self._script = tuple(script)
        self._pause = timedelta(seconds=pause_s)
        self._fired: set[int] = set()
        self.seen: list[Place | None] = []

    def poll(self, cursor: Place | None, now: datetime) -> PollResult[Place]:
        """See Connector.poll."""
        self.seen.append(cursor)
        step = cursor.step if cursor else 0
        items: list[RawArticle] = []
        while step < len(self._script):
            entry = self._script[step]
            if isinstance(entry, RawArticle):
                items.append(entry)
                step += 1
                continue
            fresh = step not in self._fired
            if entry is Mark.ABORT and fresh:
                if items:
                    # What came before it is a batch of its own.
                    return PollResult(tuple(items), Place(step), now)
                self._fired.add(step)
                raise Abort
            if entry is Mark.EOF:
                return PollResult(tuple(items), Place(step), None)
            if entry is Mark.PAUSE:
                return PollResult(tuple(items), Place(step + 1), now + self._pause)
            if entry is Mark.ABORT_BEFORE_SAVE and fresh:
                self._fired.add(step)
                return PollResult(tuple(items), Place(step, doomed=True), now)
            step += 1
            if entry is Mark.CUT:
                return PollResult(tuple(items), Place(step), now)
        return PollResult(tuple(items), Place(step), None)


class MemoryRepository:
    """The cursors of scripted connectors. It outlives the "process" too."""

    def __init__(self, names: Collection[str]) -> None:
        self._due: dict[str, datetime | None] = dict.fromkeys(names, datetime.min.replace(tzinfo=UTC))
        self.cursors: dict[str, Place] = {}
        self.problems: dict[str, str] = {}
        self.before_save: Callable[[str], object] = str

    @property
    def ended(self) -> bool:
        """Whether every source has reached its end."""
        return all(due is None for due in self._due.values())

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See SourceRepository.due."""
        ready = sorted((due, name) for name, due in self._due.items() if due and due <= now and name not in skip)
        return [name for _, name in ready[:limit]]

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See SourceRepository.next_due."""
        return min((due for name, due in self._due.items() if due and name not in skip), default=None)

    def load_all(self, names: Sequence[str]) -> Mapping[str, Place | None]:
        """See SourceRepository.load_all."""
        return {name: self.cursors.get(name) for name in names}

    def save_all(self, polls: Sequence[tuple[str, Place | None, PollResult[Place]]]) -> Sequence[bool]:
        """See SourceRepository.save_all. Raises Abort for a doomed cursor, and what ``before_save`` raises."""
        for name, _, result in polls:
            self.before_save(name)
            if result.cursor.doomed:
                raise Abort
        return [self._save(*poll) for poll in polls]

    def _save(self, name: str, before: Place | None, result: PollResult[Place]) -> bool:
        if self.cursors.get(name) != before:
            return False
        self.cursors[name] = result.cursor
        self._due[name] = result.wake_at
        return True

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """See SourceRepository.postpone."""
        self._due[name] = until
        self.problems[name] = problem
