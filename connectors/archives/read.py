"""Reads a path as an archive: a file, or a folder with its manifest.

Unreadable input becomes an item with a problem. The only files that are skipped silently are those in a folder that are
not archives (``README.md``, hidden files).
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from connectors.archives.items import ArchiveItem, moment, raw_of_line, source_of
from connectors.archives.warc import read_warc
from connectors.feeds.article import raw_article
from connectors.feeds.items import ParsedFeed
from connectors.feeds.parse import parse_feed
from connectors.http.body import NotUnpacked, unpacked
from core.charset import binary_kind, decode_body
from core.decoding import Undecodable, from_json
from core.errors import FeedError, InputError, UsageError
from core.records import RawArticle

MANIFEST = "manifest.jsonl"
# A larger page or line is refused before it fills memory; real pages are smaller than 8 MiB.
MAX_BYTES = 32 << 20
BOM = b"\xef\xbb\xbf"
LINES, WARC, FEED, PAGE, TEXT = "lines", "warc", "feed", "page", "text"
KINDS = {
    ".jsonl": LINES,
    ".ndjson": LINES,
    ".warc": WARC,
    ".xml": FEED,
    ".rss": FEED,
    ".atom": FEED,
    ".rdf": FEED,
    ".json": FEED,
    ".html": PAGE,
    ".htm": PAGE,
    ".xhtml": PAGE,
    ".txt": TEXT,
}


class ManifestLine(msgspec.Struct, frozen=True):
    """A manifest's line for a file. Other fields are expected results for scoring, never input."""

    file: str
    url: str
    fetched: str | None = None


def read_path(path: Path, *, leave_out: Collection[str] = ()) -> Iterator[ArchiveItem]:
    """All items of a file or folder, files in the order of their names; ``leave_out``: names in a folder to skip.

    Raises UsageError if there is no such path.
    """
    if path.is_dir():
        return _read_folder(path, leave_out)
    if not path.exists():
        raise UsageError(
            f"{path}: no such file or folder", hint="give a .jsonl, .warc, feed, .html or .txt, or a folder"
        )
    if kind_of(path) is None:
        known = " ".join(sorted(KINDS))
        raise UsageError(
            f"{path}: not a kind of file that can be read", hint=f"known kinds: {known}, each also with .gz"
        )
    return _read_file(path, os.fsencode(path.name).decode("utf-8", "replace"))


def kind_of(path: Path) -> str | None:
    """The kind of a file by its name (ignoring a final .gz), or None."""
    name = path.name.lower().removesuffix(".gz")
    return KINDS.get(name[name.rfind(".") :]) if "." in name else None


def _read_folder(folder: Path, leave_out: Collection[str]) -> Iterator[ArchiveItem]:
    manifest: dict[str, ManifestLine] = {}
    for item in read_manifest(folder / MANIFEST):
        if isinstance(item, ArchiveItem):
            yield item
        elif item.file in manifest:
            yield ArchiveItem(
                f"{MANIFEST}: {item.file}", problem="the manifest names it more than once; the first counts"
            )
        else:
            manifest[item.file] = item
    for name in leave_out:
        manifest.pop(name, None)
    found = sorted(path for path in folder.rglob("*") if not (path.is_dir() or path.name.startswith(".")))
    for path in found:
        # Names need not be UTF-8, but strings in records must be.
        name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
        if name not in leave_out and name != MANIFEST and (kind_of(path) or name in manifest):
            listed = manifest.pop(name, None)
            if problem := unfit(path, folder):
                yield ArchiveItem(name, problem=problem)
            else:
                yield from _read_file(path, name, listed)
    for name in manifest:
        yield ArchiveItem(name, problem="the manifest names it, but there is no such file")


def unfit(path: Path, folder: Path) -> str | None:
    """Why an entry of a folder is not read; None if it is.

    Folders come from others: a link could turn any file of this machine into an article, and a pipe never ends. But
    people also collect pages as links, so a link to a web page or a WARC file, by the name of its target, is followed.
    """
    if path.is_symlink():
        # Not ``Path.resolve``, which before Python 3.13 raises RuntimeError for a link to itself.
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(folder)) and kind_of(target) not in (PAGE, WARC):
            return "a link out of the folder to neither a web page nor a WARC file"
    return None if path.is_file() else "not a file"


def read_manifest(path: Path) -> Iterator[ManifestLine | ArchiveItem]:
    """The lines of a manifest, or problems with them; none if there is no such file."""
    if not path.is_file():
        return
    for number, line in _lines(path, path.name):
        try:
            yield from_json(line, ManifestLine)
        except Undecodable as error:
            yield ArchiveItem(f"{path.name}:{number}", problem=f"not a line of a manifest: {error}")


