"""Canonical URLs: the table, and what holds for any text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.records import article_id, canonical_url
from core.records.identity import MAX_URL_CHARS, _plain, _whole
from tests.laws import examples

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "urls.toml").read_text(encoding="utf-8"))["case"]

# Pieces from which the rules' own words come together by chance far more often than in random text.
PIECES = st.sampled_from([
    "/", "//", ".", "..", "?", "&", "=", ";", "#", "%", "%2e", "%2F", "+", ":", "@", "amp", "amp;", "/amp", "/amp/s/", ".amp",
    ".amp.html", "index.html", "utm_a=1", "ref=rss", ";jsessionid=1", "www.", "m.", "google.com", "cdn.ampproject.org", "/c/",
    "x.com", "é", "ß", "。", "İ", "\u212a", "ª", ":80", ":8123", "[::1]", "a", " ", "\t", "\x00", "\ud800", "xn--", "http://",
    "https://",
])  # fmt: skip
PATHS = st.lists(PIECES, max_size=14).map("".join)
URLS = st.one_of(
    st.text(),
    PATHS,
    PATHS.map(lambda path: "https://x.com/" + path),
    PATHS.map(lambda path: "https://x.com?" + path),
    PATHS.map(lambda path: "https://www.google.com/amp/s/" + path),
    PATHS.map(lambda path: "https://m." + path),
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_all_addresses_of_a_case_have_one_canonical_url(case: dict[str, object]) -> None:
    urls = case["urls"]
    assert isinstance(urls, list)
    assert {url: canonical_url(url) for url in urls} == dict.fromkeys(urls, case["canonical"])


@given(URLS)
@settings(max_examples=examples(500), deadline=None)
@example("https://x.com/a.amp.amp.html")
@example("https://x.com/..amp/index.amp.html")
@example("https://www.m.www.x.com/")
def test_idempotent_and_never_raises(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


@given(URLS)
@settings(max_examples=examples(200), deadline=None)
def test_a_canonical_url_is_plain_ascii(url: str) -> None:
    form = canonical_url(url)
    if form != url.strip() and form.startswith("https://"):
        assert form.isascii()
        assert " " not in form


PLAIN = st.from_regex(
    r"https?://(www\.|m\.|amp\.)?[a-z0-9-]{1,8}(\.[a-z]{2,4}){0,2}(:\d{1,5})?"
    r"(/(amp|index|s|[A-Za-z0-9_~.-]{1,6})){0,4}(\.html?|\.php|\.amp)?/?",
    fullmatch=True,
)


@given(st.one_of(URLS, PLAIN))
@settings(max_examples=examples(1_000), deadline=None)
@example("http://127.0.0.1:1/7/7")
@example("https://www.m.com/a/index.html")
@example("https://google.com/amp/s/a.example/b")
def test_plain_addresses_have_the_form_that_all_others_have(url: str) -> None:
    quick = _plain(url)
    if quick is not None:
        assert quick == _whole(url)


def test_an_oversized_url_is_left_unchanged() -> None:
    url = "https://www.google.com/amp/s/" * MAX_URL_CHARS
    assert canonical_url(url) == url


def test_id_is_of_the_canonical_form() -> None:
    assert article_id("http://m.example.com/a/?utm_source=x") == article_id("https://example.com/a")


def test_the_key_of_an_article_distinguishes_ids() -> None:
    urls = [
        "https://x.com/?p=5",
        "https://x.com/?p=6",
        "https://x.com:81/?p=5",
        "https://x.com/p?p=5",
        "https://y.com/?p=5",
    ]
    assert len({article_id(url) for url in urls}) == len(urls)
