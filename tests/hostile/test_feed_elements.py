"""Every element that feedparser handles, with what is slowest to handle: the work grows with the feed's length alone.

The elements are found by looking into the library, so those of its next version are tried too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from feedparser.mixin import _FeedParserMixin

from connectors.feeds.parse import parse_feed
from tests.hostile.test_functions import counted, growth

PREFIXES = {
    "cc": "http://web.resource.org/cc/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "georss": "http://www.georss.org/georss",
    "gml": "http://www.opengis.net/gml",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "psc": "http://podlove.org/simple-chapters",
}
SPACES = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in PREFIXES.items())


def elements() -> Iterator[str]:
    for name in sorted(
        {name.split("_", 2)[2] for name in dir(_FeedParserMixin) if name.startswith(("_start_", "_end_"))}
    ):
        prefix, _, rest = name.partition("_")
        yield f"{prefix}:{rest}" if rest and prefix in PREFIXES else name


FORMS: dict[str, Callable[[str, int], str]] = {
    "one word": lambda name, size: f"<{name}>{'a' * size}</{name}>",
    "half an address": lambda name, size: f"<{name}>{'a' * (size // 2)}@{'a.' * (size // 4)}</{name}>",
    "words that are all unlike": lambda name, size: f"<{name}>{counted('k{},')(size)}</{name}>",
    "many of it": lambda name, size: counted(f"<{name}>k{{}}</{name}>")(size),
    "many with attributes": lambda name, size: counted(
        f'<{name} term="k{{0}}" href="http://a/{{0}}" url="http://a/{{0}}" rel="r{{0}}"/>'
    )(size),
    "one in the other": lambda name, size: f"<{name}>" * (size // (len(name) + 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_an_element_takes_no_more_than_its_length(form: str) -> None:
    slow = {}
    for name in elements():

        def feed(text: str) -> None:
            parse_feed(
                f'<rss version="2.0" {SPACES}><channel><item><title>t</title><link>http://a/</link>{text}</item>'.encode(),
                url="https://a.example/",
            )

        if seconds := growth(feed, lambda size, name=name: FORMS[form](name, size)):  # type: ignore[misc]
            slow[name] = seconds
    assert slow == {}


@pytest.mark.parametrize("name", ["author", "dc:creator", "managingEditor", "itunes:author"])
def test_a_long_author_is_cut_off_and_a_short_one_is_read(name: str) -> None:
    for text, author in (("ann@a.example (Ann Lee)", "Ann Lee"), ("A" * 500_000, "A" * 200)):
        body = (
            f'<rss version="2.0" {SPACES}><channel><item><title>t</title><link>http://a/</link><{name}>{text}</{name}>'
        )
        items = parse_feed(f"{body}</item></channel></rss>".encode(), url="https://a.example/").items
        assert [item.authors for item in items] == [(author,)]
