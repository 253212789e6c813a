"""Damaged WARC files: good records come, bad ones are counted with their offset."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from connectors.archives import ArchiveItem
from connectors.archives.warc import read_warc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNT = 4


def record(
    number: int, *, packed: bool = True, rec_type: str = "response", kind: str = "text/html", **headers: str
) -> bytes:
    """One record as bytes."""
    file = io.BytesIO()
    writer = WARCWriter(file, gzip=packed)
    page = f"<html><body><p>Page {number}. {'Some words. ' * 40}</p></body></html>".encode()
    http = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1") if rec_type == "response" else None
    made = writer.create_warc_record(
        f"https://outlet.test/{number}",
        rec_type,
        payload=io.BytesIO(page),
        http_headers=http,
        warc_content_type="" if http else kind,
        warc_headers_dict={"WARC-Date": f"2026-03-01T10:00:0{number}Z"} | headers,
    )
    writer.write_record(made)
    return file.getvalue()


def read(path: Path, *parts: bytes) -> tuple[list[str], dict[int, str]]:
    """Addresses of the pages, and what is wrong by offset."""
    path.write_bytes(b"".join(parts))
    items: list[ArchiveItem] = list(read_warc(path, path.name, EPOCH))
    bad = {int(item.name.rpartition("@")[2]): str(item.problem) for item in items if item.problem}
    return [item.raw.url.rpartition("/")[2] for item in items if item.raw], bad


def plain(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return gzip.compress(change(gzip.decompress(data)))


def without(header: bytes) -> Callable[[bytes], bytes]:
    return lambda data: b"\r\n".join(
        line for line in data.split(b"\r\n") if not line.lower().startswith(header.lower() + b":")
    )


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_without_damage(tmp_path: Path, *, packed: bool) -> None:
    assert read(tmp_path / "a.warc", *(record(n, packed=packed) for n in range(COUNT))) == (["0", "1", "2", "3"], {})


def test_a_file_that_was_compressed_as_a_whole(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(record(n, packed=False) for n in range(COUNT)))
    assert read(tmp_path / "a.warc.gz", whole) == (["0", "1", "2", "3"], {})


def test_gzip_that_is_cut_off(tmp_path: Path) -> None:
    good = [record(n) for n in range(3)]
    pages, bad = read(tmp_path / "a.warc.gz", *good, record(3)[:-40])
    assert pages == ["0", "1", "2"]
    assert list(bad) == [sum(map(len, good))]
    assert "cut off" in bad[sum(map(len, good))]


def test_gzip_that_is_damaged_in_its_middle_costs_one_record(tmp_path: Path) -> None:
    parts = [record(n) for n in range(COUNT)]
    hurt = bytearray(parts[1])
    hurt[len(hurt) // 2 : len(hurt) // 2 + 20] = b"\xff" * 20
    pages, bad = read(tmp_path / "a.warc.gz", parts[0], bytes(hurt), *parts[2:])
    assert pages == ["0", "2", "3"]
    assert list(bad) == [len(parts[0])]


@pytest.mark.parametrize("wrong", [b"7", b"999", b"99999999999999999999", b"-5", b"many"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_length_costs_one_record(tmp_path: Path, wrong: bytes, *, packed: bool) -> None:
    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b"Content-Length: ")
        return head + b"Content-Length: " + wrong + b"\r\n" + rest.partition(b"\r\n")[2]

    parts = [record(n, packed=packed) for n in range(COUNT)]
    hurt = plain(parts[1], change) if packed else change(parts[1])
    pages, bad = read(tmp_path / "a.warc", parts[0], hurt, *parts[2:])
    assert pages == ["0", "2", "3"]
    assert list(bad) == [len(parts[0])]


def test_noise_between_records(tmp_path: Path) -> None:
    parts = [record(n) for n in range(COUNT)]
    pages, bad = read(tmp_path / "a.warc.gz", *parts[:2], b"\x00noise\x1f\x8b\x08 that is none" * 50, *parts[2:])
    assert pages == ["0", "1", "2", "3"]
    assert list(bad) == [sum(map(len, parts[:2]))]


@pytest.mark.parametrize(
    ("header", "problem"),
    [(b"WARC-Target-URI", "without an address"), (b"Content-Length", "damaged"), (b"WARC-Type", "damaged")],
)
def test_a_record_without_a_header_is_counted_and_the_others_come(tmp_path: Path, header: bytes, problem: str) -> None:
    parts = [record(n) for n in range(COUNT)]
    hurt = plain(parts[1], without(header))
    if header == b"Content-Length":
        # The block has one of its own, which is no header of the record.
        hurt = plain(parts[1], lambda data: data.replace(b"Content-Length", b"Content-Nothing", 1))
    pages, bad = read(tmp_path / "a.warc.gz", parts[0], hurt, *parts[2:])
    assert pages == ["0", "2", "3"]
    assert [problem in words for words in bad.values()] == [True]
    assert list(bad) == [len(parts[0])]


def test_responses_that_are_not_http(tmp_path: Path) -> None:
    hurt = plain(record(1), lambda data: data.replace(b"HTTP/1.1 200 OK", b"20 text/gemini!"))
    first = record(0)
    pages, bad = read(tmp_path / "a.warc.gz", first, hurt, record(2))
    assert pages == ["0", "2"]
    assert bad == {len(first): "a response that is not HTTP"}


def test_other_records_are_neither_pages_nor_problems(tmp_path: Path) -> None:
    others = [record(1, rec_type="metadata"), record(2, kind="image/png"), record(3, rec_type="conversion")]
    assert read(tmp_path / "a.warc.gz", record(0), *others) == (["0"], {})
