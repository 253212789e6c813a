"""Pages whose furniture changed and pages whose text changed, through the real extraction into the real stage."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from core.records import OutcomeKind, version_hash
from pipeline.extraction.clean import extract
from pipeline.stories.features import features
from pipeline.text.difference import Size
from tests.pipeline.stories.world import Desk, article

URL = "post/harbour"
NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)
TITLE = "Council votes to widen the old harbour"
TEXT = """
The city council voted on Monday evening to widen the old harbour, after a debate that went on for five hours and in
which fishermen and shipowners spoke against each other from the same bench.

The work is to begin in autumn and to cost 40 million crowns, of which the state pays a third. Two warehouses from
the last century will have to go, and with them the fish market that many people know.

Opponents of the plan said that the water in the bay would become too shallow for small boats. The mayor answered
that the surveyors had looked at this twice and found no reason to worry about it.

A second vote is needed in spring, when the money for the first year has to be set aside. Until then the fishermen
may stay where they are, the council said in a letter to their union.
"""
PARAGRAPHS = tuple(" ".join(paragraph.split()) for paragraph in TEXT.split("\n\n"))
ADVERT = "<div class='advertisement'><a href='https://shop.example/{0}'>Buy a boat today, only {0} crowns</a></div>"
RELATED = "<aside class='related'><h3>Read more</h3><ul>{0}</ul></aside>"


def page(
    paragraphs: tuple[str, ...] = PARAGRAPHS,
    *,
    title: str = TITLE,
    before: str = "",
    within: str = "",
    after: str = "",
    head: str = "",
    open_tag: str = "<p>",
    body: str = "<body>",
) -> str:
    marked = [f"{open_tag}{text}</p>" for text in paragraphs]
    inner = "\n".join([*marked[:2], within, *marked[2:]])
    return (
        f"<!doctype html><html lang='en'><head><title>{title} | The Post</title>{head}</head>{body}"
        f"<header><nav><a href='/'>Home</a> <a href='/sport'>Sport</a></nav></header>"
        f"<main><article><h1>{title}</h1>{before}{inner}{after}</article></main>"
        f"<footer><p>© The Post</p></footer></body></html>"
    )


def links(*names: str) -> str:
    return RELATED.format("".join(f"<li><a href='/{number}'>{name}</a></li>" for number, name in enumerate(names)))


# Name: the page as it was, and as it is.
FURNITURE = {
    "another advert": (page(within=ADVERT.format(100)), page(within=ADVERT.format(2_500))),
    "an advert that was not there": (page(), page(within=ADVERT.format(7))),
    "the time of the update": (
        page(before="<p class='meta'>Updated 12:31</p>"),
        page(before="<p class='meta'>Updated 14:02</p>"),
    ),
    "the date in a time element": (
        page(before="<time datetime='2031-03-04'>4 March 2031</time>"),
        page(before="<time datetime='2031-03-05'>5 March 2031, 09:15</time>"),
    ),
    "how long ago": (page(before="<span>5 minutes ago</span>"), page(before="<span>2 hours ago</span>")),
    "markup": (page(), page(open_tag="<p class='text-lg' data-id='7'>", body="<body class='dark'>")),
    "scripts and styles": (page(), page(head="<style>p{color:red}</style><script>var build = 4711;</script>")),
    "other links beside it": (
        page(after=links("A storm in the south", "The new bridge")),
        page(after=links("Snow", "A vote")),
    ),
    "the counter of readers": (
        page(after="<p class='counter'>1,204 views</p>"),
        page(after="<p class='counter'>9,871 views</p>"),
    ),
    "the counter of comments": (page(after="<p>12 comments</p>"), page(after="<p>340 comments</p>")),
    "a consent banner": (
        page(),
        page(
            body="<body><div id='cookie-consent' role='dialog'><p>We use cookies. <button>Accept all</button></p></div>"
        ),
    ),
    "the menu": (
        page(),
        page().replace("<a href='/sport'>Sport</a>", "<a href='/live'>Live</a> <a href='/war'>War</a>"),
    ),
    "the name of the site in the title": (page(), page().replace(" | The Post</title>", " – The Post Online</title>")),
    "white space": (page(), page().replace("<p>", "\n\n   <p>\n\t").replace(". ", ".  ")),
}
ADDED = (
    "In the night the union of the fishermen said that it would go to court over the letter. Its head called the vote a "
    "mistake that could still be mended before any stone of the market hall is touched."
)
OTHER = (
    "On Tuesday the mayor withdrew the plan. She named the cost of the quay walls, which had doubled within a year, and "
    "said that the council would look for another place further down the river."
)
CHANGED = {
    "a figure": (page((PARAGRAPHS[0], PARAGRAPHS[1].replace("40 million", "55 million"), *PARAGRAPHS[2:])), Size.MINOR),
    "a paragraph more": (page((*PARAGRAPHS, ADDED)), Size.MAJOR),
    "a paragraph rewritten": (page((*PARAGRAPHS[:3], OTHER)), Size.MAJOR),
    "another headline": (page(title="Mayor gives up plan for wider harbour after protests"), Size.MAJOR),
    "one word": (page((PARAGRAPHS[0].replace("five hours", "six hours"), *PARAGRAPHS[1:])), Size.MINOR),
}


def told(*pages: str) -> list[tuple[OutcomeKind, Size | None, int]]:
    desk, ends = Desk(), []
    for number, html in enumerate(pages):
        found = extract(html, url=f"https://{URL}", fetched_at=NOON)
        assert all(one in found.text for one in ("voted on Monday evening",)), "else nothing is tested"
        one = replace(
            article(URL, found.text, title=found.title, at_ms=number * 60_000),
            version_hash=version_hash(found.title, found.text),
            fingerprint=features(found.title, found.text),
        )
        end = desk.tell(one)
        size = end.difference.size if end.difference is not None else None
        ends.append((end.outcome.kind, size, len(desk.entries)))
    return ends


@pytest.mark.parametrize("name", FURNITURE)
def test_text_around_an_article_makes_no_version(name: str) -> None:
    before, after = FURNITURE[name]
    assert before != after
    first, second, third = told(before, after, before)
    assert first[0] is OutcomeKind.PUBLISHED
    assert [second, third] == [(OutcomeKind.UNCHANGED, None, 1)] * 2


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_text_is_a_version_with_the_size_of_its_change(name: str) -> None:
    after, size = CHANGED[name]
    first, second = told(page(), after)
    assert first[0] is OutcomeKind.PUBLISHED
    assert second == (OutcomeKind.UPDATED, size, 2)
