"""Sitemaps, discovery and OPML: what they give, and what hostile input can't do."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds import FeedConnector, FeedPolicy, parse_feed
from connectors.feeds.discovery import FeedFinder, feeds_named
from connectors.feeds.opml import Outline, parse_opml, write_opml
from connectors.feeds.parse import UNPACKED_BYTES
from connectors.feeds.sitemap import MAX_LISTED
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from core.errors import FeedError, InputError
from tests.connectors.support import NOON, Answer, Clock, Site, after
from tests.connectors.test_feed_connector import page, rss

URL = "https://outlet.example/sitemap.xml"
NEWS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'


def news(loc: str, when: str, title: str = "T") -> str:
    return (
        f"<url><loc>{loc}</loc><image:image xmlns:image='i'><image:loc>https://x.example/i.jpg</image:loc>"
        f"<image:title>caption</image:title></image:image><news:news><news:publication><news:name>Outlet</news:name>"
        f"<news:language>ar</news:language></news:publication><news:publication_date>{when}</news:publication_date>"
        f"<news:title>{title}</news:title></news:news></url>"
    )


def sitemap(*entries: str) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<urlset {NEWS}>{''.join(entries)}</urlset>".encode()


def index(*locs: tuple[str, str]) -> bytes:
    rows = "".join(f"<sitemap><loc>{loc}</loc><lastmod>{when}</lastmod></sitemap>" for loc, when in locs)
    return f"<sitemapindex {NEWS}>{rows}</sitemapindex>".encode()


def test_a_news_sitemap_gives_titles_dates_and_languages_the_newest_first() -> None:
    body = sitemap(news("https://outlet.example/old", "2031-03-03T10:00:00Z"), news("/new", "2031-03-04", "Nw &amp; x"))
    feed = parse_feed(body, url=URL)
    assert feed.format == "newssitemap"
    assert [(item.url, item.title, item.published, item.language) for item in feed.items] == [
        ("https://outlet.example/new", "Nw & x", "2031-03-04", "ar"),
        ("https://outlet.example/old", "T", "2031-03-03T10:00:00Z", "ar"),
    ]


def test_only_the_newest_of_a_long_sitemap_count() -> None:
    entries = [f"<url><loc>/{n}</loc><lastmod>2031-01-{n % 28 + 1:02}</lastmod></url>" for n in range(MAX_LISTED + 400)]
    feed = parse_feed(sitemap(*entries), url=URL)
    assert (feed.format, len(feed.items)) == ("sitemap", MAX_LISTED)
    assert {item.updated for item in feed.items[:30]} == {"2031-01-28"}
    assert "400 of 1400 pages left out" in feed.notes[0]


def test_an_index_leads_to_its_news_and_gzip_is_undone() -> None:
    body = gzip.compress(index(("/a.xml", "2031-03-04"), ("/news.xml", "2030-01-01"), ("/b.xml", "2031-03-05")))
    feed = parse_feed(body, url=URL)
    assert (feed.format, feed.items) == ("sitemapindex", ())
    assert feed.children == tuple(f"https://outlet.example/{name}.xml" for name in ("news", "b", "a"))


def test_a_sitemap_broken_in_the_middle_gives_what_came_before() -> None:
    body = sitemap(news("/a", "2031-03-03"), news("/b", "2031-03-04")).replace(b"</urlset>", b"<url><loc>/c<<<")
    feed = parse_feed(body, url=URL)
    assert [item.url[-2:] for item in feed.items] == ["/b", "/a"]
    assert feed.notes[0].startswith("not read to the end")


BOMB = b"<!DOCTYPE urlset [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8)
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB + b"]><urlset><url><loc>https://a.example/&i;</loc></url></urlset>",
        b'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>/&x;</loc></url></urlset>',
        b'<!DOCTYPE urlset SYSTEM "http://127.0.0.1:1/x.dtd"><urlset><url><loc>/a</loc></url></urlset>',
        b"<urlset>" + b"<a>" * 100_000,
        gzip.compress(b"<urlset>" + b" " * (UNPACKED_BYTES + 10)),
        b"\x1f\x8bno gzip at all",
        b"<urlset>&undefined;",
    ],
)
def test_hostile_sitemaps_are_one_clear_error(body: bytes) -> None:
    with pytest.raises(FeedError) as caught:
        parse_feed(body, url=URL)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_anything_after_a_sitemaps_start_is_read_or_refused(tail: bytes) -> None:
    try:
        feed = parse_feed(b"<urlset><url><loc>/a</loc></url>" + tail, url=URL)
    except FeedError:
        return
    assert all(item.url.startswith("http") for item in feed.items)


@pytest.fixture
def http(web: Site) -> Iterator[Http]:
    with Http(allow_private=[web.host], total_s=10) as client:
        yield client


def test_a_sitemap_index_is_polled_as_a_feed(web: Site, http: Http) -> None:
    def poll(now: datetime) -> list[str]:
        nonlocal cursor
        result = connector.poll(cursor, now)
        cursor = result.cursor
        assert result.error is None
        return [item.url for item in result.items]

    web.pages |= {
        "/index.xml": Answer(index((web.url("/day1.xml"), "2031-03-04"))),
        "/day1.xml": Answer(sitemap(news(web.url("/a"), "2031-03-04")), headers={"ETag": '"1"'}),
        **{f"/{name}": page(name) for name in "abc"},
    }
    policy = FeedPolicy(interval_s=600, jitter=0.0, index_s=3_600)
    connector = FeedConnector(web.url("/index.xml"), "s", http, HostPacing(0.0), policy=policy, stopwatch=lambda: 0.0)
    cursor = None
    assert [poll(NOON), poll(NOON), poll(NOON)] == [[], [], [web.url("/a")]]
    web.pages["/day1.xml"] = Answer(sitemap(news(web.url("/b"), "2031-03-04"), news(web.url("/a"), "2031-03-04")))
    assert poll(after(1_000)) == [web.url("/b")]
    web.pages["/index.xml"] = Answer(
        index((web.url("/day1.xml"), "2031-03-04"), (web.url("/day2.xml"), "2031-03-05")), headers={"ETag": '"i"'}
    )
    web.pages["/day2.xml"] = Answer(sitemap(news(web.url("/c"), "2031-03-05")))
    assert [*poll(after(9_000)), *poll(after(9_000))] == [web.url("/c")], "a later day's sitemap is news, not backfill"
    asked = [path for path in web.paths() if path.endswith(".xml")]
    assert asked == ["/index.xml", "/day1.xml", "/day1.xml", "/index.xml", "/day2.xml"]
    assert "if-none-match" not in web.asked[-2][1], "an ETag goes only where it came from"


def test_an_index_of_indexes_does_not_spin(web: Site, http: Http) -> None:
    web.pages["/rss"] = Answer(index((web.url("/rss"), "2031-03-04")))
    connector = FeedConnector(web.url("/rss"), "s", http, HostPacing(0.0), stopwatch=lambda: 0.0)
    cursor, now = None, NOON
    for _ in range(20):
        result = connector.poll(cursor, now)
        cursor = result.cursor
        assert result.wake_at
        now = max(now, result.wake_at)
    assert now > after(86_400)


def test_a_long_list_at_first_is_known_but_not_all_of_it_fetched(web: Site, http: Http) -> None:
    names = [f"n{n}" for n in range(30)]
    web.pages |= {"/rss": rss(web, *names)} | {f"/{name}": page(name) for name in names}
    policy = FeedPolicy(max_backfill=3, jitter=0.0)
    connector = FeedConnector(web.url("/rss"), "s", http, HostPacing(0.0), policy=policy, stopwatch=lambda: 0.0)
    first = connector.poll(None, NOON)
    second = connector.poll(first.cursor, NOON)
    assert {item.url for item in second.items} == {web.url(f"/n{n}") for n in range(3)}
    assert second.report.pending == 0


def test_the_feeds_own_full_text_goes_along_with_the_page(web: Site, http: Http) -> None:
    full = "<p>" + "The whole article, as the feed has it. " * 20 + "</p>"
    encoded = f"<content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'><![CDATA[{full}]]></content:encoded>"
    web.pages |= {"/rss": rss(web, "a", more=encoded), "/a": page("teaser")}
    connector = FeedConnector(web.url("/rss"), "s", http, HostPacing(0.0), stopwatch=lambda: 0.0)
    first = connector.poll(None, NOON)
    (article,) = connector.poll(first.cursor, NOON).items
    assert article.html == "<html><body><p>teaser</p></body></html>"
    assert article.text
    assert article.text.startswith("The whole article, as the feed has it.")


def test_links_of_a_page_are_found_in_their_order() -> None:
    html = """<html><head><base href="/en/"><link rel="alternate" type="application/atom+xml" title="All" href="all.atom">
    <link rel=alternate type=text/html href=other.html><link rel="stylesheet" href="/feed.css">
    <link rel="alternate" type="application/feed+json" href="javascript:alert(1)"></head>
    <body><a href="/rss/world">World</a><a href="http://[broken/feed">x</a><a href="/feedback">no</a></body>"""
    assert feeds_named(html, "https://outlet.example/x") == [
        "https://outlet.example/en/all.atom",
        "https://outlet.example/rss/world",
    ]
    many = "".join(f"<a href='/rss/{n}'>" for n in range(1_000))
    assert len(feeds_named(many, "https://outlet.example/")) == 30


def finder(http: Http, gap_s: float = 0.0) -> tuple[FeedFinder, Clock]:
    clock = Clock()
    return FeedFinder(http, HostPacing(gap_s), clock=clock, wait=clock.wait), clock


def test_discovery_tries_what_the_page_and_robots_name_at_the_hosts_pace(web: Site, http: Http) -> None:
    head = (
        "<link rel=alternate type=application/rss+xml href=/rss><link rel=alternate type=application/rss+xml href=/no>"
    )
    web.pages |= {
        "/": Answer(f"<html><head>{head}</head></html>".encode()),
        "/rss": rss(web, "a"),
        "/robots.txt": Answer(f"User-agent: *\nSitemap: {web.url('/map.xml')}".encode()),
        "/map.xml": Answer(index((web.url("/news.xml"), "2031-03-04"))),
        "/news.xml": Answer(sitemap(news(web.url("/a"), "2031-03-04"))),
    }
    find, clock = finder(http, gap_s=2.0)
    found = [(one.url, one.feed.format) for one in find.find(web.url("/"))]
    assert found == [
        (web.url("/rss"), "rss20"),
        (web.url("/map.xml"), "sitemapindex"),
        (web.url("/news.xml"), "newssitemap"),
    ]
    assert web.paths() == ["/", "/rss", "/no", "/robots.txt", "/map.xml", "/news.xml"], (
        "no guessing where feeds were found"
    )
    assert clock.waits == [2.0] * 5


def test_discovery_tries_the_usual_places_if_the_page_names_none(web: Site, http: Http) -> None:
    web.pages |= {"/": Answer(b"<html></html>"), "/feed.xml": rss(web, "a")}
    find, _ = finder(http)
    assert [(one.url, one.how) for one in find.find(web.url("/"))] == [(web.url("/feed.xml"), "at a usual place")]
    assert len(web.asked) <= 25
    with pytest.raises(FeedError, match="404"):
        list(find.find(web.url("/none")))


OPML = """<opml version="1.0"><head><title>x</title></head><body><outline text="Levant"><outline text="Syria">
<outline text="Outlet" title="The Outlet" type="rss" xmlUrl="https://outlet.example/rss" language="ar"/></outline>
<outline text="again" xmlUrl="https://outlet.example/rss"/><outline text="bad" xmlUrl="file:///etc/passwd"/></outline>
</body></opml>"""


def test_an_opml_list_gives_its_feeds_and_says_what_it_left_out() -> None:
    got = parse_opml(OPML.encode(), "list.opml")
    assert got.outlines == (
        Outline(url="https://outlet.example/rss", title="The Outlet", folders=("Levant", "Syria"), language="ar"),
    )
    assert got.notes == ("1 without an http or https address left out: bad (file:///etc/passwd)", "1 listed twice")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html/>", "its root element is html"),
        ("", "not an OPML"),
        ("<opml><body>", "not an OPML"),
        ("<opml>" + "<outline>" * 1_000, "nested too deep"),
    ],
)
def test_a_file_that_is_not_opml_is_named(body: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_opml(body.encode(), "list.opml")


@pytest.mark.parametrize(
    ("outlines", "noted"),
    [
        ("<outline xmlUrl='https://a.example/1?a=1&b=2'/>", 0),
        ("<outline text='A & B' xmlUrl='https://a.example/1?a=1&b=2'/>", 0),
        ("<outline text='Caf&eacute;' xmlUrl='https://a.example/1?a=1&amp;b=2'/>", 0),
        ("<outline text=A xmlUrl=https://a.example/1?a=1&b=2></outline>", 1),
        ("<outline text='a < b' xmlUrl='https://a.example/1?a=1&b=2'>", 1),
        ("<outline text='x' text='y' xmlUrl='https://a.example/1?a=1&b=2'/>", 1),
    ],
)
@pytest.mark.parametrize(
    "doctype", ["", "<!DOCTYPE opml>", "<!DOCTYPE opml [<!ENTITY a 'b'>]>", "<!DOCTYPE opml SYSTEM 'x.dtd'>"]
)
def test_a_list_with_a_slip_loses_no_feed(outlines: str, noted: int, doctype: str) -> None:
    before, after = "<outline xmlUrl='https://a.example/0'/>", "<outline xmlUrl='https://a.example/2'/>"
    got = parse_opml(f"{doctype}<opml><body>{before}{outlines}{after}</body></opml>".encode(), "list.opml")
    assert [one.url for one in got.outlines] == [f"https://a.example/{n}" for n in ("0", "1?a=1&b=2", "2")]
    assert len(got.notes) == noted


TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20).map(
    str.strip
)


@given(st.dictionaries(st.integers(0, 99), st.tuples(TEXT, TEXT), max_size=8))
def test_opml_out_comes_in_again(feeds: dict[int, tuple[str, str]]) -> None:
    outlines = [
        Outline(
            url=f"https://a.example/{n}?x=1&y=%22",
            title=" ".join(title.split()) or "t",
            folders=(" ".join(folder.split()) or "f",),
            source=f"s{n}",
        )
        for n, (title, folder) in feeds.items()
    ]
    back = parse_opml(write_opml(outlines, "Feeds & <more>").encode(), "x")
    assert sorted(back.outlines, key=lambda one: one.url) == sorted(outlines, key=lambda one: one.url)
    assert back.notes == ()
