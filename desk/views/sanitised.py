"""A publisher's page for reading: its text and structure, and nothing that runs, loads or tells anybody. Pure."""

from __future__ import annotations

import nh3
from markupsafe import Markup

MOST = 400_000
_TAGS = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "ul",
    "ol",
    "li",
    "blockquote",
    "b",
    "strong",
    "i",
    "em",
    "br",
    "a",
    "pre",
    "code",
}
_TAGS |= {"table", "thead", "tbody", "tr", "td", "th", "article", "section", "time", "figcaption", "dl", "dt", "dd"}
_DROPPED = {
    "script",
    "style",
    "noscript",
    "template",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "form",
    "select",
    "nav",
}


def page_preview(html: str) -> Markup:
    """The page by a list of what may stay: no images, styles, forms or attributes but the addresses of links.

    Links are those of the web alone, tell nobody where they were clicked, and open elsewhere.
    """
    clean = nh3.clean(
        html[:MOST],
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Markup(clean)  # noqa: S704 - what nh3 lets through
