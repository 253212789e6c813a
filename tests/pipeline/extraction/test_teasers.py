"""Teasers of other articles go; an article, updates and round-ups that are marked up as teasers stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.extraction.clean import Extracted, extract

TITLE = "Spare part for sluice expected late next week"
LINES = (
    "Engineers closed the sluice at Orrin on Wednesday after a crack was found in a steel gate, the water board said.",
    "Barges have been waiting below the town since the morning, and skippers were asked to use the northern canal instead.",
    "A spare part is expected at the end of next week, and divers will look at the second gate on Friday, said Lena Holm.",
)
PARAGRAPHS = "".join(f"<p>{line}</p>" for line in LINES)
ITEMS = "".join(
    f'<article><h2><a href="/x/{number}">Story number {number} of the day</a></h2><p>{line}</p></article>'
    for number, line in enumerate(LINES)
)
KEPT = {
    "the outlet has the h1": '<header><h1><a href="/">The Orrin Post</a></h1></header><article>'
    f'<h2 class="entry-title"><a href="/2026/a-1">{TITLE}</a></h2>{PARAGRAPHS}</article>',
    "a heading with a permalink sign": f"<h1>{TITLE}</h1><article><p>{LINES[0]}</p>"
    f'<h2>Why it matters <a class="anchor" href="#why">#</a></h2><p>{LINES[1]}</p><p>{LINES[2]}</p></article>',
    "a heading that links to a place on the page": f"<h1>{TITLE}</h1><article>"
    f'<h2><a href="#s1">Closed</a></h2>{PARAGRAPHS}</article>',
    "a round-up": f"<h1>{TITLE}</h1>{ITEMS}",
    "a round-up below an introduction": f"<h1>{TITLE}</h1><p>This is what the water board said today.</p>{ITEMS}",
    "updates": f"<h1>{TITLE}</h1>"
    + "".join(
        f'<article id="u{number}"><h3><a href="#u{number}">Update {number}</a></h3><p>{line}</p></article>'
        for number, line in enumerate(LINES)
    ),
}


def extracted(body: str) -> Extracted:
    return extract(
        f"<html lang=en><head><title>{TITLE} | The Orrin Post</title></head><body>{body}</body></html>",
        url="https://post.example/2026/a-1",
        fetched_at=datetime(2026, 11, 29, tzinfo=UTC),
    )


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_what_the_page_is_about_stays(body: str) -> None:
    text = extracted(body).text
    assert [line for line in LINES if line not in text] == []


def test_teasers_below_an_article_go() -> None:
    teasers = "".join(
        f'<article><h3><a href="/x/{number}">Ferry line number {number} gets a boat</a></h3></article>'
        for number in range(3)
    )
    assert "Ferry" not in extracted(f"<h1>{TITLE}</h1><div>{PARAGRAPHS}</div>{teasers}").text


@pytest.mark.parametrize(
    ("body", "authors"),
    [
        (f'<h1>{TITLE}</h1><div><a href="/profile/ann-keel">Ann Keel</a></div>{PARAGRAPHS}', ("Ann Keel",)),
        (f'<h1>{TITLE}</h1><p>The victim was named as <a href="/profiles/ann-keel">Ann Keel</a>.</p>{PARAGRAPHS}', ()),
        (f'<h1>{TITLE}</h1>{PARAGRAPHS}<p>Companies: <a href="/profiles/lindner">Lindner Maschinen</a></p>', ()),
    ],
    ids=["byline", "in a sentence", "below the text"],
)
def test_a_link_to_a_profile_is_a_byline_below_the_headline_only(body: str, authors: tuple[str, ...]) -> None:
    assert extracted(body).authors == authors
