"""Folders and files that only their owner can read: the store contains password hashes and channels' secrets."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077
"""The mode bits that grant access to group and others."""


def make_private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter, and missing parent folders like it. Existing ones stay.

    Raises OSError.
    """
    # The umask can only narrow mkdir's mode, never widen it. Path.mkdir(parents=True) gives parents the default mode.
    for missing in reversed([one for one in (folder, *folder.parents) if not one.is_dir()]):
        missing.mkdir(mode=FOLDER, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Create an empty file that only its owner can read, if it is missing. Raises OSError.

    SQLite gives its ``-wal`` and ``-shm`` files the mode of the database file.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE))


def close_to_others(folder: Path) -> None:
    """Let only the owner read the files that a library wrote into a folder. Files of other users are left as they are."""
    for path in folder.iterdir():
        if open_to_others(path) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.chmod(FILE)


def open_to_others(path: Path) -> bool:
    """Whether group or others can read, write or enter a file or folder. False if it is missing or can't be inspected."""
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False
