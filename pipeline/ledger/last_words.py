"""Files in which a process notes the record that it is deciding, for its successor on the same machine.

A note in the store shows what a dead process had to decide, but not how it died: a kill from outside looks like a
deadly record. So each process has two small files. The first, mapped into memory, has the current record; its content
outlives the process, however that ends. The second is faulthandler's: it is written from C when the process ends
itself, by a fatal signal or because it used up its CPU time for one record (SIGVTALRM). A kill from outside does not
write to it.

Nothing here raises because of the files: without them, a death just stays unexplained.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import re
import signal
import threading
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from core.private import make_private_folder
from core.processes import boot_id
from core.records import Position
from core.settings import Settings

FOLDER: Final = "last-words"
_HAND, _FAULT = ".hand", ".fault"
_SLOT: Final = 1024
_MOST: Final = 64 << 10
KEPT_FILES: Final = 64
_OPEN_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_CURRENT: Final = re.compile(r"^Current thread 0x([0-9a-f]+)", re.MULTILINE)
_CPU: Final = ("Current thread 0x", "Thread 0x")
_FATAL: Final = "Fatal Python error: "

log = structlog.get_logger()
_reports: dict[str, bool] = {}


class Death(NamedTuple):
    """How a process ended. ``record``: the record in hand (its position as str), or empty.

    ``proven``: whether it ended itself, in the thread that decided this record or by the limit on CPU time. ``stacks``: the
    stacks of all threads.
    """

    record: str
    proven: bool
    stacks: str

    @property
    def unexplained(self) -> bool:
        """Whether the process ended itself while it decided no record; then each record that it had noted may be the cause."""
        return bool(self.stacks) and not self.record


class LastWords:
    """The files of one run in this process. Not thread-safe: one thread decides a run at a time."""

    def __init__(self, folder: Path, run: str, process: str) -> None:
        """Open the files in ``folder``. Raises OSError."""
        make_private_folder(folder)
        _thin_out(folder)
        self.by_cpu = _report_to(folder / f"{process}{_FAULT}")
        number = os.open(folder / _hand_name(process, run), _OPEN_FLAGS, 0o600)
        try:
            os.write(number, boot_id().ljust(_SLOT).encode("ascii") + b" " * _SLOT)
            self._hand = mmap.mmap(number, 2 * _SLOT)
        finally:
            os.close(number)

    def begin_record(self, position: Position) -> None:
        """Note that a record is in hand, in this thread."""
        text = f"{threading.get_ident():x} {position}".encode()
        # A truncated position is found in no note, so nothing is proven about it.
        self._hand[_SLOT:] = text[:_SLOT].ljust(_SLOT)

    def end_record(self) -> None:
        """Note that nothing is in hand."""
        self._hand[_SLOT:] = b" " * _SLOT


def folder_of(settings: Settings) -> str:
    """The folder for this machine's processes, beside the kept drafts."""
    return str(Path(settings.drafts_dir or settings.data_dir).absolute() / FOLDER)


def open_last_words(folder: str, run: str, process: str) -> LastWords | None:
    """The files of this process; None if there is no folder, or it is not writable."""
    if not folder:
        return None
    try:
        return LastWords(Path(folder), run, process)
    except OSError as error:
        log.warning("the folder for the records in progress can't be used", folder=folder, reason=str(error))
        return None


def how_it_ended(folder: str, run: str, process: str) -> Death | None:
    """How another process of this machine ended; None if it left nothing, or the machine was rebooted since."""
    if not folder:
        return None
    try:
        hand = _read(Path(folder) / _hand_name(process, run))
    except OSError:
        return None
    boot, slot = hand[:_SLOT].strip(), hand[_SLOT:].strip()
    if not boot or boot != boot_id():
        return None
    stacks = ""
    with suppress(OSError):
        stacks = _read(Path(folder) / f"{process}{_FAULT}").strip()
    return judged(slot, stacks)


def judged(slot: str, stacks: str) -> Death:
    """Reads a slot and faulthandler's text. Pure."""
    thread, _, record = slot.partition(" ")
    current = _CURRENT.search(stacks)
    here = current is not None and current[1].lstrip("0") == thread
    proven = bool(record) and (stacks.startswith(_CPU) or (stacks.startswith(_FATAL) and here))
    return Death(record, proven, stacks)


def _report_to(path: Path) -> bool:
    """Make faulthandler write to ``path``, once per process. Returns whether the limit on CPU time is reported too.

    If faulthandler is already on (PYTHONFAULTHANDLER), its output goes elsewhere, and deaths by signals stay unexplained.
    """
    known = _reports.get(str(path))
    if known is not None:
        return known
    number = os.open(path, _OPEN_FLAGS | os.O_APPEND, 0o600)
    if faulthandler.is_enabled():
        os.close(number)
        by_cpu = False
    else:
        faulthandler.enable(number, all_threads=True)
        # After the report, SIGVTALRM's default action ends the process.
        faulthandler.register(signal.SIGVTALRM, number, all_threads=True, chain=True)
        by_cpu = True
    _reports[str(path)] = by_cpu
    return by_cpu


def _hand_name(process: str, run: str) -> str:
    return f"{process}-{blake2b(run.encode(), digest_size=6).hexdigest()}{_HAND}"


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST).decode("utf-8", "replace")


def _thin_out(folder: Path) -> None:
    """Delete the oldest files of processes that ended long ago."""
    found: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        if path.suffix in (_HAND, _FAULT):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[KEPT_FILES:]:
        path.unlink(missing_ok=True)
