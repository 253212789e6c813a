"""Which of an article's claimed titles is its title.

The feed's comes first: it is the headline as the outlet publishes it. The page's headline is used if the feed has
none, truncated it, or only names the outlet. The outlet's name is removed ("… | The Outlet", "… - outlet.com",
"The Outlet: …"), as known from the page or the host; so is a part that the page's own headline lacks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from pipeline.text.characters import folded, normal_line
from pipeline.text.page import plain_line

MAX_CHARS = 500
"""A longer title is cut at a word."""

FROM_TEXT_CHARS = 120
"""A title made of the text's first sentence is cut to this, at a word."""

CLAIM_CHARS = 2_000
"""Of what claims to be a title so much is looked at: each name of the outlet is taken off in a turn of its own."""

# Spaces are taken at the beginning of their run only, or a run of them would be tried from each place in it.
_SPACES = r"(?:(?<!\s)\s++)"
_SEPARATOR = re.compile(rf"{_SPACES}[|¦\-–—·•»«:/]++\s+|{_SPACES}?[|¦»«｜]\s*|{_SPACES}?::\s*")
_ELLIPSIS = re.compile(rf"{_SPACES}?(?:…|\.\.\.|\[…\]|\[\.\.\.\])\s*$")
_SENTENCE_END = re.compile(r"(?!^)(?:[.!?…؟。！？।۔]['\"”’»)\]]*+(?=\s|$)|[。！？])")
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Gen|Sen|Gov|Lt|Col|vs|No)\.)$")
_GENERIC = frozenset(
    {"home", "homepage", "news", "untitled", "no title", "article", "index", "404", "page not found", "new", "start"}
)


def choose_title(
    hint: str | None, headlines: Sequence[str], document_title: str, site_names: Sequence[str], url: str
) -> str:
    """The title; "" if none is claimed.

    ``hint`` is the feed's; ``headlines`` the page's (best first), ``document_title`` its ``<title>``.
    """
    outlets = _outlets(site_names, url)
    headlines = [normal_line(headline) for headline in headlines]
    page = [title for claim in headlines if (title := _stripped(claim, outlets, headlines))]
    named = _stripped(normal_line(document_title), outlets, headlines)
    if named:
        page.append(named)
    page = [title for title in page if not _says_nothing(title, outlets)]
    feed = _stripped(plain_line(hint), outlets, headlines) if hint else ""
    if feed and not _says_nothing(feed, outlets):
        stem = _ELLIPSIS.sub("", feed)
        if stem == feed:
            return _cut(feed, MAX_CHARS)
        # Cut short by the feed: the page has the rest.
        whole = next(
            (title for title in page if folded(title).startswith(folded(stem)) and len(title) > len(stem)), feed
        )
        return _cut(whole, MAX_CHARS)
    return _cut(page[0], MAX_CHARS) if page else ""


def title_from_text(text: str) -> str:
    """A title for a text that has none: its first line if that is short, else its first sentence, cut at a word."""
    first = text.split("\n", 1)[0]
    if len(first) <= FROM_TEXT_CHARS:
        return first
    for found in _SENTENCE_END.finditer(first[:MAX_CHARS]):
        end = found.end()
        if not _ABBREVIATION.search(first[:end]):
            return _cut(first[:end], FROM_TEXT_CHARS)
    return _cut(first, FROM_TEXT_CHARS)


def _outlets(site_names: Sequence[str], url: str) -> frozenset[str]:
    """The names by which the outlet may call itself, folded, with and without spaces."""
    names = {folded(name) for name in site_names}
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        host = ""
    labels = host.split(".")
    if len(labels) > 1 and not host.replace(".", "").isdigit():
        names.add(folded(host))
        names.update(label for label in labels[:-1] if len(label) > 3)
        names.update(f"{label}{labels[-1]}" for label in labels[:-1])
    names |= {name.replace(" ", "") for name in names}
    names |= {name.removeprefix("the") for name in names if len(name) > 6}
    return frozenset(name for name in names if len(name) > 1)


def _is_outlet(part: str, outlets: frozenset[str]) -> bool:
    name = folded(part).replace(" ", "")
    if not name:
        return True
    if name in outlets or name.removeprefix("the") in outlets:
        return True
    # "BBC News" for bbc, "Outlet World" for Outlet: short and led by the name.
    return len(part) <= 40 and any(
        len(outlet) >= 3 and name.startswith(outlet) and len(name) <= len(outlet) + 10 for outlet in outlets
    )


def _stripped(title: str, outlets: frozenset[str], headlines: Sequence[str]) -> str:
    """The title without the outlet at either end, and without what one of the page's headlines lacks."""
    known = {folded(headline) for headline in headlines}
    title = title[:CLAIM_CHARS]
    while separators := list(_SEPARATOR.finditer(title)):
        first, last = separators[0], separators[-1]
        head, tail = title[: last.start()].strip(), title[last.end() :].strip()
        if head and _is_outlet(tail, outlets):
            title = head
            continue
        if (rest := title[first.end() :].strip()) and _is_outlet(title[: first.start()], outlets):
            title = rest
            continue
        shorter = next(
            (part for part in (head, rest) if part and folded(part) in known and folded(title) != folded(part)), None
        )
        if shorter is None:
            break
        title = shorter
    return title.strip()


def _says_nothing(title: str, outlets: frozenset[str]) -> bool:
    flat = folded(title)
    return not flat or flat in _GENERIC or flat.replace(" ", "") in outlets or title.startswith(("http://", "https://"))


def _cut(text: str, limit: int) -> str:
    """Cut at a word boundary so that text and the ellipsis fit into ``limit`` code points."""
    if len(text) <= limit:
        return text
    stem = text[: limit - 1]
    word = stem.rpartition(" ")[0]
    return (word if len(word) >= limit // 2 else stem).rstrip(" ,;:–—-") + "…"
