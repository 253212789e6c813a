"""Disks that can be full: a small file system, or, if nothing may be mounted, a limit on the size of files."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.torture.parts import Part


class SmallDisk:
    """A file system of some bytes at ``folder``, which can be filled. Raises OSError if nothing may be mounted."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        folder.mkdir(parents=True)
        self.folder, self._filler = folder, folder / "filler"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=755", "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OSError(done.stderr.strip() or "mount failed")

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab") as file:
            while free := shutil.disk_usage(self.folder).free:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
                except OSError:
                    break

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; what is in it is gone."""
        subprocess.run(["umount", "-l", self.folder], capture_output=True, check=False)


class FileLimit:
    """In place of a small disk, if nothing may be mounted: files of the given processes can't grow (RLIMIT_FSIZE)."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def fill(self) -> None:
        """Let every write behind the first page of a file fail."""
        self._set(4096)

    def free(self) -> None:
        """Let files grow again."""
        self._set(resource.RLIM_INFINITY)

    def close(self) -> None:
        """Nothing to do: the processes end."""

    def _set(self, limit: int) -> None:
        for part in self._parts:
            if part.pid:
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(part.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
