"""``wirewatch feed parse FILE`` equals feedparser's own entries, over a wide set of feeds of our own."""

from __future__ import annotations

import io
import json
import sys
from calendar import timegm
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from connectors.feeds import FeedConnector, parse_feed
from connectors.feeds.markup import mended
from connectors.feeds.parse import text_of
from connectors.feeds.verbatim import feed_entries
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from core.errors import FeedError
from pipeline.text.dates import parse_date
from tests.connectors import support
from tests.connectors.support import Answer, Site
from tests.connectors.wide_feeds import BETTER, DATE_SHAPES, FILES, TEXTS, UNUSABLE
from tests.laws import examples
from wirewatch.cli import app, main

CASES = Path(__file__).parent.parent / "cases" / "feeds"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parsed(file: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["feed", "parse", str(file), "--json"])
    assert done.exit_code == 0, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def own(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What ours says, as feedparser would."""
    moments = [datetime.fromisoformat(at) if at else None for at in (entry["published_at"], entry["updated_at"])]
    names = ("id", "title", "link", "author", "published", "updated")
    return (*(entry[name] for name in names), *moments, entry["authors"])


def theirs(entry: Any) -> tuple[Any, ...]:
    def moment(name: str) -> datetime | None:
        parts = dict.get(entry, name)
        try:
            return EPOCH + timedelta(seconds=timegm(parts)) if parts else None
        except ValueError:
            return None

    names = ("id", "title", "link", "author", "published")
    authors = [author["name"] for author in entry.get("authors", ()) if author.get("name")]
    return (
        *(entry.get(name) for name in names),
        dict.get(entry, "updated"),
        moment("published_parsed"),
        moment("updated_parsed"),
        authors,
    )


@pytest.mark.parametrize("name", FILES)
def test_the_command_gives_feedparser_s_own_entries(tmp_path: Path, name: str) -> None:
    file = tmp_path / "feed.xml"
    file.write_bytes(FILES[name])
    expected = feedparser.parse(str(file)).entries
    assert expected or name == "no items"
    assert [own(entry) for entry in parsed(file)] == [theirs(entry) for entry in expected]


@pytest.mark.parametrize("file", sorted(CASES.glob("*.xml")), ids=lambda path: path.stem)
def test_the_older_cases_too(file: Path) -> None:
    expected = feedparser.parse(str(file)).entries
    assert [own(entry) for entry in parsed(file)] == [theirs(entry) for entry in expected]


def test_the_set_is_wide() -> None:
    assert len(FILES) >= 60
    versions = {feedparser.parse(text.encode()).get("version") for text in TEXTS.values()}
    assert {"rss090", "rss091u", "rss091n", "rss092", "rss10", "rss20", "atom03", "atom10"} <= versions
    assert sum(bool(feedparser.parse(body).bozo) for body in FILES.values()) >= 6, "broken ones among them"
    assert len(DATE_SHAPES) >= 50


@pytest.mark.parametrize("name", BETTER)
def test_a_charset_that_lies_is_shown_as_feedparser_takes_it_and_not_believed_by_the_connector(
    tmp_path: Path, name: str
) -> None:
    body, title = BETTER[name]
    file = tmp_path / "feed.xml"
    file.write_bytes(body)
    expected = feedparser.parse(str(file)).entries
    assert [own(entry) for entry in parsed(file)] == [theirs(entry) for entry in expected]
    assert expected[0].title != title, "else it belongs to the equal ones"
    assert [item.title for item in parse_feed(body, url="https://o.example/rss").items] == [title]


PIECES = (
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<!--",
    b"</item>",
    b"<![CDATA[",
    b"\x00",
    b"\xff",
    b"&bogus;",
    b"\xc3",
    b"<title>",
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One of our feeds with a few bytes lost, doubled, changed or put in."""
    body = FILES[draw(st.sampled_from(sorted(FILES)))]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        end = at + draw(st.integers(0, 30))
        middle = draw(st.sampled_from([b"", body[at:end] * 2, *PIECES]))
        body = body[:at] + middle + body[end:]
    return body


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(damaged())
def test_damaged_feeds_are_read_as_feedparser_reads_them(body: bytes) -> None:
    try:
        ours = feed_entries(body, url="feed.xml")
    except FeedError:
        return
    text = text_of(body, url="feed.xml", content_type=None).text
    assume(mended(text) == text)
    try:
        expected = feedparser.parse(io.BytesIO(body), response_headers={"content-location": ""}).entries
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
        expected = []
    # Where feedparser gives up on the encoding, what we find all the same is shown.
    if expected:
        assert [own(json.loads(msgspec.json.encode(entry))) for entry in ours] == [theirs(entry) for entry in expected]


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_feed_is_one_line_on_stderr(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "feed.xml"
    file.write_bytes(UNUSABLE[name])
    monkeypatch.setattr(sys, "argv", ["wirewatch", "feed", "parse", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("wirewatch: feed.xml: ")


NOON = "2031-03-04T12:30:45+00:00"
READ_OTHERWISE: dict[str, str | None] = {
    "20310304T123045Z": NOON,
    "2031/03/04 12:30:45": NOON,
    "March 4, 2031": "2031-03-04T00:00:00+00:00",
    "Tue, 04 Mar 2031 12:30:45 MSK": "2031-03-04T09:30:45+00:00",
    "Tue, 04 Mar 2031 14:30:45 EET": NOON,
    "04.03.2031 12:30": "2031-03-04T12:30:00+00:00",
    "2031-13-04T12:30:45Z": None,
    "1930000000": "2031-02-27T23:06:40+00:00",
    "Tue, 04 Mar 2031 12:30:45 +9999": NOON,
    "٤ مارس ٢٠٣١": "2031-03-04T00:00:00+00:00",
    "12:30": None,
}
"""Where the pipeline's own reader of dates says something else than feedparser, and what."""


@pytest.mark.parametrize("shape", DATE_SHAPES)
def test_dates_in_fifty_shapes_are_read_as_feedparser_reads_them_or_better(
    web: Site, tmp_path: Path, shape: str
) -> None:
    """Through the connector on a real server: the raw article carries the claim as it stands, the pipeline reads it."""
    item = f"<item><title>D</title><guid>d</guid><description>x</description><pubDate>{shape}</pubDate></item>"
    web.pages["/rss"] = Answer(f"<rss version='2.0'><channel>{item}</channel></rss>".encode())
    with Http(allow_private=[web.host]) as http:
        connector = FeedConnector(web.url("/rss"), "local", http, HostPacing(0.0))
        first = connector.poll(None, support.NOON)
        (raw,) = connector.poll(first.cursor, support.NOON).items
    assert raw.published == " ".join(shape.split())
    (entry,) = feedparser.parse(f"<rss><channel>{item}</channel></rss>").entries
    known = theirs(entry)[6]
    wanted = READ_OTHERWISE.get(shape, known.isoformat() if known else None)
    moment = parse_date(raw.published or "")
    assert (moment.replace(microsecond=0).isoformat() if moment else None) == wanted
