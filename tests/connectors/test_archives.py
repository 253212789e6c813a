"""Archives: what is read of files, and what is said of those that can't be."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from connectors.archives import ArchiveItem, read_path

PAGE = b"<html><body><p>The council met on Monday and talked about the bridge.</p></body></html>"


def _warc(path: Path, *, gzip: bool = False) -> None:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=gzip)
        for number in range(2):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            record = writer.create_warc_record(
                f"https://outlet.example/{number}",
                "response",
                payload=BytesIO(PAGE),
                http_headers=headers,
                warc_headers_dict={"WARC-Date": "2026-03-01T10:00:00Z"},
            )
            writer.write_record(record)


def _read(path: Path) -> list[ArchiveItem]:
    return list(read_path(path))


@pytest.mark.parametrize("gzip", [False, True])
def test_pages_of_a_warc_come_whole_with_their_address_and_time(tmp_path: Path, *, gzip: bool) -> None:
    path = tmp_path / ("crawl.warc.gz" if gzip else "crawl.warc")
    _warc(path, gzip=gzip)
    items = _read(path)
    assert [item.raw.url for item in items if item.raw] == ["https://outlet.example/0", "https://outlet.example/1"]
    assert {item.raw.html for item in items if item.raw} == {PAGE.decode()}
    assert {item.raw.fetched_at.isoformat() for item in items if item.raw} == {"2026-03-01T10:00:00+00:00"}
    assert items[0].name == f"{path.name}@0"
    assert items[1].name != items[0].name


def test_a_damaged_length_is_one_problem_and_what_came_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    _warc(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99999999999999999999\r\n\r\nx")
    *good, bad = _read(path)
    assert [item.raw is not None for item in good] == [True, True]
    assert bad.problem is not None
    assert "damaged" in bad.problem


def test_a_byte_order_mark_costs_no_article(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"url": "https://outlet.example/1", "text": "x"}).encode())
    [item] = _read(path)
    assert item.raw is not None


def test_half_a_surrogate_pair_costs_one_character(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"url": "https://outlet.example/1", "text": "cut \\ud83d off"}')
    [item] = _read(path)
    assert item.raw is not None
    assert item.raw.text == "cut \ufffd off"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://outlet.example/a\nb", "data:text/html,x", " "])
def test_what_is_no_address_of_a_page_is_refused(tmp_path: Path, url: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"url": url, "text": "x"}))
    [item] = _read(path)
    assert item.raw is None
    assert "url" in str(item.problem)


def test_a_file_that_the_manifest_names_twice_is_read_once_and_said(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(PAGE)
    line = json.dumps({"file": "page.html", "url": "https://outlet.example/1", "fetched": "2026-03-01T10:00:00Z"})
    (tmp_path / "manifest.jsonl").write_text(f"{line}\n{line.replace('/1', '/2')}\n")
    items = _read(tmp_path)
    assert sorted(item.raw.url for item in items if item.raw) == ["https://outlet.example/1"]
    assert [item.problem for item in items if item.problem] == [
        "the manifest names it more than once; the first counts"
    ]
