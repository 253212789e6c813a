"""The work of whole functions on the path of a record grows with the length of hostile text alone.

Patterns are tried one by one beside this (``test_patterns``); here loops, look-ups and libraries count too.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import pytest
from lxml import html

from connectors.feeds.items import one_line, web_address
from connectors.feeds.opml import parse_opml
from connectors.feeds.parse import parse_feed
from core.charset import decode_body
from core.errors import WirewatchError
from core.logs import redacted
from core.query import Document, NotDecided, compile_query, lint, parse
from core.records import canonical_url
from core.topics import builtin_topics
from core.topics.score import Tagger
from core.visible import shown
from desk.delivery.secrets import redacted as redacted_address
from desk.terminal import harmless
from desk.views import article_text
from desk.views.article_text import Span
from pipeline.extraction.byline_lines import lines_as_bylines
from pipeline.extraction.bylines import clean_authors
from pipeline.extraction.clean import MAX_HTML_BYTES, _checked, clean_text
from pipeline.extraction.facts import read_facts
from pipeline.extraction.jsonld import read_linked_data
from pipeline.extraction.lenient_json import read_json
from pipeline.extraction.marks import marks_of
from pipeline.extraction.titles import title_from_text
from pipeline.extraction.values import as_paragraphs, plain_line, without_shortcodes
from pipeline.stories.facts import facts_of
from pipeline.stories.features import features
from pipeline.text.agencies import find_agency
from pipeline.text.boilerplate import drop_boilerplate
from pipeline.text.characters import folded, normal_line, normal_text
from pipeline.text.dates import parse_date
from pipeline.text.difference import difference
from pipeline.text.language import detect

Generator = Callable[[int], str]


def again(unit: str) -> Generator:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def counted(form: str) -> Generator:
    """Units that are all unlike, so that nothing is found twice."""

    def make(size: int) -> str:
        parts, length, number = [], 0, 0
        while length < size:
            parts.append(form.format(number))
            length += len(parts[-1])
            number += 1
        return "".join(parts)[:size]

    return make


GENERATORS: dict[str, Generator] = {
    "sentence marks of other scripts": again("a。अ।ا؟መ።က။ա։ก๚"),
    "quotes that open": again("“a «b „c ‘d "),
    "quotes that close": again("a” b» c“ d’ "),
    "brackets that open": again("([{（「【"),
    "joiners": again("ک\u200ca\u200dب\u2060"),
    "combining marks": lambda size: "a" + "\u0301" * (size - 1),
    "marks out of order": lambda size: "a" + "\u0301\u0327\u0345" * (size // 3),
    "addresses": counted("http://a.example/{}?b=c&d=e#f "),
    "one address": lambda size: "http://a.example/?" + "a=b&" * (size // 4),
    "digits with separators": again("1,234.567'890 "),
    "one number": again("1,"),
    "entities": again("&amp;&#x26;&lt;&"),
    "mail addresses": counted("a{}@b.example "),
    "half a mail address": again("a@"),
    "a very long word": again("abcdefghij"),
    "words that are all unlike": counted("w{} "),
    "families": again("👩\u200d👩\u200d👧\u200d👦"),
    "flags": again("🇺🇦🇸🇾"),
    "names": counted("John Q{} Smith, "),
    "figures": again("five thousand two hundred and twelve million "),
    "one figure": again("thousand "),
    "times": again("12:30 on 3 May 2026, "),
    "words of topics": again("Syria Aleppo convoy aid Ukraine talks ceasefire Iran "),
    "hyphens": again("a-"),
    "dots": again("A."),
    "no spaces": again("黑海停火"),
    "tabs and breaks": again("\t\n \r\n"),
    "backslashes": again('\\"'),
    "passwords": again("password="),
}
NESTED: dict[str, Generator] = {
    "open tags": again("<div><b>"),
    "tags that are not closed": again("<p>a<i>b"),
    "one tag's attributes": lambda size: "<p " + "a=b " * (size // 4) + ">x</p>",
    "attributes that are unlike": lambda size: "<p " + counted("a{}=b ")(size) + ">x</p>",
    "one attribute": lambda size: f'<p class="{"a " * (size // 2)}">x</p>',
    "comments": again("<!-- a "),
    "tables in tables": again("<table><tr><td>"),
    "lists": again("<li><a href=/x>y</a>"),
    "scripts": again("<script>a</script>"),
    "half a script": again('<script type="application/ld+json">{'),
    "JSON-LD that nests": lambda size: (
        '<script type="application/ld+json">' + "[" * min(size, 900) + '"a",' * (size // 4) + "</script>"
    ),
    "JSON-LD that lists": lambda size: (
        '<script type="application/ld+json">'
        + json.dumps([{"@type": "NewsArticle", "headline": f"a{n}", "author": f"b{n}"} for n in range(size // 60)])
        + "</script>"
    ),
    "metas": counted('<meta property="og:title" content="{}">'),
    "breaks": again("<br>a"),
    "spans": again("<span>a</span>"),
}


def document_of(text: str) -> Document:
    return Document("t", text)


TAGGER = Tagger(builtin_topics())
QUERIES = [
    compile_query(parse(query))
    for query in ("a* NEAR/5 b*", '"a b c"', "ATLEAST/3(a*)", "title:a AND NOT b*", "(a OR b OR w1) NEAR/9 (c OR d)")
]


def match_all(text: str) -> None:
    document = document_of(text)
    for query in QUERIES:
        try:
            query.match(document)
        except NotDecided:
            # Its steps are bounded, whatever the length.
            continue


def feed(text: str) -> None:
    body = f"<rss><channel><title>x</title><item><title>{text}</title><description>{text}</description></item>"
    parse_feed(body.encode("utf-8", "replace"), url="https://a.example/")


def json_feed(text: str) -> None:
    items = [{"id": "1", "title": text, "content_text": text, "url": f"https://a.example/{text[:50]}"}]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": text, "items": items})
    parse_feed(body.encode("utf-8", "replace"), url="https://a.example/")


def marked_pieces(text: str) -> None:
    """A page of the desk on which every other character is found, by several subscriptions."""
    spans = [Span(at, at + 2, label) for at in range(0, len(text), 4) for label in ("a", "b", "c")]
    list(article_text.marked(text, spans))
    list(article_text._paragraphs(text.replace(" ", "\n"), spans))


TEXTS: dict[str, Callable[[str], object]] = {
    "marked pieces": marked_pieces,
    "normal_text": normal_text,
    "normal_line": normal_line,
    "folded": folded,
    "one_line": lambda text: one_line(text, len(text)),
    "web_address": web_address,
    "canonical_url": lambda text: canonical_url(f"https://a.example/{text}"),
    "canonical_url, query": lambda text: canonical_url(f"https://a.example/?{text}"),
    "decode_body": lambda text: decode_body(text.encode("utf-8", "replace")),
    "decode_body, other": lambda text: decode_body(text.encode("utf-16-le", "replace")),
    "parse_date": parse_date,
    "detect": lambda text: detect(text[:200], text),
    "drop_boilerplate": drop_boilerplate,
    "find_agency": find_agency,
    "features": lambda text: features(text[:200], text),
    "facts_of": lambda text: facts_of(text, text),
    "difference": lambda text: difference(("t", text), ("t", text[::2])),
    "tag": lambda text: TAGGER.tag("Syria aid", f"Syria aid convoy. {text}", None),
    "match": match_all,
    "lint": lambda text: lint(text[:5_000]),
    "log line": redacted,
    "channel's address": redacted_address,
    "harmless": harmless,
    "shown": shown,
    "feed": feed,
    "JSON feed": json_feed,
    "OPML": lambda text: parse_opml(f'<opml><body><outline text="{text}" xmlUrl="http://x/"/>'.encode(), "x"),
}


def page(text: str) -> html.HtmlElement:
    # What libxml2 would take minutes for is refused before it is parsed.
    return html.fromstring(_checked(f"<html><body>{text}", None, MAX_HTML_BYTES))


def facts_on(tree: html.HtmlElement) -> object:
    return read_facts(tree, "https://a.example/1", marks_of(tree))


PAGES: dict[str, Callable[[str], object]] = {
    "facts of a page": lambda text: facts_on(page(text)),
    "linked data": lambda text: read_linked_data(page(text)),
}
TEXTS |= {
    "clean_text": clean_text,
    "clean_authors": lambda text: clean_authors([text]),
    "lines_as_bylines": lambda text: lines_as_bylines(text.split("\n")),
    "title_from_text": title_from_text,
    "as_paragraphs": as_paragraphs,
    "plain_line": plain_line,
    "without_shortcodes": without_shortcodes,
    "read_json": lambda text: read_json('{"a": "' + text),
    **PAGES,
}

SIZES = (10_000, 20_000, 40_000, 80_000)
LINEAR = 3.0
"""From one size to its double: 2 for linear work, 4 for quadratic."""
NOTICEABLE_S = 0.05
"""Below this at the largest size, quadratic work is too little to be seen, and to matter."""


def spent_s(call: Callable[[str], object], text: str, tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        began = time.process_time()
        with contextlib.suppress(WirewatchError, ValueError, RecursionError):
            call(text)
        best = min(best, time.process_time() - began)
    return best


def growth(call: Callable[[str], object], make: Generator) -> list[float]:
    """The seconds at each size, if the last two doublings look worse than linear; empty if they do not."""
    few = spent_s(call, make(SIZES[1]), 1)
    # Quadratic work that is noticeable at the largest size takes a sixteenth of it here.
    if few < NOTICEABLE_S / 16:
        return []
    for tries in (1, 3):
        seconds = [spent_s(call, make(size), tries) for size in SIZES[1:]]
        if seconds[-1] < NOTICEABLE_S or min(seconds[1] / seconds[0], seconds[2] / seconds[1]) <= LINEAR:
            return []
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_a_function_takes_no_more_than_its_texts_length(name: str) -> None:
    call = TEXTS[name]
    inputs = GENERATORS | (NESTED if name in {"feed", "JSON feed", *PAGES} else {})
    found = {kind: seconds for kind, make in inputs.items() if (seconds := growth(call, make))}
    assert found == {}


@pytest.mark.slow
def test_quadratic_work_is_found() -> None:
    def slow(text: str) -> None:
        for _ in range(len(text) // 2):
            text.count("\0")

    assert growth(slow, again("a"))
    assert growth(lambda text: [ord(one) for one in text * 20], again("a")) == []
