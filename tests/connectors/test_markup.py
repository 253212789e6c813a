"""Entities and character references of feeds: none loses a feed, none vanishes, none grows without bound."""

from __future__ import annotations

import html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.feeds.markup import mended
from connectors.feeds.parse import parse_feed
from connectors.feeds.verbatim import feed_entries
from core.errors import FeedError

NETSCAPE = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://dtd.example/rss-0.91.dtd">'
SUBSET = (
    "<!DOCTYPE rss [\n<!-- the agency's own -->\n"
    '<!ENTITY dir "C:\\new\\1\\g<0>">\n<!ENTITY \'q\' "x">\n<!ENTITY lt2 "&#60; 3">\n]>'
)


def feed(title: str, *, doctype: str = "") -> bytes:
    items = f"<item><title>{title}</title><guid>1</guid></item><item><title>Good</title><guid>2</guid></item>"
    return (
        f"<?xml version='1.0' encoding='utf-8'?>{doctype}<rss version='2.0'><channel>{items}</channel></rss>".encode()
    )


@pytest.mark.parametrize(
    ("written", "read", "doctype"),
    [
        ("Na&iuml;ve &mdash; d&eacute;j&agrave;", "Naïve — déjà", NETSCAPE),
        ("Na&iuml;ve", "Naïve", "\n" + NETSCAPE),
        ("Na&iuml;ve", "Naïve", "<!-- first -->" + NETSCAPE.replace("PUBLIC", "SYSTEM")),
        ("Na&iuml;ve", "Naïve", ""),
        ("At &dir; now", "At C:\\new\\1\\g<0> now", SUBSET),
        ("2 &lt2;", "2 < 3", SUBSET),
        ("&unheard;", "&unheard;", NETSCAPE),
        ("a &#55357;&#56832; b", "a 😀 b", ""),
        ("a &#xD83D;&#xDE00; b", "a 😀 b", NETSCAPE),
        ("a &#xd83d;b", "a �b", ""),
        ("a &#xDE00;&#xD83D; b", "a �� b", ""),
        ("a &#x110000; b", "a � b", ""),
        ("a &#99999999999999999999; b", "a � b", ""),
        ("a &#0;&#8; b", "a �� b", ""),
        ("a &#150; b", "a – b", ""),
        ("a &#1234567890123456789012; b", "a � b", ""),
        ("Krieg &amp; Frieden", "Krieg & Frieden", NETSCAPE),
    ],
)
def test_each_reference_stands_for_its_character(written: str, read: str, doctype: str) -> None:
    body = feed(written, doctype=doctype)
    assert [item.title for item in parse_feed(body, url="https://a.example/rss").items] == [read, "Good"]
    assert [html.unescape(entry.title or "") for entry in feed_entries(body, url="a")] == [read, "Good"]


def test_well_formed_input_stays_the_same() -> None:
    for text in (
        "<rss>&amp; &lt; &#233; &#x1F600;</rss>",
        "<rss><![CDATA[&eacute; <b>&nope;</b>]]><!-- &eacute; --></rss>",
    ):
        assert mended(text) == text


def test_files_are_not_read_and_entities_of_entities_do_not_grow() -> None:
    chain = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    doctype = f'<!DOCTYPE rss [<!ENTITY a0 "ha"><!ENTITY f SYSTEM "file:///etc/passwd">{chain}]>'
    text = mended(feed("&a9; &f;", doctype=doctype).decode())
    assert len(text) < 1_000
    assert "root:" not in text
    many = mended(feed("&a;" * 100_000, doctype=f'<!DOCTYPE rss [<!ENTITY a "{"x" * 1_000}">]>').decode())
    assert len(many) < 3_000_000


PIECES = [
    "&",
    "#",
    "x",
    ";",
    "&#",
    "&#x",
    "D83D",
    "55357",
    "&amp;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<!DOCTYPE rss [",
    "]>",
]
PIECES += [
    '<!ENTITY a "',
    '">',
    "\\d",
    "\\1",
    "&a;",
    "&nbsp;",
    "é",
    "\x00",
    "\ufffe",
    "<item>",
    "</item>",
    "<title>",
    "'",
    '"',
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), st.integers(0, 200))
@example(["<!DOCTYPE rss [", '<!ENTITY a "', "\\d", '">', "]>", "&a;"], 0)
def test_any_bytes_give_entries_or_one_clear_line(pieces: list[str], place: int) -> None:
    good = feed("Good").decode()
    body = (good[:place] + "".join(pieces) + good[place:]).encode("utf-8", "replace")
    for read in (lambda: parse_feed(body, url="https://a.example/rss").items, lambda: feed_entries(body, url="a")):
        lines = ["read"]
        try:
            read()
        except FeedError as error:
            lines = str(error).splitlines()
        assert len(lines) == 1
    assert mended(mended(body.decode())) == mended(body.decode())
