"""What pages say about themselves: the right article's facts, whatever the markup, and where each was found."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.bylines import clean_authors
from pipeline.extraction.clean import Extracted, extract
from pipeline.extraction.lenient_json import read_json

URL = "https://outlet.example/news/envoys-meet"
FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)
TITLE = "Envoys of both sides meet at the harbour"
TEXT = "".join(
    f"<p>The envoys spoke for {hours} hours in the old customs house, and their spokesmen said little when they came out.</p>"
    for hours in ("two", "three", "four")
)
ARTICLE: dict[str, Any] = {
    "@type": "NewsArticle",
    "headline": TITLE,
    "datePublished": "2026-11-28T08:00:00Z",
    "author": {"@type": "Person", "name": "Ann Keel"},
}


def page(*, head: str = "", top: str = "", behind: str = "", title: str = TITLE, window: str | None = None) -> str:
    return (
        f"<html lang='en'><head><title>{window or title}</title>{head}</head><body><main><article><h1>{title}</h1>{top}"
        f"<div class='text'>{TEXT}</div></article></main>{behind}</body></html>"
    )


def ld(*values: object) -> str:
    return "".join(f"<script type='application/ld+json'>{json.dumps(value)}</script>" for value in values)


def run(html: str, **options: Any) -> Extracted:
    return extract(html, url=URL, fetched_at=FETCHED, **options)


@pytest.mark.parametrize(
    "text",
    [
        '<!-- {"a": 1, "b": "x"} -->',
        '//<![CDATA[\n{"a": 1, "b": "x"}\n//]]>',
        '/*<![CDATA[*/{"a": 1, "b": "x"}/*]]>*/',
        '{"a": 1, "b": "x",}',
        '{"a": 1, /* one */ "b": "x" // two\n}',
        '{"a": 1, "b": "x"};',
        "{'a': 1, 'b': 'x'}",
        "{&quot;a&quot;: 1, &quot;b&quot;: &quot;x&quot;}",
        '{"a": 1, "b": "x"',
    ],
)
def test_nearly_valid_json_is_read(text: str) -> None:
    assert read_json(text) == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "it\'s"}', "it's"),
        ('{"a": "they said "no" again"}', 'they said "no" again'),
        ('{"a": "they said "no", again"}', 'they said "no", again'),
        ('{"a": "two\nlines"}', "two\nlines"),
        (r'{"a": "C:\new\x"}', "C:\new" + "x"),
        ('{"a": "http://outlet.example/x", }', "http://outlet.example/x"),
    ],
)
def test_strings_keep_their_words(text: str, value: str) -> None:
    assert read_json(text) == [{"a": value}]


def test_several_values_one_after_another() -> None:
    assert read_json('{"a": 1}\n{"b": 2},') == [{"a": 1}, {"b": 2}]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_json_is_read_as_it_is(value: object) -> None:
    if isinstance(value, dict | list):
        assert read_json(json.dumps(value)) == [value]


@given(st.text(alphabet="{}[]\"':,\\/*abct \n", max_size=60))
def test_anything_is_read_or_left_out(text: str) -> None:
    assert isinstance(read_json(text), list)


PERSON = {"@id": "#ann", "@type": "Person", "name": "Ann Keel"}


@pytest.mark.parametrize(
    "head",
    [
        ld(ARTICLE),
        ld({"@graph": [{**ARTICLE, "author": {"@id": "#ann"}}, PERSON]}),
        ld({"@graph": [{**ARTICLE, "author": [{"@id": "#ann"}]}, PERSON]}),
        ld([{"@type": "WebSite"}, [ARTICLE]]),
        ld({"@type": "WebPage", "mainEntity": ARTICLE}),
        ld({**ARTICLE, "author": {"@type": "Person", "givenName": "Ann", "familyName": "Keel"}}),
        ld({**ARTICLE, "author": {"@list": [["Ann Keel"]]}}),
        ld({**ARTICLE, "author": {"@type": "Person", "name": ["Ann Keel"]}}),
        ld({**ARTICLE, "author": None, "creator": "By Ann Keel"}),
        ld({**ARTICLE, "liveBlogUpdate": [{"@type": "BlogPosting", "headline": "New", "author": {"name": "B. Ray"}}]}),
        ld(
            {
                "@type": "ItemList",
                "itemListElement": [{"item": {**ARTICLE, "headline": "Storm", "articleBody": "x " * 400}}],
            },
            ARTICLE,
        ),
        ld(
            {
                **ARTICLE,
                "headline": "Storm closes a port",
                "url": "https://outlet.example/storm",
                "articleBody": "x " * 400,
            },
            ARTICLE,
        ),
        ld({**ARTICLE, "author": {"@type": "Organization", "name": "The Outlet"}})
        + "<meta name='author' content='Ann Keel'>",
    ],
)
def test_the_article_of_this_page(head: str) -> None:
    found = run(page(head=head))
    assert (found.title, found.authors) == (TITLE, ("Ann Keel",))
    assert found.published_at == datetime(2026, 11, 28, 8, tzinfo=UTC)
    assert dict(found.origins)["published"] == "json_ld"
    assert len(found.text.split("\n")) == 3


@pytest.mark.parametrize(
    ("top", "origin"),
    [
        ("<a rel='author' href='/ann'>Ann Keel</a>", "rel_author"),
        ("<span itemprop='author' itemscope><span itemprop='name'>Ann Keel</span></span>", "microdata"),
        ("<div itemprop='author' itemscope><meta itemprop='name' content='Ann Keel'></div>", "microdata"),
        ("<p class='byline'>By <a href='/p/ann'>Ann Keel</a>, 28 November 2026</p>", "byline"),
        ("<div class='article__author'><span>Ann Keel</span><span>Political correspondent</span></div>", "byline"),
        ("<div class='x1'>By <span>Ann Keel</span></div>", "line"),
        ("<p>Von Ann Keel</p>", "line"),
        ("<p>Автор: Ann Keel</p>", "line"),
        ("<div><a href='/authors/ann-keel'>Ann Keel</a></div>", "author_link"),
        ("<footer class='meta'><span class='author'>Ann Keel</span></footer>", "byline"),
    ],
)
def test_an_author_that_the_page_shows(top: str, origin: str) -> None:
    found = run(page(top=top))
    assert found.authors == ("Ann Keel",)
    assert dict(found.origins)["authors"] == origin


@pytest.mark.parametrize(
    "behind",
    [
        "<aside><a rel='author' href='/b'>Bob Ray</a></aside>",
        "<div class='related'><p class='byline'>By Bob Ray</p></div>",
        "<section class='comments'><span class='author'>Bob Ray</span></section>",
        "<footer><a rel='author' href='/b'>Bob Ray</a></footer>",
    ],
)
def test_authors_of_others_are_not_taken(behind: str) -> None:
    assert run(page(behind=behind)).authors == ()


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        ("By Ann Keel and Bob Ray", ("Ann Keel", "Bob Ray")),
        ("Ann Keel, Bob Ray und Carl Vogt", ("Ann Keel", "Bob Ray", "Carl Vogt")),
        ("Keel, Ann", ("Ann Keel",)),
        ("Ann Keel | The Outlet | Nov 28, 2026", ("Ann Keel",)),
        ("Ann Keel Senior Politics Editor", ("Ann Keel",)),
        ("Ann Keel (in Lethe)", ("Ann Keel",)),
        ("By Ann Keel with Bob de Jong", ("Ann Keel", "Bob de Jong")),
        ("Ana Pérez con Luis de la Cruz", ("Ana Pérez", "Luis de la Cruz")),
        ("Par Anne Kahn avec Jean de Villiers", ("Anne Kahn", "Jean de Villiers")),
        ("Maria Conti con Luca di Stefano", ("Maria Conti", "Luca di Stefano")),
        ("Ann Keel, with Maria dos Santos", ("Ann Keel", "Maria dos Santos")),
        ("Von Jana Lind mit Jana von der Heide", ("Jana Lind", "Jana von der Heide")),
        ("Anna Lind med Per af Klint", ("Anna Lind", "Per af Klint")),
        ("Anna Lind met Bob van Dijk", ("Anna Lind", "Bob van Dijk")),
        ("Ana Lima com Rui da Costa", ("Ana Lima", "Rui da Costa")),
        ("By Ann Keel with Bob de Jong, with files from Reuters", ("Ann Keel", "Bob de Jong")),
        ("By Ann Keel with files from Reuters", ("Ann Keel",)),
        ("BY ANN KEEL WITH FILES FROM THE ASSOCIATED PRESS", ("Ann Keel",)),
        ("Von Jana Lind, mit Material von dpa und AFP", ("Jana Lind",)),
        ("Von Jana Lind, mit zusätzlichem Material von Nachrichtenagenturen", ("Jana Lind",)),
        ("Ana Pérez con información de la Agencia Norte", ("Ana Pérez",)),
        ("홍길동 기자", ("홍길동",)),
        ("بقلم: آن كيل", ("آن كيل",)),
        ("Share", ()),
        ("Updated on", ()),
        ("28 November 2026", ()),
    ],
)
def test_names_in_a_byline(claim: str, names: tuple[str, ...]) -> None:
    assert clean_authors([claim], shown=True) == names


NOVEMBER_27 = datetime(2026, 11, 27, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "top",
    [
        "<p>Updated <time datetime='2026-11-29T08:00Z'>x</time> Published <time datetime='2026-11-27T06:00Z'>x</time></p>",
        "<time itemprop='dateModified' datetime='2026-11-29T08:00Z'>x</time><time datetime='2026-11-27T06:00Z'>x</time>",
        "<aside class='related'><time datetime='2025-01-01T00:00Z'>x</time></aside><time datetime='2026-11-27T06:00Z'>x</time>",
        "<abbr class='published' title='2026-11-27T08:00:00+02:00'>27 Nov</abbr>",
        "<div class='news-date'><span>Giriş Tarihi: 27.11.2026 06:00</span> <span>Güncelleme: 29.11.2026 08:00</span></div>",
        "<div class='meta-date'>Обновлено: 29.11.2026 08:00 | Опубликовано: 27.11.2026 06:00</div>",
        "<p>27 November 2026, 06:00</p>",
        "<div><div><span>27. novembar 2026. 06:00</span></div></div>",
        "<meta itemprop='datePublished' content='2026-11-27T06:00Z'><meta itemprop='dateModified' content='2026-11-29T08:00Z'>",
    ],
)
def test_published_is_not_modified(top: str) -> None:
    found = run(page(top=top).replace("lang='en'", "lang='tr'"))
    assert (found.published_at, found.published_flag) == (NOVEMBER_27, None)


def test_an_article_with_only_a_date_of_modification_has_no_date_of_publication() -> None:
    found = run(page(top="<p>Last updated: <time datetime='2026-11-29T08:00:00Z'>29 Nov</time></p>"))
    assert (found.published_at, found.published_flag) == (None, "missing")
    assert found.modified_at == datetime(2026, 11, 29, 8, tzinfo=UTC)


def test_a_relative_date_is_a_guess_against_the_time_of_fetching() -> None:
    found = run(page(top="<time>3 hours ago</time>"))
    assert (found.published_at, found.published_flag) == (datetime(2026, 11, 29, 9, tzinfo=UTC), "guessed")


LONG = "Envoys of both sides meet in the harbour town to talk about a ceasefire that was promised in the spring, mediator says"


@pytest.mark.parametrize(
    "head",
    [
        ld({**ARTICLE, "headline": f"{LONG[:100]}..."}),
        ld({**ARTICLE, "headline": LONG[:96]}),
        f"<meta property='og:title' content='{LONG[:70]}…'>",
    ],
)
def test_a_headline_that_was_cut_is_completed(head: str) -> None:
    assert run(page(head=head, title=LONG)).title == LONG


@pytest.mark.parametrize("logo", ["World News", "The Outlet", "Hi, I'm the logo"])
def test_a_logo_is_not_a_headline(logo: str) -> None:
    html = page(window=f"{TITLE} | The Outlet").replace("<main>", f"<header><h1>{logo}</h1></header><main>")
    assert run(html).title == TITLE


def test_parts_of_a_heading_are_words_of_their_own() -> None:
    html = page(window="x").replace(f"<h1>{TITLE}", f"<h1><span>Talks</span><span>{TITLE}</span>")
    assert run(html).title == f"Talks {TITLE}"


@given(
    st.sampled_from(
        [
            "<a rel='author'>Ann Keel</a>",
            "<time>29 Nov</time>",
            "<p>By Ann Keel</p>",
            "<div class='date'>2 days ago</div>",
        ]
    )
)
def test_facts_are_a_function_of_the_page_and_the_time_of_fetching(top: str) -> None:
    assert run(page(top=top)) == run(page(top=top))
