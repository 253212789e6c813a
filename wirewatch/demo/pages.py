"""The outlets' HTML: article pages, an empty page, a front page. Pure; all text is escaped here and nowhere else.

``string.Template`` knows no blocks and no escaping, so a template only places values: plain ones come escaped, and the
repeated parts (paragraphs, links, comments) come as finished HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from string import Template
from typing import NamedTuple

from wirewatch.demo.samples import Labels, Outlet, SampleArticle, Text


class Link(NamedTuple):
    """A headline that leads somewhere."""

    title: str
    url: str


class Shown(NamedTuple):
    """One article as it stands at a moment, with absolute URLs and UTC times."""

    article: SampleArticle
    text: Text
    url: str
    published: datetime
    updated: datetime
    also_see: tuple[Link, ...] = ()
    related: tuple[Link, ...] = ()


def article_page(outlet: Outlet, shown: Shown, *, home_url: str, feed_url: str) -> str:
    """Write the page of ``shown`` in its outlet's template. Raises KeyError where that names an unknown value."""
    article, labels = shown.article, outlet.labels[shown.article.language]
    # The links stand between paragraphs, where real outlets put them and where extraction has most trouble.
    middle = (len(shown.text.paragraphs) + 1) // 2
    values = {
        "outlet": outlet.name,
        "language": article.language,
        "direction": article.direction,
        "title": shown.text.title,
        "lead": shown.text.lead,
        "authors": ", ".join(article.authors),
        "section": labels.sections[article.section],
        "url": shown.url,
        "home_url": home_url,
        "feed_url": feed_url,
        "published": shown.published.isoformat(timespec="seconds"),
        "updated": shown.updated.isoformat(timespec="seconds"),
        "published_text": f"{shown.published:%Y-%m-%d %H:%M} UTC",
        "updated_text": f"{shown.updated:%Y-%m-%d %H:%M} UTC",
    }
    values |= {
        f"label_{name}": value for name in Labels.__struct_fields__ if isinstance(value := getattr(labels, name), str)
    }
    blocks = {
        "paragraphs_before": _each(outlet.paragraph, ({"text": text} for text in shown.text.paragraphs[:middle])),
        "paragraphs_after": _each(outlet.paragraph, ({"text": text} for text in shown.text.paragraphs[middle:])),
        "also_see_links": _links(outlet, shown.also_see),
        "related_links": _links(outlet, shown.related),
        "section_links": _links(outlet, [Link(name, f"{home_url}#{key}") for key, name in labels.sections.items()]),
        "reader_comments": _each(
            '<div class="comment"><p>$text</p></div>', ({"text": said} for said in labels.readers)
        ),
        "json_ld": _json_ld(outlet, shown),
    }
    return Template(outlet.template).substitute({name: escape(value) for name, value in values.items()}, **blocks)


def empty_page(outlet: Outlet, shown: Shown) -> str:
    """Write a page whose text would be put in by a script: there is nothing to read in it."""
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(shown.article.language)}"><head><meta charset="utf-8">'
        f"<title>{escape(outlet.name)}</title></head>\n"
        '<body><div id="app"></div><script>/* the text would come from here */</script></body></html>\n'
    )


def front_page(outlet: Outlet, shown: Sequence[Shown], *, feed_url: str) -> str:
    """Write a plain list of headlines, newest first as given, for people who open the demo in a browser."""
    kind = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}[outlet.feed]
    items = "".join(
        f'<li lang="{escape(one.article.language)}" dir="{one.article.direction}">'
        f'<a href="{escape(one.url)}">{escape(one.text.title)}</a></li>\n'
        for one in shown
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(outlet.name)}</title>"
        f'<link rel="alternate" type="{kind}" href="{escape(feed_url)}"></head>\n'
        f"<body><h1>{escape(outlet.name)}</h1>\n<ul>\n{items}</ul></body></html>\n"
    )


def _each(template: str, items: Iterable[dict[str, str]]) -> str:
    made = Template(template)
    return "\n".join(made.substitute({name: escape(value) for name, value in item.items()}) for item in items)


def _links(outlet: Outlet, links: Sequence[Link]) -> str:
    return _each(outlet.link, (link._asdict() for link in links))


def _json_ld(outlet: Outlet, shown: Shown) -> str:
    """JSON-LD for a script element: ``<`` and ``&`` are written as escapes, or a title could end the element."""
    value = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": shown.text.title,
        "inLanguage": shown.article.language,
        "datePublished": shown.published.isoformat(timespec="seconds"),
        "dateModified": shown.updated.isoformat(timespec="seconds"),
        "author": [{"@type": "Person", "name": name} for name in shown.article.authors],
        "publisher": {"@type": "Organization", "name": outlet.name},
        "mainEntityOfPage": shown.url,
    }
    return json.dumps(value, ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
