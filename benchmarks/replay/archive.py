"""The evaluation pages as a WARC, as a crawl would publish it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

PAGES = Path(__file__).parents[2] / "../shared/corpora/pages"


def pages() -> list[tuple[str, str, bytes]]:
    """URL, time of fetching and body of each page. Raises OSError if the pages are not beside the project."""
    found = []
    for line in (PAGES / "manifest.jsonl").read_text("utf-8").splitlines():
        page = json.loads(line)
        data = (PAGES / page["file"]).read_bytes()
        found.append((page["url"], page["fetched"], gzip.decompress(data) if page["file"].endswith(".gz") else data))
    return found


def build(path: Path, times: int) -> int:
    """Write each page ``times`` times, under an address of its own each time; how many there are."""
    count = 0
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for number in range(times):
            for url, fetched, body in pages():
                headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
                record = writer.create_warc_record(
                    f"{url}{'&' if '?' in url else '?'}copy={number}" if number else url,
                    "response",
                    payload=io.BytesIO(body),
                    http_headers=headers,
                    warc_headers_dict={"WARC-Date": fetched},
                )
                writer.write_record(record)
                count += 1
    return count
