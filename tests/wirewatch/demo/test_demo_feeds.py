"""The feeds: three formats, items over time, edits, caching."""

from __future__ import annotations

import json
from calendar import timegm
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import pytest

from core.records import canonical_url
from tests.wirewatch.demo.conftest import END_S, STARTED_AT
from wirewatch.demo import DemoOutlets, SampleArticle, Samples, feed_urls

OUTLETS = ("birchgate", "harbour", "lanterns")


def entries(outlets: DemoOutlets, outlet: str, elapsed_s: float) -> list[dict[str, Any]]:
    """What a reader gets out of the feed, in the feed's order."""
    got = outlets.feed(outlet, elapsed_s)
    assert got.status == 200
    if outlets.samples.outlets[outlet].feed == "json":
        value = json.loads(got.body)
        assert value["version"] == "https://jsonfeed.org/version/1.1"
        return [
            {
                "id": item["id"],
                "link": item["url"],
                "title": item["title"],
                "summary": item["summary"],
                "published": datetime.fromisoformat(item["date_published"]),
                "updated": datetime.fromisoformat(item["date_modified"]),
                "authors": [author["name"] for author in item["authors"]],
            }
            for item in value["items"]
        ]
    parsed = feedparser.parse(got.body, sanitize_html=False)
    assert not parsed.bozo
    assert parsed.version == {"rss": "rss20", "atom": "atom10"}[outlets.samples.outlets[outlet].feed]
    return [
        {
            "id": entry.id.removeprefix("urn:demo:"),
            "link": entry.link,
            "title": entry.title,
            "summary": entry.summary,
            "published": datetime.fromtimestamp(timegm(entry.published_parsed), UTC),
            "updated": datetime.fromtimestamp(timegm(entry.updated_parsed), UTC),
            "authors": [author.name for author in entry.authors],
        }
        for entry in parsed.entries
    ]


def at_home(samples: Samples, outlet: str) -> list[SampleArticle]:
    return [article for article in samples.articles if article.outlet == outlet]


@pytest.mark.parametrize("outlet", OUTLETS)
def test_every_item_says_what_its_article_says(outlets: DemoOutlets, samples: Samples, outlet: str) -> None:
    got = {entry["id"]: entry for entry in entries(outlets, outlet, END_S)}
    assert set(got) == {article.id for article in at_home(samples, outlet)}
    for article in at_home(samples, outlet):
        entry, text = got[article.id], article.text_at(END_S)
        assert entry["title"] == text.title
        assert entry["summary"] == text.lead
        assert entry["published"] == STARTED_AT + timedelta(seconds=article.published)
        assert set(article.authors) <= set(entry["authors"])
        assert canonical_url(entry["link"]) == canonical_url(outlets.base_url + article.path)


@pytest.mark.parametrize("outlet", OUTLETS)
@pytest.mark.parametrize("elapsed_s", [-1.0, 0.0, 4.5, 20.0, 59.9])
def test_items_appear_in_their_time(outlets: DemoOutlets, samples: Samples, outlet: str, elapsed_s: float) -> None:
    there = [article.id for article in at_home(samples, outlet) if article.published <= elapsed_s]
    assert [entry["id"] for entry in entries(outlets, outlet, elapsed_s)] == there[::-1]


@pytest.mark.parametrize("outlet", OUTLETS)
def test_the_revision_keeps_its_entry(outlets: DemoOutlets, samples: Samples, outlet: str) -> None:
    article = next(article for article in at_home(samples, outlet) if article.revisions)
    at_s = article.revisions[0].at
    before = next(entry for entry in entries(outlets, outlet, at_s - 0.01) if entry["id"] == article.id)
    after = next(entry for entry in entries(outlets, outlet, at_s) if entry["id"] == article.id)
    assert before["updated"] == before["published"]
    assert after["updated"] == STARTED_AT + timedelta(seconds=at_s)
    assert (before["link"], before["published"]) == (after["link"], after["published"])
    assert (before["title"], before["summary"]) != (after["title"], after["summary"])


def test_tracking_parameters_are_in_the_feed_and_the_page_answers(outlets: DemoOutlets) -> None:
    link = next(entry for entry in entries(outlets, "harbour", END_S) if entry["id"] == "harbour-port-strike")["link"]
    assert "?utm_source=harbour&" in link
    assert outlets.get(link.removeprefix(outlets.base_url), END_S).status == 200


@pytest.mark.parametrize("outlet", OUTLETS)
def test_a_feed_is_sent_again_only_if_its_etag_changed(outlets: DemoOutlets, samples: Samples, outlet: str) -> None:
    first = outlets.feed(outlet, 5.0)
    tag = first.headers["ETag"]
    assert outlets.feed(outlet, 5.0, if_none_match=tag).status == 304
    assert outlets.feed(outlet, 5.0, if_none_match=tag).body == b""
    assert outlets.feed(outlet, 5.0, if_none_match=f'"other", W/{tag}').status == 304
    assert outlets.feed(outlet, 5.0, if_none_match='"other"').status == 200
    assert outlets.feed(outlet, END_S, if_none_match=tag).status == 200


@pytest.mark.parametrize("outlet", OUTLETS)
@pytest.mark.parametrize("speed", [1.0, 7.0])
def test_last_modified_never_hides_a_change(samples: Samples, outlet: str, speed: float) -> None:
    outlets = DemoOutlets(samples, STARTED_AT + timedelta(microseconds=400_000), speed)
    known: str | None = None
    seen = b""
    cached = 0
    for tenth in range(int(12 * END_S / speed)):
        got = outlets.feed(outlet, tenth / 10, if_modified_since=known)
        if got.status == 304:
            cached += 1
            assert outlets.feed(outlet, tenth / 10).body == seen
        else:
            seen, known = got.body, got.headers.get("Last-Modified")
    assert cached > 0
    assert known is not None
    assert parsedate_to_datetime(known).tzinfo is not None


def test_unreadable_dates_are_ignored(outlets: DemoOutlets) -> None:
    assert outlets.feed("harbour", 5.0, if_modified_since="yesterday, or so").status == 200


def test_speed_moves_the_appearance_and_the_dates(samples: Samples) -> None:
    fast = DemoOutlets(samples, STARTED_AT, speed=30.0)
    assert fast.finished_after_s() <= 2.0
    got = entries(fast, "harbour", 2.0)
    assert len(got) == len(at_home(samples, "harbour"))
    assert max(entry["updated"] for entry in got) <= STARTED_AT + timedelta(seconds=2)


def test_start_needs_a_zone_and_speed_a_value(samples: Samples) -> None:
    with pytest.raises(ValueError, match="time zone"):
        DemoOutlets(samples, datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself
    with pytest.raises(ValueError, match="speed"):
        DemoOutlets(samples, STARTED_AT, speed=0.0)


def test_each_feed_is_found_at_its_url(outlets: DemoOutlets) -> None:
    urls = feed_urls(outlets.base_url + "/")
    assert [source for source, _ in urls] == list(OUTLETS)
    for source, url in urls:
        assert outlets.get(url.removeprefix(outlets.base_url), 0.0) == outlets.feed(source, 0.0)
