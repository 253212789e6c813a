"""Where in a page an element is: in the article, or beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from core.memo import kept

_MAX_ABOVE, _MAX_OF_A_ROW = 40, 60
_NEARLY_ALL = 0.8
_BESIDE = re.compile(
    r"(?:^|[\s_-])(?:related|recommend\w*|more-?(?:news|stories|from|on)|most-?(?:read|viewed|popular|commented)|trending|popular|latest(?:-?news)?|comments?(?:-?list)?"
    r"|disqus|sidebar|side-?bar|rail|promo\w*|teasers?|read-?(?:also|more|next)|see-?also|also-?read|up-?next|footer|newsletter|subscribe|signup"
    r"|advert\w*|sponsor\w*|outbrain|taboola|ilgili(?:-haber\w*)?|diger-haberler|similar|suggest\w*|further|also-like|carousel|ticker|recirc\w*)(?:$|[\s_-])"
)


# An article's own, with its author and date.
_OWN_FOOTER = re.compile(r"(?:post|entry|article|story|news)[-_]+footer")


def above(element: HtmlElement) -> Iterator[HtmlElement]:
    """The element and its ancestors, innermost first, up to a reasonable depth."""
    current: HtmlElement | None = element
    for _ in range(_MAX_ABOVE):
        if current is None:
            return
        yield current
        current = current.getparent()


def beside_the_article(element: HtmlElement) -> bool:
    """Whether the element is in a footer, a menu, a comment, or a box of other articles."""
    for one in above(element):
        if one.tag in ("body", "html", "main"):
            return False
        if one.tag == "footer":
            # An article has a footer of its own, with its author and date.
            if not any(outer.tag in ("article", "main") for outer in above(one)):
                return True
            continue
        if one.tag == "nav" or (one.tag == "aside" and next(one.iter("h1"), None) is None):
            return not _holds_facts(one)
        if is_named_beside(one) and next(one.iter("h1"), None) is None:
            return True
        if "Comment" in (one.get("itemtype") or "") or (one.get("itemprop") or "").lower() in (
            "comment",
            "liveblogupdate",
        ):
            return True
        if one.tag == "article" and (_is_inner(one) or _is_card(one)):
            return True
    return False


def _holds_facts(element: HtmlElement) -> bool:
    """Whether a menu or aside is the article's row of facts: microdata in it says who wrote, and of no other article."""
    said = False
    for number, one in enumerate(element.iter()):
        if number > _MAX_OF_A_ROW:
            return False
        if "Article" in (one.get("itemtype") or "") or one.tag in ("article", "h2", "h3", "h4"):
            return False
        said = said or (one.get("itemprop") or "") in ("author", "datePublished")
    return said


def is_named_beside(element: HtmlElement) -> bool:
    """Whether the element's names are those of boxes beside an article: "related", "sidebar", "newsletter" …"""
    name = f"{element.get('class') or ''} {element.get('id') or ''}"
    return len(name) > 1 and _known_beside(name)


def _is_beside(name: str) -> bool:
    return _BESIDE.search(_OWN_FOOTER.sub("", name.lower())) is not None


# The boxes around an article's facts are asked about for each of them.
_known_beside = kept(_is_beside, most=4_096, longest=300)


def _is_inner(article: HtmlElement) -> bool:
    """Whether it is an <article> within another: a comment, a card or an update. One with the page's headline is none."""
    parent = article.getparent()
    if next(article.iter("h1"), None) is not None:
        return False
    return any(one.tag == "article" for one in above(parent)) if parent is not None else False


def _is_card(article: HtmlElement) -> bool:
    """Whether it is another article's teaser: it has no <h1>, though the page has one, and its heading is a link."""
    if next(article.iter("h1"), None) is not None or next(article.getroottree().iter("h1"), None) is None:
        return False
    heading = next(article.iter("h2", "h3", "h4", "h5"), None)
    return heading is not None and (
        next(heading.iter("a"), None) is not None or any(one.tag == "a" for one in above(heading))
    )


def is_teaser(article: HtmlElement) -> bool:
    """Whether its heading, of which all words are a link, leads to another page. The outlet may have the page's <h1>."""
    if not _is_card(article):
        return False
    heading = next(article.iter("h2", "h3", "h4", "h5"))
    link = next(heading.iter("a"), None)
    if link is None:
        link = next(one for one in above(heading) if one.tag == "a")
    elif len("".join(link.itertext()).strip()) < _NEARLY_ALL * len("".join(heading.itertext()).strip()):
        return False
    return not (link.get("href") or "#").startswith("#")


def remove(element: HtmlElement) -> None:
    """Remove the element with its content; the text after it stays. A root or a removed element is left alone."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        element.drop_tree()
    else:
        parent.remove(element)
