"""A page's own address counts only if it is the fetched one without a form for print, AMP, mobiles or sharing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import canonical_url
from pipeline.extraction.addresses import own_address

STORY = "https://outlet.example/news/story-3"


@pytest.mark.parametrize(
    "url",
    [
        *(
            f"{STORY}?print=1",
            f"{STORY}?share=telegram",
            f"{STORY}?rss=1",
            f"{STORY}?view=print",
            f"{STORY}?amp",
            f"{STORY}/print",
        ),
        *(
            f"{STORY}?format=amp&m=1",
            "https://m.outlet.example/news/story-3",
            "https://outlet.example/m/news/story-3",
            STORY,
        ),
    ],
)
def test_forms_of_one_article(url: str) -> None:
    assert own_address(url, STORY) == STORY


@pytest.mark.parametrize(
    ("url", "claimed", "same"),
    [
        ("https://outlet.example/print.php?id=7", "https://outlet.example/news.php?id=7", True),
        ("https://outlet.example/ro/print_article.aspx?id=7", "/ro/article.aspx?id=7", True),
        ("https://outlet.example/print.php?id=7", "https://outlet.example/news.php?id=8", False),
        ("https://outlet.example/print.php", "https://outlet.example/news.php", False),
        ("https://outlet.example/a/print.php?id=7", "https://outlet.example/news.php?id=7", False),
        ("https://outlet.example/blueprint.php?id=7", "https://outlet.example/news.php?id=7", False),
    ],
)
def test_scripts_for_printing(url: str, claimed: str, same: bool) -> None:
    assert (own_address(url, claimed) != canonical_url(url)) == same


@pytest.mark.parametrize(
    ("url", "claimed"),
    [
        (f"{STORY}?page=2", STORY),
        (f"{STORY}?id=7", STORY),
        (STORY, "https://other.example/news/story-3"),
        (STORY, "https://outlet.example/"),
        (STORY, f"{STORY}?print=1"),
        (f"{STORY}?print=1", "https://outlet.example/news/story-4"),
        (STORY, "javascript:void(0)"),
        (STORY, None),
    ],
)
def test_other_claims_are_not_believed(url: str, claimed: str | None) -> None:
    assert own_address(url, claimed) == canonical_url(url)


@given(st.text(max_size=80), st.text(max_size=80) | st.none())
def test_any_claim_gives_an_address(url: str, claimed: str | None) -> None:
    assert isinstance(own_address(url, claimed), str)
