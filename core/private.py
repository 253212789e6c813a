"""Folders and files that only their owner may read: the store holds people's passwords' hashes and channels' secrets."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077
"""What a mode grants to group and others."""


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and the folders above it. One that exists is left as it is.

    Raises OSError.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The mode of mkdir is narrowed by the umask only, never widened.
    folder.mkdir(mode=FOLDER, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner may read, if it is missing. Raises OSError.

    SQLite gives the ``-wal`` and ``-shm`` files the mode of the database's file.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE))


def close_to_others(folder: Path) -> None:
    """Let only the owner read the files of a folder that a library has written. Others' files are left."""
    for path in folder.iterdir():
        if open_to_others(path) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.chmod(FILE)


def open_to_others(path: Path) -> bool:
    """Whether group or others may read, write or enter a file or folder. False if it is missing or can't be looked at."""
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False
