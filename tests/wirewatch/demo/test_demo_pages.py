"""The pages: the text is in them, much else is around it, and nothing in a text becomes markup."""

from __future__ import annotations

import json

import msgspec
import pytest
import trafilatura
from lxml import etree
from lxml import html as lxml_html

from tests.wirewatch.demo.conftest import END_S, STARTED_AT
from wirewatch.demo import DemoOutlets, SampleArticle, Samples, load_samples

SAMPLES = load_samples()
FULL = [pytest.param(article, id=article.id) for article in SAMPLES.articles if article.page == "full"]
HOSTILE = "</script><script>alert('x')</script> \"quoted\" & $title ${lead} <b>bold</b> ]]>"


def served(outlets: DemoOutlets, article: SampleArticle, elapsed_s: float = END_S) -> str:
    got = outlets.page(article.path, elapsed_s)
    assert got.status == 200
    assert got.content_type == "text/html; charset=utf-8"
    return got.body.decode()


def plain(text: str) -> str:
    """White space made even; trafilatura drops the zero-width non-joiner that Persian has within words."""
    return " ".join(text.replace("\u200c", "").split())


@pytest.mark.parametrize("article", FULL)
def test_extraction_finds_every_paragraph(outlets: DemoOutlets, article: SampleArticle) -> None:
    page = served(outlets, article)
    found = plain(trafilatura.extract(page, fast=True, include_comments=False) or "")
    text = article.text_at(END_S)
    for paragraph in (text.lead, *text.paragraphs):
        assert plain(paragraph) in found


@pytest.mark.parametrize("article", FULL)
def test_the_page_has_all_that_pages_have_around_the_text(outlets: DemoOutlets, article: SampleArticle) -> None:
    tree = lxml_html.fromstring(served(outlets, article))
    text = plain(tree.text_content())
    labels = SAMPLES.outlets[article.outlet].labels[article.language]
    for field in labels.__struct_fields__:
        value = getattr(labels, field)
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        assert all(plain(part) in text for part in parts), field
    assert tree.get("lang") == article.language
    assert article.direction in {tree.get("dir"), tree.find("body").get("dir")}
    # The links stand between the first paragraph and the last.
    paragraphs = article.text_at(END_S).paragraphs
    where = text.index(plain(labels.also_see))
    assert text.index(plain(paragraphs[0])) < where < text.index(plain(paragraphs[-1]))
    hrefs = set(tree.xpath("//a/@href"))
    linked = {outlets.base_url + SAMPLES.article(other).path for other in (*article.also_see, *article.related)}
    assert len(linked) >= 1
    assert linked <= hrefs


def test_the_templates_of_two_outlets_share_hardly_a_class(outlets: DemoOutlets, samples: Samples) -> None:
    shapes = set()
    for outlet in samples.outlets:
        article = next(one for one in samples.articles if one.outlet == outlet and one.page == "full")
        tree = lxml_html.fromstring(served(outlets, article))
        shapes.add(frozenset(name for names in tree.xpath("//@class") for name in names.split()))
    assert len(shapes) == 3
    first, second, third = shapes
    assert len(first & second & third) <= 2


@pytest.mark.parametrize("outlet", ["harbour", "lanterns"])
def test_trafilatura_reads_title_authors_and_date_of_each_page(
    outlets: DemoOutlets, samples: Samples, outlet: str
) -> None:
    for article in samples.articles:
        if article.outlet != outlet or article.page != "full":
            continue
        found = trafilatura.extract_metadata(served(outlets, article))
        assert plain(found.title) == plain(article.text_at(END_S).title)
        assert plain(found.author) == plain("; ".join(article.authors))
        assert found.date == f"{STARTED_AT:%Y-%m-%d}"


def test_the_page_changes_with_the_revision_only(outlets: DemoOutlets, samples: Samples) -> None:
    for article in samples.articles:
        if article.page != "full":
            continue
        first, last = served(outlets, article, article.published), served(outlets, article)
        assert (first != last) == bool(article.revisions), article.id
    edited = samples.article("birchgate-exchange-round")
    assert "150 prisoners" in served(outlets, edited, 37.9)
    assert "175 prisoners" in served(outlets, edited, 38.0)


@pytest.mark.parametrize("outlet", ["birchgate", "harbour", "lanterns"])
def test_hostile_text_stays_text(samples: Samples, outlet: str) -> None:
    original = next(one for one in samples.articles if one.outlet == outlet and one.page == "full" and not one.copy_of)

    def with_text(text: str) -> DemoOutlets:
        other = msgspec.structs.replace(
            original, title=text, lead=text, paragraphs=(text,) * 3, authors=(text,), revisions=()
        )
        articles = tuple(other if one.id == original.id else one for one in samples.articles)
        return DemoOutlets(msgspec.structs.replace(samples, articles=articles), STARTED_AT)

    def shape(page: str) -> list[str]:
        return [node.tag for node in lxml_html.fromstring(page).iter() if isinstance(node.tag, str)]

    hostile, calm = with_text(HOSTILE), with_text("Calm words")
    linking = [one.path for one in samples.articles if original.id in (*one.also_see, *one.related)]
    assert linking
    for path in (original.path, f"/{outlet}/", *linking):
        page = hostile.get(path, END_S).body.decode()
        assert shape(page) == shape(calm.get(path, END_S).body.decode())
        assert HOSTILE in lxml_html.fromstring(page).xpath("//h1/text() | //a/text()")
    tree = lxml_html.fromstring(hostile.page(original.path, END_S).body.decode())
    for script in tree.xpath("//script[@type='application/ld+json']"):
        assert json.loads(script.text)["headline"] == HOSTILE
    feed = hostile.feed(outlet, END_S).body
    titles = (
        [item["title"] for item in json.loads(feed)["items"]]
        if outlet == "birchgate"
        else etree.fromstring(feed).xpath("//*[local-name() = 'title']/text()")
    )
    assert HOSTILE in titles


def test_the_empty_page_is_empty(outlets: DemoOutlets, samples: Samples) -> None:
    page = served(outlets, samples.article("birchgate-empty-page"))
    assert not trafilatura.extract(page)


PATHS: list[tuple[str, int]] = [
    ("/", 200),
    ("/robots.txt", 200),
    ("/harbour/", 200),
    ("/harbour", 200),
    ("/harbour/life/restaurant-review", 200),
    ("/harbour/life/restaurant-review?utm_source=x#top", 200),
    ("/harbour/business/withdrawn", 404),
    ("/harbour/life/storm", 404),
    ("/lanterns/life/restaurant-review", 404),
    ("/nowhere/feed.xml", 404),
    ("/harbour/../../etc/passwd", 404),
    ("/harbour/%2e%2e/%00", 404),
    ("//[", 404),
    ("", 404),
]


@pytest.mark.parametrize(("target", "status"), PATHS)
def test_only_the_paths_of_outlets_are_served(outlets: DemoOutlets, target: str, status: int) -> None:
    assert outlets.get(target, END_S).status == status


def test_a_page_is_not_there_before_its_time(outlets: DemoOutlets, samples: Samples) -> None:
    article = samples.article("lanterns-opera-review")
    assert outlets.page(article.path, article.published - 0.1).status == 404
    assert outlets.page(article.path, article.published).status == 200


def test_robots_allows_the_pages(outlets: DemoOutlets) -> None:
    assert outlets.robots().body.startswith(b"User-agent: *\n")
