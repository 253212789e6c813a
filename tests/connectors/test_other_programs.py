"""Lists and feeds as other programs write them: Miniflux, FreshRSS, Google Alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.feeds.items import link_target
from connectors.feeds.opml import OpmlList, Outline, parse_opml
from connectors.feeds.parse import parse_feed

LISTS = Path(__file__).parents[1] / "cases/opml"
ALERTS = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:idx="urn:atom-extension:indexing">
<id>tag:google.com,2005:reader/user/1/state/com.google/alerts/2</id><title>Google Alert - ports</title>
<link href="https://www.google.com/alerts/feeds/1/2" rel="self"></link><updated>2026-11-30T08:00:00Z</updated>
<entry><id>tag:google.com,2013:googlealerts/feed:3</id><title type="html">Two &lt;b&gt;ports&lt;/b&gt; closed</title>
<link href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://harbour.example/a%3Fid%3D7%26p%3D1&amp;ct=ga&amp;usg=x"></link>
<published>2026-11-30T07:30:00Z</published><updated>2026-11-30T07:30:00Z</updated>
<content type="html">Ice closed two &lt;b&gt;ports&lt;/b&gt;.</content><author><name></name></author></entry></feed>"""


HARBOUR = Outline(url="https://harbour.example/rss?section=ships&lang=en", title="Harbour Post", folders=("Ports",))
MINIFLUX = "miniflux:scraperRules (1), miniflux:blocklistRules (1), miniflux:crawler (1), miniflux:disabled (1)"
PAGES = "Tide tables (https://tides.example/today), Berths (https://berths.example/api)"
FRESHRSS = ", ".join(
    f"frss:{name} ({count})"
    for name, count in {
        "priority": 3,
        "cssFullContent": 1,
        "xPathItem": 1,
        "xPathItemTitle": 1,
        "jsonItem": 1,
        "jsonItemTitle": 1,
        "ttl": 1,
    }.items()
)
EXPECTED = {
    "miniflux": OpmlList(
        outlines=(
            HARBOUR,
            Outline(url="https://xn--80ajhmk2a.example/atom.xml", title="Стапель", folders=("Ports",)),
            Outline(url="http://quay.example/feed.json", title="Quay", folders=("All",)),
        ),
        notes=(f"4 settings of the other program are not imported: {MINIFLUX}",),
    ),
    "freshrss": OpmlList(
        outlines=(HARBOUR, Outline(url="https://lights.example/feed.json", title="Lights", folders=("Shared list",))),
        notes=(
            f"2 left out that are pages from which the other program makes a feed: {PAGES}",
            "1 further list is not followed: Shared list (https://lists.example/ports.opml)",
            f"7 settings of the other program are not imported: {FRESHRSS}",
        ),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_list_of_another_program_gives_and_what_is_not_imported(name: str) -> None:
    assert parse_opml((LISTS / f"{name}.opml").read_bytes(), name) == EXPECTED[name]


def test_what_is_named_stays_named_if_the_list_is_not_well_formed() -> None:
    whole = (LISTS / "freshrss.opml").read_text("utf-8")
    broken = parse_opml(whole.replace("<head>", "<head><br>").encode(), "list")
    assert broken.outlines == parse_opml(whole.encode(), "list").outlines
    assert broken.notes[0].partition(":")[0] == "not well-formed, but read"
    assert len(broken.notes) == 4


def test_an_included_list_is_named() -> None:
    listed = parse_opml(
        b"<opml><body><outline text='a' xmlUrl='https://a.example/1'/>"
        b"<outline text='more' type='include' url='https://a.example/b.opml'/></body></opml>",
        "list",
    )
    assert listed.notes == ("1 further list is not followed: more (https://a.example/b.opml)",)


def test_an_article_of_google_alerts_is_that_of_its_outlet() -> None:
    [item] = parse_feed(ALERTS.encode(), url="https://www.google.com/alerts/feeds/1/2").items
    assert (item.url, item.title, item.fetchable) == ("https://harbour.example/a?id=7&p=1", "Two ports closed", True)


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("https://www.google.com/url?q=https://a.example/1&sa=t", "https://a.example/1"),
        ("https://www.google.co.uk/url?url=http%3A%2F%2Fa.example%2F1", "http://a.example/1"),
        ("https://google.de/url?url=https://a.example/%D9%85", "https://a.example/م"),
    ],
)
def test_a_link_through_google_is_the_address_it_leads_to(link: str, leads_to: str) -> None:
    assert link_target(link) == leads_to


@pytest.mark.parametrize(
    "link",
    [
        "https://www.google.com/url?sa=t",
        "https://www.google.com/url?url=javascript:alert(1)",
        "https://www.google.com/search?url=https://a.example/1",
        "https://google.com.evil.example/url?url=https://a.example/1",
        "https://a.example/url?url=https://b.example/1",
    ],
)
def test_any_other_link_stays(link: str) -> None:
    assert link_target(link) == link
