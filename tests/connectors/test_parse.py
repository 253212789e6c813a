"""Bytes to feeds: a table of cases in ``tests/cases/feeds``, one ``NAME.expected.json`` beside each feed."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from pathlib import Path
from typing import Any

import feedparser
import pytest
from feedparser.util import FeedParserDict
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds import parse_feed
from connectors.feeds.feedparser_limits import AUTHOR_CHARS, unlimited
from connectors.feeds.items import ITEM_PARAMETER
from core.errors import FeedError

CASES = Path(__file__).parent.parent / "cases" / "feeds"
NAMES = sorted(path.name.removesuffix(".expected.json") for path in CASES.glob("*.expected.json"))


def load(name: str) -> tuple[bytes, dict[str, Any]]:
    expected = json.loads((CASES / f"{name}.expected.json").read_text(encoding="utf-8"))
    (source,) = [path for path in CASES.glob(f"{name}.*") if not path.name.endswith(".expected.json")]
    return source.read_text(encoding="utf-8").encode(expected.get("encode", "utf-8")), expected


@pytest.mark.parametrize("name", NAMES)
def test_a_feed_is_parsed_to_what_stands_beside_it(name: str) -> None:
    body, expected = load(name)
    feed = parse_feed(body, url=expected["url"], content_type=expected.get("content_type"))
    assert (feed.format, feed.title, feed.language) == (expected["format"], expected["title"], expected["language"])
    if expected["notes"] is not None:
        assert len(feed.notes) == len(expected["notes"]), feed.notes
        for words in expected["notes"]:
            assert any(words in note for note in feed.notes), feed.notes
    assert len(feed.items) == len(expected["items"])
    for item, fields in zip(feed.items, expected["items"], strict=True):
        found = {field: getattr(item, field) for field in fields}
        assert found == {field: tuple(value) if field == "authors" else value for field, value in fields.items()}
    assert len({item.key for item in feed.items}) == len(feed.items)


@pytest.mark.parametrize("case", json.loads((CASES / "not_feeds.json").read_text()), ids=lambda case: case["about"])
def test_the_error_for_a_non_feed_says_what_it_looks_like(case: dict[str, str]) -> None:
    with pytest.raises(FeedError) as caught:
        parse_feed(case["body"].encode(), url="https://n.example/x")
    assert caught.value.problem.startswith(case["problem"])
    assert caught.value.url == "https://n.example/x"


def test_five_thousand_items_each_once_in_order() -> None:
    item = "<item><title>T{0}</title><link>https://big.example/{0}</link><guid>g{0}</guid></item>"
    body = "<rss version='2.0'><channel>" + "".join(item.format(n) for n in range(5_000)) + "</channel></rss>"
    feed = parse_feed(body.encode(), url="https://big.example/rss")
    assert [item.url for item in feed.items] == [f"https://big.example/{n}" for n in range(5_000)]
    assert len({item.key for item in feed.items}) == 5_000


def test_an_item_without_address_gets_a_made_up_one_without_credentials() -> None:
    body, expected = load("guids")
    nameless = [item for item in parse_feed(body, url=expected["url"]).items if not item.fetchable]
    assert nameless[0].url == f"https://g.example/feeds/rss?{ITEM_PARAMETER}={nameless[0].key}"
    assert not nameless[0].fetchable


def test_keys_depend_on_guids_and_not_on_the_feeds_address() -> None:
    body, _ = load("guids")
    here, there = (parse_feed(body, url=url).items for url in ("http://g.example/a/rss", "https://h.example/rss"))
    assert [item.key for item in here if item.guid] == [item.key for item in there if item.guid]


def test_a_file_name_or_address_as_body_is_never_opened() -> None:
    for body in (b"/etc/hostname", b"file:///etc/hostname", b"http://127.0.0.1/"):
        with pytest.raises(FeedError, match="plain text"):
            parse_feed(body, url="https://n.example/x")


def test_entities_do_not_explode_and_files_are_not_read() -> None:
    bomb = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    body = f'<!DOCTYPE r [<!ENTITY a0 "x">{bomb}<!ENTITY f SYSTEM "file:///etc/hostname">]>'
    body += "<rss version='2.0'><channel><title>T &a9; &f;</title><item><link>https://b.example/1</link></item></channel></rss>"
    feed = parse_feed(body.encode(), url="https://b.example/rss")
    assert len(feed.title or "") < 100
    name = Path("/etc/hostname")
    assert not name.exists() or name.read_text().strip() not in (feed.title or "")


def test_long_fields_are_cut() -> None:
    body = f"<rss version='2.0'><channel><item><title>{'t' * 9_000}</title><link>https://c.example/{'u' * 9_000}</link>"
    body += f"<description>{'s ' * 30_000}</description></item></channel></rss>"
    (item,) = parse_feed(body.encode(), url="https://c.example/rss").items
    assert len(item.title or "") == 2_000
    assert len(item.summary or "") <= 20_000
    assert not item.fetchable


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"",
            b"<rss version='2.0'><channel><item><title>",
            b"<feed>",
            b'{"version":"https://jsonfeed.org/version/1","items":[',
        ]
    ),
)
def test_any_bytes_give_a_feed_or_a_feed_error(noise: bytes, start: bytes) -> None:
    with contextlib.suppress(FeedError):
        parse_feed(start + noise, url="https://f.example/x")


def test_a_feed_of_nothing_but_tags_is_refused_unread() -> None:
    with pytest.raises(FeedError, match="more than 300,000 elements"):
        parse_feed(b"<rss version='2.0'><channel>" + b"<item>" * 300_000, url="https://f.example/x")


def test_copies_of_what_feedparser_gives_are_deep() -> None:
    inner = FeedParserDict(value="words", language=None)
    whole = FeedParserDict(title_detail=inner, tags=[FeedParserDict(term="a")])
    twin = copy.deepcopy(whole)
    assert (twin, type(twin)) == (whole, FeedParserDict)
    twin["title_detail"]["value"] = twin["tags"][0]["term"] = "other"
    assert (inner["value"], whole["tags"][0]["term"]) == ("words", "a")


def test_unlimited_gives_feedparser_as_it_is_installed() -> None:
    feed = f"<rss version='2.0'><channel><item><author>{'A' * 500}</author></item></channel></rss>".encode()

    def author() -> int:
        return len(feedparser.parse(io.BytesIO(feed)).entries[0].author)

    assert author() == AUTHOR_CHARS
    assert "__deepcopy__" in vars(FeedParserDict)
    with unlimited():
        assert author() == 500
        assert "__deepcopy__" not in vars(FeedParserDict)
    assert author() == AUTHOR_CHARS
    assert "__deepcopy__" in vars(FeedParserDict)