def _read_file(path: Path, name: str, listed: ManifestLine | None = None) -> Iterator[ArchiveItem]:
    readers: dict[str, Callable[[Path, str, datetime], Iterator[ArchiveItem]]] = {
        LINES: _read_lines,
        WARC: read_warc,
        FEED: _read_feed,
    }
    try:
        fetched_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        kind = kind_of(path) or PAGE
        if kind in readers:
            yield from readers[kind](path, name, fetched_at)
        else:
            yield ArchiveItem(name, raw=_read_article(path, name, kind, fetched_at, listed))
    except InputError as error:
        yield ArchiveItem(name, problem=error.problem)
    except FeedError as error:
        yield ArchiveItem(name, problem=error.problem)
    except (OSError, EOFError, zlib.error) as error:
        yield ArchiveItem(name, problem=f"unreadable: {getattr(error, 'strerror', None) or error}")


def _read_article(path: Path, name: str, kind: str, fetched_at: datetime, listed: ManifestLine | None) -> RawArticle:
    body = _bytes(path, name)
    text = decode_body(body, None).text
    url = listed.url if listed else f"file:{name}"
    raw = RawArticle(
        url=url,
        source=source_of(url),
        fetched_at=moment(listed.fetched, name) if listed and listed.fetched else fetched_at,
    )
    return replace(raw, html=text) if kind == PAGE else replace(raw, text=text)


def feed_in(path: Path, name: str, url: str | None = None) -> ParsedFeed:
    """The feed in a file that was fetched from ``url``. Raises InputError, FeedError, OSError."""
    return parse_feed(_bytes(path, name), url=url or f"file:{name}")


def _read_feed(path: Path, name: str, fetched_at: datetime) -> Iterator[ArchiveItem]:
    feed = feed_in(path, name)
    if not feed.items:
        yield ArchiveItem(name, problem="a feed without items")
    for number, item in enumerate(feed.items, start=1):
        raw = raw_article(
            item,
            None,
            source=source_of(item.url),
            feed_url=f"file:{name}",
            language=feed.language,
            backfill=False,
            now=fetched_at,
        )
        yield ArchiveItem(f"{name}#{number}", raw=raw)


def _read_lines(path: Path, name: str, fetched_at: datetime) -> Iterator[ArchiveItem]:
    for number, line in _lines(path, name):
        where = f"{name}:{number}"
        try:
            if len(line) > MAX_BYTES:
                raise InputError(where, f"a line of more than {MAX_BYTES >> 20} MiB")
            yield ArchiveItem(where, raw=raw_of_line(line, where, fetched_at))
        except InputError as error:
            yield ArchiveItem(where, problem=error.problem)


def _lines(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Non-blank lines with their numbers. Raises InputError for content that is not text, and for endless blank lines."""
    with _open(path) as file:
        if file.peek(3)[:3] == BOM:
            file.read(3)
        if what := binary_kind(file.peek(8)[:8]):
            raise InputError(name, f"not lines but {what}")
        yield from text_lines(file, name, MAX_BYTES)


def _bytes(path: Path, name: str) -> bytes:
    with _open(path) as file:
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise InputError(name, f"more than {MAX_BYTES >> 20} MiB")
    try:
        body = unpacked(body, MAX_BYTES)
    except NotUnpacked as error:
        raise InputError(name, str(error)) from error
    if what := binary_kind(body):
        raise InputError(name, f"not text but {what}")
    return body


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.GzipFile(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


class Readable(Protocol):
    """A file of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes; none at the end."""


MAX_BLANK = 256 << 20
"""Blank bytes in a row after which a file is given up: a gzip file of some kilobytes can contain gigabytes of them."""

_SOMETHING = re.compile(rb"\S")


def text_lines(file: Readable, name: str, max_bytes: int, *, block_bytes: int = 1 << 20) -> Iterator[tuple[int, bytes]]:
    """Non-blank lines with their numbers in the file, from 1, each truncated to ``max_bytes`` + 1.

    Blank lines need no Python step each. Raises InputError after 256 MiB of blank.
    """
    number, blank, held = 1, 0, b""
    while block := file.read(block_bytes):
        data = held + block
        end = data.rfind(b"\n") + 1
        at = 0
        # The fastest check first: a blank block need not be searched.
        something = not data.isspace()
        while something and (found := _SOMETHING.search(data, at, end)):
            start, after = data.rfind(b"\n", at, found.start()) + 1 or at, data.find(b"\n", found.start()) + 1
            number += data.count(b"\n", at, start)
            yield number, data[start : min(after, start + max_bytes + 1)]
            number, at, blank = number + 1, after, 0
        number += data.count(b"\n", at, end)
        held = data[end:]
        if not held.strip():
            blank += len(data) - at
            held = b""
        elif len(held) > max_bytes:
            yield number, held[: max_bytes + 1]
            number, blank, held = number + 1, 0, _behind_the_line(file, block_bytes)
        if blank > MAX_BLANK:
            raise InputError(name, f"only blank lines for {MAX_BLANK >> 20} MiB: stopped at line {number:,}")
    if held.strip():
        yield number, held


def _behind_the_line(file: Readable, block_bytes: int) -> bytes:
    """Skip the rest of a line, and return what was read after it."""
    while block := file.read(block_bytes):
        end = block.find(b"\n") + 1
        if end:
            return block[end:]
    return b""
