"""Allows one ``wirewatch up`` per data folder: a lock on a file in it, which the system releases however the process
ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UsageError
from core.private import FILE, make_private_folder

NAME = "up.lock"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock of a data folder. Raises UsageError naming the process that has it, or why it can't be taken.

    Processes that this one starts do not inherit it.
    """
    path = folder / NAME
    try:
        make_private_folder(folder)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="choose a data_dir that is writable") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            who = f" (process {holder})" if holder.isdecimal() else ""
            raise UsageError(
                f"another wirewatch up is running in {folder.absolute()}{who}",
                hint="stop that one first, or choose another data_dir",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
