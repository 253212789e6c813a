"""Pages whose commands are run as they are printed, with what they print compared.

Of a page (or a section of it) count, in this order and in one empty folder:

- a block with a title, as ```` ```toml title="wirewatch.toml" ````: the file of that name is written;
- a ``console`` block: each line after ``$ `` is run, and the lines below it are what it prints on a terminal. A line ``...``
  stands for any lines, or none;
- a ``text`` block: what the service that was started last prints meanwhile.

Times, dates, ids, ports and what else differs between two runs (``_MASKS``) are compared as such, whatever their value.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.waiting import until
from tests.wirewatch.command import on_terminal, surroundings, wirewatch

ROOT = Path(__file__).parents[1]
WIDTH = 120
SERVICES = ("up",)
"""Commands that run until they are interrupted."""
_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```', re.DOTALL | re.MULTILINE)
_MASKS = (
    (r"https?://127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\b\d\d:\d\d(?::\d\d)?(?:\.\d+)?\b", "TIME"),
    (r"\bwhsec_[\w+/=-]+", "SECRET"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b", "ID"),
    (r"\b\d+(?:\.\d+)? ?(?:ms|s|min|h)\b", "SPAN"),
    (r"\b[\d,.]+ a second\b", "RATE"),
    (r"\([\d,]+ rows?\)", "(ROWS)"),
    (r"\b\d+ drafts? reused", "DRAFTS reused"),
    (r"(?m)^another process is updating the search index: .*\n", ""),
)


class Step(NamedTuple):
    """What a reader does: write the file ``name``, run ``command`` (one shell line), or read on (neither)."""

    text: str
    name: str = ""
    command: str = ""


def section(page: str, heading: str) -> str:
    """The text from ``heading`` to the next one of its level."""
    marks = heading.partition(" ")[0]
    [found] = re.findall(rf"^{re.escape(heading)}$.*?(?=^#{{1,{len(marks)}}} |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(found)


def steps(markdown: str) -> Iterator[Step]:
    """What the page has its reader do, in its order."""
    for language, name, body in _FENCE.findall(markdown):
        if name:
            yield Step(body, name=name)
        elif language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, shown = re.sub(r" \\\n\s*", " ", part).partition("\n")
                yield Step(shown, command=command)
        elif language == "text":
            yield Step(body)


def masked(text: str) -> list[str]:
    """Lines without what differs from one run to the next, nor spaces at their ends."""
    for pattern, name in _MASKS:
        text = re.sub(pattern, name, text)
    # A table's columns are as wide as what was masked in them.
    return [re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in text.strip("\n").splitlines()]


def difference(shown: str, printed: str) -> str:
    """What the page shows beside what was printed, as a diff; empty if they agree."""
    wanted, got = masked(shown), masked(printed)
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(f"{line}\n") for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in got)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, got, "the page", "the command", lineterm=""))


class Reader:
    """Does what a page says, in ``folder``. ``instead`` maps what the page has to what stands in for it; it is mapped back in
    what is printed. ``meanwhile`` is called before each ``text`` block."""

    def __init__(
        self,
        folder: Path,
        *,
        instead: Mapping[str, str] | None = None,
        meanwhile: Callable[[], object] = lambda: None,
        **environment: str,
    ) -> None:
        self._folder, self._instead, self._meanwhile = folder, dict(instead or {}), meanwhile
        self._environment = {"TERM": "dumb", "COLUMNS": str(WIDTH), "LOGNAME": "ann", **environment}
        self._service: _Service | None = None

    def follow(self, markdown: str) -> int:
        """The number of commands that were run. Raises AssertionError for the first that does not print what the page shows."""
        run = 0
        try:
            for step in steps(markdown):
                if step.name:
                    (self._folder / step.name).write_text(self._standing_in(step.text), "utf-8")
                elif step.command:
                    self._run(step)
                    run += 1
                else:
                    assert self._service is not None, f"no service runs that prints {step.text}"
                    self._meanwhile()
                    self._service.prints(step.text, self._as_shown)
        finally:
            if self._service is not None:
                self._service.end()
        return run

    def _run(self, step: Step) -> None:
        words = shlex.split(self._standing_in(step.command), comments=True)
        assert words[0] == "wirewatch", step.command
        if words[1] in SERVICES:
            self._service = _Service(words[1:], self._folder, self._environment)
            self._service.prints(step.text, self._as_shown)
            return
        if words[-2:-1] == [">"]:
            done = wirewatch(*words[1:-2], cwd=self._folder, **self._environment)
            (self._folder / words[-1]).write_text(done.stdout, "utf-8")
            printed = self._as_shown(done.stderr)
        else:
            done = on_terminal(*words[1:], cwd=self._folder, together=True, **self._environment)
            printed = self._as_shown(done.stdout)
        differs = difference(step.text, printed)
        assert not differs, f"$ {step.command}\n{differs}\n\nprinted:\n{printed}"

    def _standing_in(self, text: str) -> str:
        for shown, real in self._instead.items():
            text = text.replace(shown, real)
        return text

    def _as_shown(self, text: str) -> str:
        for shown, real in self._instead.items():
            text = text.replace(real, shown)
        return text.replace(str(self._folder), "~/news")


class _Service:
    """A command that runs on a terminal of its own until it is interrupted."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str]) -> None:
        ours, its = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wirewatch", *words],
            cwd=folder,
            env=surroundings() | environment,
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        self._ours, self._printed = ours, bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # Linux ends what is read with EIO, once no process has the other side open.
        with contextlib.suppress(OSError):
            while part := os.read(self._ours, 65_536):
                self._printed.extend(part)

    def prints(self, shown: str, as_shown: Callable[[str], str]) -> None:
        """Wait until it has printed these lines, in any order: articles of several feeds come as they come."""

        def printed() -> str:
            return as_shown(self._printed.decode("utf-8", "replace").replace("\r\n", "\n"))

        def missing() -> list[str]:
            lines = set(masked(printed()))
            return [line for line in masked(shown) if line != "..." and line not in lines]

        try:
            until(lambda: not missing() or self._process.poll() is not None, "")
        finally:
            assert not missing(), f"not printed: {missing()}\nprinted:\n{printed()}"

    def end(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(60) == 0, self._printed.decode("utf-8", "replace")
        finally:
            self._process.kill()
            self._reader.join(10)
            os.close(self._ours)
