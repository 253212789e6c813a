"""HTML as texts and tags: what is broken gives something all the same."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.html_tokens import Tag, tokens, unescaped


def _told(markup: str) -> list[str]:
    return [
        token if isinstance(token, str) else f"</{token.name}>" if token.closing else f"<{token.name}>"
        for token in tokens(markup)
    ]


@pytest.mark.parametrize(
    ("markup", "told"),
    [
        ("a<b>c</b>d", ["a", "<b>", "c", "</b>", "d"]),
        ("1 < 2 <3 a<b", ["1 < 2 <3 a<b"]),
        ("a<!-- <b> -->c<!-->d", ["a", "c", "d"]),
        ("a<!-- never closed <b>", ["a"]),
        ("a<!DOCTYPE html>b<?php x ?>c<![endif]>d", ["a", "b", "c", "d"]),
        ("<![CDATA[a <b> &amp; c]]>d&amp;", ["a <b> &amp; c", "d&"]),
        ("<![CDATA[cut", ["cut"]),
        ("a<![b", ["a<![b"]),
        ("<script>if (a<b && c>'</p>') x</script>d", ["<script>", "</script>", "d"]),
        ("a<STYLE>p{}</Style >b", ["a", "<style>", "</style>", "b"]),
        ("a<script>never closed</b>", ["a", "<script>"]),
        ('<a title="1 > 0" href=x>b</a>', ["<a>", "b", "</a>"]),
        ("<p it's>that's</p>", ["<p>", "that's", "</p>"]),
        ('<a href="x>text</a> more', ["<a>", "text", "</a>", " more"]),
        ('Read <a href="http://outlet.ex', ["Read "]),
        ("</ x>a</>", ["</ x>a</>"]),
        ("<p/>a<br />", ["<p>", "a", "<br>"]),
        ("", []),
        ("&lt;b&gt; &#1041; &rsquo;", ["<b> Б ’"]),
    ],
)
def test_broken_html_still_gives_texts_and_tags(markup: str, told: list[str]) -> None:
    assert _told(markup) == told


@pytest.mark.parametrize(
    ("inside", "attributes"),
    [
        ('href="a?b=1&amp;c=2" title=\'x "y"\' Async', {"href": "a?b=1&c=2", "title": 'x "y"', "async": ""}),
        ("href = a/b  HREF=second", {"href": "a/b"}),
        ('text="a" / xmlUrl="http://x.example/"/', {"text": "a", "xmlurl": "http://x.example/"}),
        ('=odd ""', {}),
    ],
)
def test_attributes_are_read_as_browsers_read_them(inside: str, attributes: dict[str, str]) -> None:
    found = Tag("a", inside, closing=False).attributes()
    assert {name: value for name, value in found.items() if name != "odd"} == attributes


def test_a_number_of_thousands_of_digits_is_not_an_error() -> None:
    assert unescaped(f"a&#{'9' * 5_000};b&#x{'f' * 5_000}") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


class _Peer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(f"<{tag} {dict(sorted((name, value or '') for name, value in reversed(attrs)))}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.found.append(data)


_TEXT = st.text(alphabet="ab ж\n'\"=;", max_size=8)
_PIECE = st.one_of(
    _TEXT,
    st.sampled_from(["<p>", "</p>", "<br/>", "<!-- <b> -->", "&amp;", "&#1041;", "<!DOCTYPE html>"]),
    st.tuples(_TEXT.map(lambda text: text.replace('"', "")), _TEXT.map(lambda text: text.replace("'", ""))).map(
        lambda pair: f"<a href=\"{pair[0]}\" title='{pair[1]}' hidden>"
    ),
)


@given(st.lists(_PIECE, max_size=12).map("".join))
def test_whole_markup_reads_as_by_the_standard_library(markup: str) -> None:
    peer = _Peer()
    peer.feed(markup)
    peer.close()
    ours = [
        token
        if isinstance(token, str)
        else f"</{token.name}>"
        if token.closing
        else f"<{token.name} {dict(sorted(token.attributes().items()))}>"
        for token in tokens(markup)
    ]
    assert "".join(ours) == "".join(peer.found)


@given(st.text(alphabet=st.sampled_from("<>/!-&;#=\"' abpscript[]?\u05d0")))
def test_any_text_gives_tokens(markup: str) -> None:
    for token in tokens(markup):
        if isinstance(token, Tag):
            assert token.name == token.name.lower()
            token.attributes()
