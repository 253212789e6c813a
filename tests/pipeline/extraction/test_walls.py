"""Walls in many languages are no articles; short true articles that speak of such things are."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ExtractionError
from core.records import RawArticle
from pipeline.extraction.clean import extract
from pipeline.transforms.prepare import extract_raw

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "page_walls.toml").read_text(encoding="utf-8"))
URL = "https://outlet.example/news/1"
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)
HEADLINE = "Envoys of both sides meet at the harbour"
WALL = CASES["wall"][0]


def page(case: dict[str, Any]) -> str:
    return (
        f"<html lang='{case['language']}'><head><title>{case['title']}</title></head><body>{case['body']}</body></html>"
    )


@pytest.mark.parametrize("hint", [None, HEADLINE], ids=["alone", "with a feed's headline"])
@pytest.mark.parametrize("case", CASES["wall"], ids=[f"{case['kind']} {case['language']}" for case in CASES["wall"]])
def test_a_wall_is_not_an_article(case: dict[str, Any], hint: str | None) -> None:
    with pytest.raises(ExtractionError) as caught:
        extract(page(case), url=URL, fetched_at=FETCHED, title_hint=hint)
    assert (caught.value.reason, caught.value.detail) == ("wall", case["kind"])


@pytest.mark.parametrize("case", CASES["wall"], ids=[f"{case['kind']} {case['language']}" for case in CASES["wall"]])
def test_the_feeds_text_replaces_a_wall(case: dict[str, Any]) -> None:
    text = "The envoys met in the old customs house and spoke for two hours, their spokesmen said."
    raw = RawArticle(url=URL, source="outlet", fetched_at=FETCHED, html=page(case), title=HEADLINE, text=text)
    found = extract_raw(raw)
    assert (found.title, found.text, found.text_from, found.wall) == (HEADLINE, text, "feed", case["kind"])


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("case", CASES["article"], ids=[case["title"] for case in CASES["article"]])
def test_a_short_true_article_comes_through(case: dict[str, Any], told: bool) -> None:
    html = (
        f"<html lang='{case['language']}'><head><title>{case['title']} | The Outlet</title></head><body>"
        f"<nav><a href='/login'>Log in</a></nav><h1>{case['title']}</h1><p>{case['text']}</p>"
        "<div id='cookie-banner'><p>We use cookies. Accept all</p></div></body></html>"
    )
    found = extract(html, url=URL, fetched_at=FETCHED, title_hint=case["title"] if told else None)
    assert (found.title, found.text, found.wall) == (case["title"], case["text"], None)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcdef .", min_size=30, max_size=200), max_size=4))
def test_nothing_is_refused_for_being_short(lines: list[str]) -> None:
    html = f"<html><body><h1>{HEADLINE}</h1>{''.join(f'<p>{line}</p>' for line in lines)}</body></html>"
    assert extract(html, url=URL, fetched_at=FETCHED).wall is None


def test_a_flash_is_its_headline() -> None:
    html = f"<html><head><title>{HEADLINE} | The Outlet</title></head><body><h1>{HEADLINE}</h1></body></html>"
    found = extract(html, url=URL, fetched_at=FETCHED)
    assert (found.text, found.text_from) == (HEADLINE, "title")
    raw = RawArticle(url=URL, source="outlet", fetched_at=FETCHED, title=HEADLINE, text="Photo")
    assert (extract_raw(raw).text, extract_raw(raw).text_from) == (HEADLINE, "title")


@pytest.mark.parametrize(
    ("title", "is_flash"),
    [
        ("Quake hits Lima", True),
        ("大臣が辞任を表明、午後に会見", True),
        ("外长抵达首都", True),
        ("图片新闻", False),
        ("外长今晨抵达首都访问", True),
        ("외무장관 수도 도착, 회담 시작", True),
        ("รัฐมนตรีเดินทางถึงเมืองหลวง", True),
        ("ລັດຖະມົນຕີເດີນທາງຮອດນະຄອນຫຼວງ", True),
        ("מושל המחוז פוטר הלילה", True),
        ("الوزير يستقيل من منصبه", True),
        ("Photo", False),
        ("Live blog", False),
        ("Verfassungsgerichtsurteil", False),
        ("news-20261130-photo-gallery.html", False),
        ("写真", False),
    ],
)
def test_the_title_of_a_feed_alone_is_a_flash_if_it_says_something(title: str, is_flash: bool) -> None:
    raw = RawArticle(url=URL, source="outlet", fetched_at=FETCHED, title=title, text="")
    if is_flash:
        assert (extract_raw(raw).text, extract_raw(raw).text_from) == (title, "title")
    else:
        with pytest.raises(ExtractionError, match="no_text"):
            extract_raw(raw)


@pytest.mark.parametrize("title", ["Quake hits Lima", "お探しのページは見つかりません", "ไม่พบหน้าที่ค้นหา"])
def test_the_headline_of_a_page_without_text_must_be_longer(title: str) -> None:
    html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    with pytest.raises(ExtractionError):
        extract(html, url=URL, fetched_at=FETCHED)


LONG = " ".join(f"The envoys spoke of matter {number} at some length." for number in range(6))


@pytest.mark.parametrize(
    ("body", "partial"),
    [
        (f"<p>{LONG}</p>", False),
        (f"<p>{LONG} The next round…</p>", True),
        (f"<p>{LONG}</p><div class='paywall'>Subscribe to continue reading. Already a subscriber?</div>", True),
        (
            f'<script type=\'application/ld+json\'>{{"@type":"NewsArticle","isAccessibleForFree":false}}</script><p>{LONG}</p>',
            True,
        ),
    ],
)
def test_a_text_that_is_cut_is_marked(body: str, partial: bool) -> None:
    html = (
        f"<html><head><title>{HEADLINE}</title></head><body><article><h1>{HEADLINE}</h1>{body}</article></body></html>"
    )
    assert extract(html, url=URL, fetched_at=FETCHED).partial is partial
