"""Pages and texts to articles: what is taken, what is left out, and that bad input has a reason."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import fromstring

from core.errors import ExtractionError
from pipeline.extraction.body import _with_siblings
from pipeline.extraction.clean import REASONS, Extracted, clean_text, extract, extract_text
from tests.laws import examples

URL = "https://news.example/2024/05/02/talks"
FETCHED = datetime(2024, 5, 3, 18, 0, tzinfo=UTC)
PARAGRAPHS = [
    "The envoys left the hall on Monday evening and said that the talks would go on for at least another week.",
    "A spokeswoman of the host country told reporters that both sides had come with proposals of their own this time.",
    "Neither delegation wished to say whether a ceasefire had been spoken about, or who would be there to watch over it.",
    "In the capital, thousands had waited for news until late at night; most of them went home without having heard any.",
]
BODY = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)


def page(body: str = BODY, *, head: str = "", title: str = "Talks go on") -> str:
    return (
        f"<!DOCTYPE html><html lang='en-GB'><head><title>{title} | Daily Example</title>{head}</head><body>"
        "<nav><ul><li><a href='/'>Home</a></li><li><a href='/world'>World</a></li></ul></nav>"
        f"<main><article><h1>{title}</h1>{body}</article></main>"
        "<div class='cookie-banner'><p>We use cookies to improve your experience.</p><button>Accept all</button></div>"
        "<footer><p>© 2024 Daily Example. All rights reserved.</p></footer></body></html>"
    )


def run(html: str | bytes, **options: Any) -> Extracted:
    return extract(html, url=options.pop("url", URL), fetched_at=options.pop("fetched_at", FETCHED), **options)


def reason(html: str | bytes, **options: Any) -> str:
    with pytest.raises(ExtractionError) as caught:
        run(html, **options)
    assert caught.value.reason in REASONS
    return caught.value.reason


def ld(**fields: object) -> str:
    return f"<script type='application/ld+json'>{json.dumps({'@type': 'NewsArticle', **fields})}</script>"


def test_paragraphs_and_nothing_else() -> None:
    found = run(page())
    assert found.text == "\n".join(PARAGRAPHS)
    assert found.title == "Talks go on"
    assert dict(found.origins)["title"] == "heading"
    assert found.page_language == "en-GB"


def test_boilerplate_lines_of_a_page_go() -> None:
    extra = (
        "<p>Get the Latest News Updates</p><p>Also see: Another story</p><p><a href='/x'>A link to elsewhere</a></p>"
    )
    links = "<ul><li><a href='/1'>The war at sea</a></li><li>Read: <a href='/2'>The war on land</a></li></ul>"
    assert run(page(extra + BODY + links)).text == "\n".join(PARAGRAPHS)


def test_a_link_within_a_paragraph_stays() -> None:
    linked = BODY.replace("proposals of their own", "<a href='/p'>proposals of their own</a>")
    assert run(page(linked)).text == "\n".join(PARAGRAPHS)


def test_standfirst_from_the_description_comes_first_once() -> None:
    lead = "Both sides brought proposals to the table, a week after everything had seemed lost."
    head = f"<meta name='description' content='{lead}'>"
    shown = f"<header><h2 class='x1'>{lead}</h2></header>{BODY}"
    assert run(page(shown, head=head)).text == "\n".join([lead, *PARAGRAPHS])
    # Only in the head: the reader doesn't see it.
    assert run(page(head=head)).text == "\n".join(PARAGRAPHS)
    assert run(page(head=head)).summary == lead


def test_headline_byline_and_date_are_not_text() -> None:
    head = ld(headline="Talks go on", author={"name": "Ada Example"}, datePublished="2024-05-02T09:00:00Z")
    top = "<p>Talks go on</p><p>By Ada Example</p><p>2 May 2024, 09:00</p>"
    found = run(page(top + BODY, head=head))
    assert found.text == "\n".join(PARAGRAPHS)
    assert found.authors == ("Ada Example",)


def test_repeated_paragraphs_count_once() -> None:
    assert run(page(BODY + f"<p>{PARAGRAPHS[0]}</p>")).text.count(PARAGRAPHS[0]) == 1


def test_the_article_in_json_ld_when_the_page_shows_its_first_lines_only() -> None:
    body = (
        "\n\n".join(PARAGRAPHS * 1)
        + "\n\n"
        + "\n\n".join(f"Sentence {n} goes on about it at length." for n in range(40))
    )
    found = run(page(f"<p>{PARAGRAPHS[0]}</p>", head=ld(headline="Talks go on", articleBody=body)))
    assert found.text.startswith("\n".join(PARAGRAPHS))
    assert "Sentence 39" in found.text


def test_the_article_in_a_script_when_the_page_is_put_together_in_the_browser() -> None:
    data = json.dumps({"story": {"html": BODY + BODY.replace("Monday", "Tuesday")}}).replace("<", "\\u003c")
    html = (
        f"<html><head><title>Talks go on</title></head><body><div></div><script>var s = {data};</script></body></html>"
    )
    assert run(html).text.startswith("\n".join(PARAGRAPHS))


def test_the_feeds_text_is_used_if_the_page_has_none() -> None:
    summary = " ".join(PARAGRAPHS)
    assert run("<html><body><div id='app'></div></body></html>", summary_hint=f"<p>{summary}</p>").text == summary
    assert run(page(), summary_hint="Short.").text == "\n".join(PARAGRAPHS)


def test_paragraphs_that_were_left_out_among_those_taken_come_back() -> None:
    more = [f"Chapter {n}. {paragraph} End of {n}." for n in range(3) for paragraph in PARAGRAPHS]
    chunks = "<div class='chunk'>{}</div><div class='ad'>x</div><div class='chunk'>{}</div>"
    body = chunks.format(*("".join(f"<p>{line}</p>" for line in half) for half in (more[:6], more[6:])))
    other = (
        "<div class='chunk'><p>Another article, in the same dress, which some pages hang below the first one.</p></div>"
    )
    tree = fromstring(f"<html><body><main><article>{body}</article><article>{other}</article></main></body></html>")
    taken = [more[0], more[2], more[3], more[5]]
    assert _with_siblings(tree, "\n".join(taken)) == "\n".join(more)


def test_a_page_with_breadcrumbs_or_in_a_dialog_stays() -> None:
    crumbs = "<div class='breadcrumbs'><a href='/'>Home</a> <span>World, and how it is going these days</span></div>"
    html = (
        page(crumbs + BODY)
        .replace("<main>", "<main><div class='with-breadcrumb' role='dialog'>")
        .replace("</main>", "</div></main>")
    )
    assert run(html).text == "\n".join(PARAGRAPHS)


def test_ruby_readings_stay_in_the_line() -> None:
    ruby = "<p>韓国の<ruby>尹錫悦<rt>ユンソンニョル</rt></ruby>大統領は月曜日の夜に会見し、協議は続くと述べた。</p>"
    text = run(
        page(ruby * 1 + "<p>双方はなお隔たりがあるとしながらも、話し合いには前進があったと口をそろえて述べた。</p>")
    ).text
    assert "韓国の尹錫悦(ユンソンニョル)大統領は" in text


@pytest.mark.parametrize("html", ["<RUBY><RT><RT>", "<ruby><rt><rt><rt>", "<ruby><rt><b><rt></b></ruby>"])
def test_readings_left_open_are_not_a_failure(html: str) -> None:
    assert reason(html) == "no_text"


def test_a_reading_within_a_reading_counts_once() -> None:
    ruby = "<p>韓国の<ruby>尹<rt>ユン<rt>ソン</ruby>大統領は月曜日の夜に会見し、協議は続くと述べた。</p>"
    assert "韓国の尹(ユンソン)大統領は" in run(page(ruby + BODY)).text


@pytest.mark.parametrize(
    ("hint", "head", "expected", "flag"),
    [
        (
            "Thu, 02 May 2024 10:00:00 +0200",
            ld(datePublished="2024-05-01T00:00:00Z"),
            "2024-05-02T08:00:00+00:00",
            None,
        ),
        (None, ld(datePublished="2024-05-01T06:00:00Z"), "2024-05-01T06:00:00+00:00", None),
        ("soon", "<meta property='article:published_time' content='2024-05-01'>", "2024-05-01T00:00:00+00:00", None),
        ("1970-01-01", ld(datePublished="2024-05-01T06:00:00Z"), "2024-05-01T06:00:00+00:00", None),
        (None, "", "2024-05-02T00:00:00+00:00", None),
        ("2024-05-09T00:00:00Z", "", "2024-05-02T00:00:00+00:00", None),
    ],
)
def test_the_date_comes_from_the_hint_or_the_head_and_is_flagged(
    hint: str | None, head: str, expected: str, flag: str | None
) -> None:
    found = run(page(head=head), published_hint=hint)
    assert found.published_at is not None
    assert (found.published_at.isoformat(), found.published_flag) == (expected, flag)


def test_a_missing_future_or_ancient_date_is_flagged() -> None:
    plain = "https://news.example/talks"
    assert run(page(), url=plain).published_flag == "missing"
    assert run(page(), url=plain, published_hint="2024-05-09T00:00:00Z").published_flag == "future"
    assert run(page(), url=plain, published_hint="1970-01-01T00:00:00Z").published_flag == "ancient"


def test_no_clock_is_read() -> None:
    long_ago = run(page(), fetched_at=datetime(2001, 1, 1, tzinfo=UTC), url="https://news.example/talks")
    assert long_ago == run(page(), url="https://news.example/talks")


def test_hints_come_first() -> None:
    found = run(
        page(head=ld(headline="Talks go on", author=[{"name": "Page Author"}])),
        title_hint="Talks &amp; more talks",
        authors_hint=["By Feed Author", "Feed Author"],
    )
    assert found.title == "Talks & more talks"
    assert dict(found.origins)["title"] == "feed"
    assert found.authors == ("Feed Author",)


@pytest.mark.parametrize(
    ("codec", "declared", "text"),
    [
        ("utf-8", "utf-8", "переговоры и café"),
        ("utf-8", "iso-8859-1", "переговоры: declared wrongly"),
        ("utf-8-sig", "", "café with a mark"),
        ("utf-16", "", "переговоры with a mark"),
        ("windows-1251", "windows-1251", "переговоры"),
        ("koi8-r", "koi8-r", "переговоры"),
        ("cp1252", "iso-8859-1", "café – “quoted”"),
        ("cp1252", "", "café, undeclared"),
        ("windows-1256", "windows-1256", "المحادثات"),
        ("gb18030", "gb2312", "会谈继续"),
        ("big5", "big5", "會談繼續"),
        ("cp932", "shift_jis", "協議は続く"),
        ("euc_jp", "euc-jp", "協議は続く"),
        ("iso2022_jp", "iso-2022-jp", "協議は続く"),
        ("cp949", "euc-kr", "협상은 계속된다"),
        ("cp1254", "iso-8859-9", "görüşmeler sürüyor"),
    ],
)
def test_a_page_in_any_charset_is_read(codec: str, declared: str, text: str) -> None:
    head = f"<meta charset='{declared}'>" if declared else ""
    data = page(f"<p>{text}</p>" + BODY, head=head).replace("©", "").encode(codec)
    assert text in run(data).text


def test_charset_of_http() -> None:
    data = page("<p>переговоры</p>" + BODY).replace("©", "").encode("windows-1251")
    assert "переговоры" in run(data, charset="windows-1251").text
    assert "переговоры" in run(data, charset="unicode_escape").text, "what is no charset counts as none declared"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("no element at all", "not_html"),
        (b"%PDF-1.7 \x00\x01", "not_html"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not_html"),
        (gzip.compress(b"<p>page</p>", mtime=0), "not_html"),
        (bytes(range(1, 9)) * 200 + b"<p>x</p>", "not_html"),
        ("<html><head><script>let a = '<p>x</p>';</script></head><body></body></html>", "wall"),
        ("<html><body><p>Advertisement</p><p>Share</p></body></html>", "no_text"),
        ("<frameset><frame src='a'></frameset>", "no_text"),
        ("<!-- only a comment -->", "no_text"),
        ("<html><body>" + "<div>" * 100_000 + BODY, "no_text"),
        ("<html><body><p " + " ".join(f"a{n}='1'" for n in range(20_000)) + ">x</p>", "too_complex"),
        ("<p>" * 300_000, "too_complex"),
        ("<" * 100_000, "not_html"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_input_that_is_no_article_is_refused_with_its_reason(html: str | bytes, expected: str) -> None:
    assert reason(html) == expected


def test_limit_of_bytes() -> None:
    big = "<p>" + "x" * (20 << 20)
    assert reason(big) == "too_large"
    assert reason(page(), max_html_bytes=100) == "too_large"
    ideographs = page("<p>" + "字" * 400 + "</p>")
    assert reason(ideographs, max_html_bytes=len(ideographs) + 100) == "too_large"


@pytest.mark.parametrize(
    "html",
    [
        page().replace("left", "le\0ft"),
        page(head="<meta name='x' content='" + "y" * 3_000_000 + "'>"),
        page().replace("<p>", "<p " + "z" * 1_000_000 + "='1'>", 1),
        page(head="<script type='application/ld+json'>" + "[" * 100_000 + "</script>"),
        page(head=ld(headline=[[["x"]]], author={"name": {"name": 5}}, datePublished={"a": 1}, articleBody=[None, 5])),
        page(head='<script type=\'application/ld+json\'>{"@type": 7, "@graph": [null, [[]], {"@type": {}}]}</script>'),
        page(head="<meta property='og:title'><meta content='x'><title></title>"),
        "<?xml version='1.0' encoding='utf-16'?>" + page(),
        page("&#x110000;&#xD800;&bogus;&amp" + BODY),
        page(BODY + "<table>" * 200 + "<ul>" * 30),
    ],
    ids=range(10),
)
def test_odd_pages_still_give_the_article(html: str) -> None:
    text = run(html).text
    assert PARAGRAPHS[1] in text
    text.encode("utf-8")


def test_broken_bytes_in_a_long_page_are_damage() -> None:
    data = page("<p>Ж" + "и" * 2_000 + "</p>" + BODY).encode() + b"\xff\xfe\x80"
    assert PARAGRAPHS[0] in run(data).text


def test_unexpected_errors_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("inside a library")

    monkeypatch.setattr("pipeline.extraction.body.bare_extraction", fail)
    assert reason(page()) == "extractor_failed"


def test_a_text_without_a_page_loses_its_boilerplate_and_gets_a_title() -> None:
    text = "Get the Latest News Updates\n\nThe envoys left.\n\nAlso see: Something else\n\nThey will be back on Friday."
    found = extract_text(text, url=URL, fetched_at=FETCHED)
    assert found.text == "The envoys left.\n\nThey will be back on Friday."
    assert found.title == "The envoys left."
    assert dict(found.origins)["title"] == "text"
    assert extract_text(text, url=URL, fetched_at=FETCHED, title_hint="Talks end").title == "Talks end"


def test_text_only_with_markup_of_a_feed() -> None:
    found = extract_text(
        "<p>The envoys left &amp; rested.</p><p>They will be back<br>on Friday.</p>", url=URL, fetched_at=FETCHED
    )
    assert found.text == "The envoys left & rested.\nThey will be back\non Friday."


@pytest.mark.parametrize(
    ("text", "expected"), [("", "empty"), (" \n", "empty"), ("Advertisement", "no_text"), ("Hi.", "no_text")]
)
def test_text_only_reasons(text: str, expected: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        extract_text(text, url=URL, fetched_at=FETCHED)
    assert caught.value.reason == expected


@given(st.text())
@settings(max_examples=examples(300), deadline=None)
def test_clean_text_is_idempotent_and_can_be_encoded(text: str) -> None:
    once = clean_text(text)
    once.encode("utf-8")
    assert clean_text(once) == once


@given(
    st.lists(
        st.sampled_from(
            [
                "Advertisement",
                "Also see: X",
                "words that fill a line of forty characters and",
                "e\u0301",
                "\u0301",
                " ",
                "",
                "\u200b",
                "* * *",
                "comments",
                "A sentence.",
            ]
        ),
        max_size=12,
    ).map("\n".join)
)
@settings(max_examples=examples(300), deadline=None)
def test_clean_text_is_idempotent_on_likely_lines(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once


MARKUP = st.lists(
    st.sampled_from([
        "<p>", "</p>", "<div>", "</div>", "<a href='x'>", "</a>", "<ul><li>", "<script>", "</script>", "<h1>", "<title>",
        "<ruby>", "<rt>", "<table><tr><td>", "<!--", "-->", "<![CDATA[", "&amp;", "&#0;", "<meta charset='utf-7'>", "'>",
        "<meta name='description' content='", "<script type='application/ld+json'>", '{"@type":"Article","headline":',
        '"x"}', "\0", "\ud800", PARAGRAPHS[0], "x " * 60, "<dialog>", "<svg>", "<math>", "<template>",
        "<base href='//['>", "<time datetime='", "<html lang='",
    ]),
    max_size=25,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), st.binary(), MARKUP, MARKUP.map(lambda text: text.encode("utf-16", "surrogatepass"))))
@settings(max_examples=examples(300), deadline=None)
def test_only_extraction_errors(html: str | bytes) -> None:
    found = run_or_reason(html)
    if isinstance(found, Extracted):
        assert found.text
        assert found.title
        f"{found.text}{found.title}".encode()
    else:
        assert found in set(REASONS) - {"extractor_failed"}


def run_or_reason(html: str | bytes) -> Extracted | str:
    try:
        return run(html)
    except ExtractionError as error:
        return error.reason


@given(st.text(), st.text(), st.text())
@settings(max_examples=examples(100), deadline=None)
def test_any_hints_leave_a_title_that_can_be_stored(title: str, author: str, date: str) -> None:
    found = run(page(), title_hint=title, authors_hint=[author], published_hint=date, url=title, summary_hint=author)
    assert found.title
    found.title.encode("utf-8")


def test_results_do_not_depend_on_earlier_input() -> None:
    pages = [page(BODY.replace("envoys", f"envoys{n}"), title=f"Talks {n}") for n in range(8)]
    first = [run(html) for html in pages]
    order = list(range(8)) * 2
    random.Random(3).shuffle(order)
    assert [run(pages[n]) for n in order] == [first[n] for n in order]


def test_a_control_in_a_broken_line_costs_no_page() -> None:
    paragraph = "The harbour office closed the northern quay on Monday after a crane had fallen into the basin."
    page = f"<html><body><article><h1>Quay closed</h1><p>{paragraph}</p><p>He left&#x1b;\nthe town.</p></article></body></html>"
    assert (
        paragraph in extract(page, url="https://outlet.example/a", fetched_at=datetime(2026, 11, 29, tzinfo=UTC)).text
    )
