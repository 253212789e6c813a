"""Archives: what is read of files, and what is said of those that can't be."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from connectors.archives import ArchiveItem, read, read_path, warc
from connectors.archives.snapshots import HistoryReader

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


def test_a_bomb_fills_no_disk_and_the_pages_before_it_are_kept(tmp_path: Path) -> None:
    whole = tmp_path / "whole.warc"
    _warc(whole)
    path = tmp_path / "crawl.warc.gz"
    with gzip.open(path, "wb") as file:
        file.write(whole.read_bytes())
        file.write(b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 167772160\r\n\r\n")
        for _ in range(160):
            file.write(bytes(1 << 20))
    *before, bad = _read(path)
    assert [item.raw.url for item in before if item.raw] == ["https://outlet.example/0", "https://outlet.example/1"]
    assert bad.problem is not None
    assert "unpacks to more than 100 times its size" in bad.problem


def test_a_folder_from_elsewhere_gives_no_file_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("The password of the council is kept in this file alone.")
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "a.html").write_bytes(PAGE)
    (folder / "again.html").symlink_to("inside/a.html")
    (tmp_path / "page.html").write_bytes(PAGE)
    (folder / "collected.html").symlink_to(tmp_path / "page.html")
    (folder / "page.html").symlink_to(secret)
    (folder / "link.txt").symlink_to(secret)
    (folder / "up.txt").symlink_to("../secret.txt")
    (folder / "nowhere.txt").symlink_to("gone")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.html")
    found = {item.name: item.problem for item in _read(folder)}
    leads_out = "a link out of the folder to neither a web page nor a WARC file"
    assert found == {
        "again.html": None,
        "collected.html": None,
        "inside/a.html": None,
        "link.txt": leads_out,
        "loop.txt": "not a file",
        "nowhere.txt": "not a file",
        "page.html": leads_out,
        "pipe.html": "not a file",
        "up.txt": leads_out,
    }


def test_snapshots_of_feeds_are_files_of_their_folder_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in (1, 2):
        feed = (
            f"<rss version='2.0'><channel><item><title>{number}</title><link>https://a.example/{number}</link></item>"
        )
        (folder / f"feed-2026-03-05T1{number}-00-00Z.xml").write_text(f"{feed}</channel></rss>")
    secret = tmp_path / "feed-2026-03-05T13-00-00Z.xml"
    secret.write_text("<rss version='2.0'><channel><item><title>secret</title></item></channel></rss>")
    (folder / secret.name).symlink_to(secret)
    (folder / "up-2026-03-05T13-00-00Z.rss").symlink_to(f"../{secret.name}")
    (folder / "loop-2026-03-05T13-00-00Z.xml").symlink_to("loop-2026-03-05T13-00-00Z.xml")
    os.mkfifo(folder / "feed-2026-03-05T14-00-00Z.xml")
    found = list(HistoryReader(folder).items())
    leads_out = "a link out of the folder to neither a web page nor a WARC file"
    assert {item.name: item.problem for item in found if item.problem} == {
        "feed-2026-03-05T13-00-00Z.xml": leads_out,
        "feed-2026-03-05T14-00-00Z.xml": "not a file",
        "loop-2026-03-05T13-00-00Z.xml": "not a file",
        "up-2026-03-05T13-00-00Z.rss": leads_out,
    }
    assert [item.raw.url for item in found if item.raw] == ["https://a.example/1", "https://a.example/2"]


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
def test_anything_but_the_address_of_a_page_is_refused(tmp_path: Path, url: str) -> None:
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


def test_gzip_in_gzip_is_unpacked_and_other_binaries_are_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.html.gz").write_bytes(gzip.compress(gzip.compress(PAGE)))
    (tmp_path / "four.txt.gz").write_bytes(
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(PAGE)))))
    )
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(gzip.compress(b"\0" * (40 << 20))))
    (tmp_path / "pdf.txt").write_bytes(b"%PDF-1.7 \xe2\xe3")
    (tmp_path / "lines.jsonl.gz").write_bytes(
        gzip.compress(gzip.compress(b'{"url": "https://a.example/1", "text": "x"}\n'))
    )
    found = {item.name: item for item in read_path(tmp_path)}
    assert found["twice.html.gz"].raw is not None
    assert found["twice.html.gz"].raw.html == PAGE.decode()
    assert {name: item.problem for name, item in found.items() if item.problem} == {
        "four.txt.gz": "packed more than 3 times",
        "bomb.txt.gz": "larger than 32 MiB when unpacked",
        "pdf.txt": "not text but a PDF document",
        "lines.jsonl.gz": "not lines but gzip data",
    }


BIG = b"<html>" + bytes(16 << 20)
SMALL = b"<html><p>" + b"a" * (256 << 10)


def _answer(path: Path, headers: dict[str, str], body: bytes, marks: dict[str, str], *, times: int = 1) -> None:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for number in range(times):
            record = writer.create_warc_record(
                f"https://outlet.example/{number}",
                "response",
                payload=BytesIO(body),
                http_headers=StatusAndHeaders(
                    "200 OK", [("Content-Type", "text/html"), *headers.items()], protocol="HTTP/1.1"
                ),
                warc_headers_dict={"WARC-Date": "2026-03-01T10:00:00Z", **marks},
            )
            writer.write_record(record)


@pytest.mark.parametrize("marks", [{}, {"WARC-Wirewatch": "page"}], ids=["foreign", "ours"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP", "x-gzip"])
def test_a_bomb_within_an_answer_is_unpacked_up_to_the_limit_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coding: str, marks: dict[str, str], *, chunked: bool
) -> None:
    monkeypatch.setattr(warc, "MAX_PAGE_BYTES", 1 << 20)
    path = tmp_path / "crawl.warc.gz"
    packed = zlib.compress(BIG, 9) if coding == "deflate" else gzip.compress(BIG, 9)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed) if chunked else packed
    _answer(path, {"Content-Encoding": coding} | ({"Transfer-Encoding": "chunked"} if chunked else {}), body, marks)
    tracemalloc.start()
    try:
        [item] = _read(path)
        assert tracemalloc.get_traced_memory()[1] < len(BIG) // 2
    finally:
        tracemalloc.stop()
    assert item.problem == "a page of more than 1 MiB"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_an_answer_in_a_coding_that_is_not_read_is_a_problem_and_no_page(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "crawl.warc.gz"
    _answer(path, {"Content-Encoding": coding}, gzip.compress(gzip.compress(PAGE)), {})
    [item] = _read(path)
    assert item.raw is None
    assert "an encoding that was not asked for" in str(item.problem)


@pytest.mark.parametrize("coding", ["br", "gzip", "deflate", "identity"])
def test_a_page_that_a_crawler_has_unpacked_is_read_whatever_its_header_says(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "crawl.warc.gz"
    _answer(path, {"Content-Encoding": coding}, PAGE, {})
    [item] = _read(path)
    assert item.raw is not None
    assert item.raw.html == PAGE.decode()


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Transfer-Encoding": "gzip, chunked"}, _chunked(gzip.compress(PAGE))),
        ({"Transfer-Encoding": "gzip, chunked", "Content-Encoding": "identity"}, gzip.compress(PAGE)),
        ({"Transfer-Encoding": "Deflate , Chunked"}, _chunked(zlib.compress(PAGE))),
        ({"Transfer-Encoding": "gzip"}, gzip.compress(PAGE)),
        ({}, gzip.compress(PAGE)),
        ({"Transfer-Encoding": "chunked"}, _chunked(gzip.compress(PAGE))),
        ({"Content-Encoding": "none"}, gzip.compress(PAGE)),
        ({"Content-Encoding": "UTF-8", "Transfer-Encoding": "binary, chunked"}, _chunked(gzip.compress(PAGE))),
    ],
    ids=["both", "without chunks", "deflate", "not chunked", "no header", "chunks only", "none", "not codings"],
)
def test_transfer_codings_and_gzip_without_a_header_are_undone(
    tmp_path: Path, headers: dict[str, str], body: bytes
) -> None:
    path = tmp_path / "crawl.warc.gz"
    _answer(path, headers, body, {})
    [item] = _read(path)
    assert item.raw is not None
    assert item.raw.html == PAGE.decode()


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip"])
@pytest.mark.parametrize(
    "start",
    [
        b"\xef\xbb\xbf<!-- " + b"x" * 2_000 + b" -->" + PAGE,
        "Überschrift: ".encode() * 200 + PAGE,
        b"<p>" + "Новости ".encode("cp1251") * 200 + PAGE,
        ("\ufeff" + "<div>Überschrift</div>" * 100).encode("utf-16"),
    ],
    ids=["BOM and comment", "plain text", "a former charset", "UTF-16"],
)
def test_what_a_crawler_has_unpacked_is_read_however_it_begins(tmp_path: Path, coding: str, start: bytes) -> None:
    path = tmp_path / "crawl.warc.gz"
    _answer(path, {"Content-Encoding": coding}, start, {})
    [item] = _read(path)
    assert item.problem is None
    assert item.raw is not None
    assert item.raw.html


def test_many_pages_that_unpack_to_much_more_than_the_file_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warc, "MAX_RECORD", 1 << 20)
    path = tmp_path / "crawl.warc.gz"
    _answer(path, {"Content-Encoding": "gzip"}, gzip.compress(SMALL, 9), {}, times=40)
    *pages, last = _read(path)
    assert len(pages) < 20
    assert all(item.raw is not None for item in pages)
    assert last.problem == "it unpacks to more than 100 times its size: the rest is left out"


def test_blank_lines_cost_no_step_each_and_line_numbers_hold(tmp_path: Path) -> None:
    line = b'{"url": "https://a.example/%d", "text": "x"}\n'
    path = tmp_path / "lines.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(line % 1)
        for _ in range(64):
            file.write(b"\n" * (1 << 20))
        file.write(b"  \t\r\n" + line % 2 + b"\n\n" + (line % 3).rstrip())
    found = _read(path)
    assert [(item.name, item.problem) for item in found] == [
        ("lines.jsonl.gz:1", None),
        (f"lines.jsonl.gz:{(64 << 20) + 3}", None),
        (f"lines.jsonl.gz:{(64 << 20) + 6}", None),
    ]


def test_nothing_but_blank_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "blank.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range((read.MAX_BLANK >> 20) + 2):
            file.write(b"\n" * (1 << 20))
    [item] = _read(path)
    assert item.problem is not None
    assert item.problem.startswith("only blank lines for 256 MiB")


@given(
    st.lists(st.sampled_from([b"\n", b" ", b"\r\n", b"a", b"bc\n", b"\t\n", b"d" * 9]), max_size=40), st.integers(1, 9)
)
def test_lines_are_those_of_the_plain_way(pieces: list[bytes], block: int) -> None:
    data = b"".join(pieces)
    lines = read.text_lines(BytesIO(data), "x", 1_000, block_bytes=block)
    found = [(number, line.strip()) for number, line in lines]
    plain = [(number, line.strip()) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    assert found == plain
