"""Bytes to text, and HTML of feeds to plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds.article import plain_text
from connectors.http.answers import without_credentials
from connectors.http.pacing import host_of
from core.charset import decode_body

RUSSIAN, SPANISH = "Мост открыт", "La presa cerrará mañana — “sí”"


@pytest.mark.parametrize(
    ("about", "body", "header", "text"),
    [
        ("UTF-8 without a label", RUSSIAN.encode(), None, RUSSIAN),
        ("UTF-8 under a wrong header", RUSSIAN.encode(), "text/html; charset=windows-1251", RUSSIAN),
        ("the header's label", RUSSIAN.encode("koi8-r"), "text/html; charset=KOI8-R", RUSSIAN),
        ("quoted label", RUSSIAN.encode("cp1251"), 'text/html; charset="windows-1251"', RUSSIAN),
        ("the page's", "<meta charset=sjis>橋".encode("cp932"), None, "<meta charset=sjis>橋"),
        ("Latin-1 means Windows-1252", SPANISH.encode("cp1252"), "text/html; charset=iso-8859-1", SPANISH),
        ("gb2312 means its superset", "龍門".encode("gb18030"), "text/html; charset=gb2312", "龍門"),
        ("UTF-8 mark before a wrong label", b"\xef\xbb\xbf" + SPANISH.encode(), "text/html; charset=latin1", SPANISH),
        ("UTF-16 mark", SPANISH.encode("utf-16"), None, SPANISH),
        ("UTF-16 without a mark", "<p>ж".encode("utf-16-be"), None, "<p>ж"),
        ("UTF-8 with a broken byte stays UTF-8", RUSSIAN.encode() + b"\xff", "text/html; charset=utf-8", RUSSIAN + "\ufffd"),
        ("a codec that is no charset", b"caf\xe9 +AGE-", "text/html; charset=utf-7", "café +AGE-"),
        ("one that would unescape", rb"\u0041", "text/html; charset=unicode_escape", r"\u0041"),
        ("an unknown one", b"caf\xe9", "text/html; charset=klingon", "café"),
        ("a NUL", b"a\0b", None, "a\ufffdb"),
        ("nothing", b"", "text/html", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_a_body_is_decoded_by_header_mark_or_content(about: str, body: bytes, header: str | None, text: str) -> None:
    assert decode_body(body, header).text == text


@given(st.binary(), st.one_of(st.none(), st.text(max_size=40).map("text/html; charset={}".format)))
def test_any_bytes_give_text_that_can_be_stored(body: bytes, header: str | None) -> None:
    text = decode_body(body, header).text
    assert "\0" not in text
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.text())
def test_utf8_always_comes_back_as_it_was(text: str) -> None:
    body = text.encode("utf-8")
    if not body.startswith((b"\xef\xbb\xbf", b"<\0", b"\0<")) and not text.isascii():
        assert decode_body(body, "text/html; charset=windows-1251").text == text.replace("\0", "\ufffd")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One<br>two</p><p>three &amp; four</p>", "One\ntwo\nthree & four"),
        ("a <script>x < 1</script><style>p{}</style>b", "a b"),
        ("<ul><li>x</li><li> y </li></ul>", "x\ny"),
        ("line\nbreaks   are\tspace", "line breaks are space"),
        ("1 < 2 & so on", "1 < 2 & so on"),
        ("<p>not closed", "not closed"),
        ("a <![ b", "a <![ b"),
        ("a<![CDATA[ b ]]>", "a b"),
        ("a <svg/>b <noscript>c</noscript>d", "a b d"),
        (f"a &#{'1' * 5_000}; b", "a \N{REPLACEMENT CHARACTER} b"),
        ("", ""),
    ],
)
def test_html_of_a_feed_becomes_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text(alphabet=st.sampled_from("<>/!-&;# \n\"'=abpscript[]?\u05d0")))
def test_any_html_gives_text(html: str) -> None:
    assert "\n\n" not in plain_text(html)


def test_hosts_and_credentials() -> None:
    assert host_of("https://User:pw@A.Example:8080/x") == "a.example:8080"
    assert host_of("http://[") == "http://["
    assert without_credentials("https://u:p@a.example/x@y") == "https://a.example/x@y"
