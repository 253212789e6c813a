"""Chooses the title among an article's claimed titles.

The feed's comes first: it is the headline as the outlet publishes it. The page's headline is used if the feed has none,
truncated it, or only names the outlet; among its candidates, the one with the most weight
(``pipeline.extraction.candidates``). The outlet's name is removed ("… | The Outlet", "… - outlet.com", "The Outlet:
…"), as known from the page or the host; so is a part that the page's own headline lacks. A headline that was cut off is
completed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from urllib.parse import urlsplit

from pipeline.extraction.candidates import Candidate, weighed_titles
from pipeline.extraction.frame import NO_FRAME, Frame
from pipeline.extraction.values import plain_line
from pipeline.text.characters import folded, normal_line

MAX_CHARS = 500
"""A longer title is cut at a word."""

FROM_TEXT_CHARS = 120
"""A title made from the text's first sentence is cut to this length, at a word."""

CLAIM_CHARS = 2_000
"""Only this much of a claimed title is read: each name of the outlet is removed in a separate round."""

# Spaces are taken at the beginning of their run only, or a run of them would be tried from each place in it.
_SPACES = r"(?:(?<!\s)\s++)"
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\u300d\u300f\u300b\u201d\uff01\uff1f"
_SEPARATOR = re.compile(
    rf"{_SPACES}[|¦ㅣ\-–—·•»«›‹>:/]++\s+|{_SPACES}?[|¦｜ㅣ]\s*|{_SPACES}?::\s*"
    rf"|(?<=[{_UNSPACED}])[-–—_]++(?=\S)|(?<![\s_-])[-_]++(?=[{_UNSPACED}])"
)
_BETWEEN_PLACES = frozenset("|¦｜ㅣ»«›‹>_")
"""Marks that stand between places of a site, and not within a headline."""
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_GUILLEMETS = frozenset("«»")
_ELLIPSIS = re.compile(rf"{_SPACES}?(?:…|\.\.\.|\[…\]|\[\.\.\.\])\s*$")
_SENTENCE_END = re.compile(r"(?!^)(?:[.!?…؟。！？।۔]['\"”’»)\]]*+(?=\s|$)|[。！？])")
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Gen|Sen|Gov|Lt|Col|vs|No)\.)$")
_GENERIC = frozenset(
    {"home", "homepage", "news", "untitled", "no title", "article", "index", "404", "page not found", "new", "start"}
)


_FORMS = frozenset({"amp", "print", "printversion", "mobile"})
"""Words that a form of a page's address adds to its window title."""

_MIN_CUT_CHARS = 20
_MAX_PARTS = 6
_TAIL_SHARE = 0.7
_CUT_OFF_CHARS = 60
"""A headline of this length that begins with another one is probably the complete form of it."""


def choose_title(
    hint: str | None, claims: Sequence[Candidate], site_names: Sequence[str], url: str, frame: Frame = NO_FRAME
) -> Candidate:
    """The title and its origin; an empty one if none is claimed.

    ``hint`` is the feed's; ``claims`` are the page's, in any order; ``frame`` is what stands around its article.
    """
    outlets = outlet_names(site_names, url)
    headlines = {folded(claim.value) for claim in claims if claim.origin != "window"}
    page = [
        Candidate(title, claim.origin)
        for claim in claims
        if (title := _stripped(normal_line(claim.value), outlets, headlines, frame))
        and not _says_nothing(title, outlets)
    ]
    if page and all(claim.origin == "window" for claim in page):
        page = [Candidate(_without_tail(claim.value), claim.origin) for claim in page]
    feed = _stripped(plain_line(hint), outlets, headlines, frame) if hint else ""
    if feed and not _says_nothing(feed, outlets):
        best = Candidate(feed, "feed")
        if _ELLIPSIS.search(feed):
            best = _completed(best, page)
    elif page:
        weighed = weighed_titles(page)
        best = _completed(weighed[0], weighed)
    else:
        return Candidate("", "text")
    return Candidate(_cut(best.value, MAX_CHARS), best.origin)


def _completed(title: Candidate, page: Sequence[Candidate]) -> Candidate:
    """The whole of a title that was cut, if the page has it: marked by dots, or a long one that another goes on from."""
    stem = _ELLIPSIS.sub("", title.value)
    flat = folded(stem)
    marked = stem != title.value
    if not flat or (not marked and len(stem) < _MIN_CUT_CHARS):
        return title
    for other in page:
        longer = folded(other.value)
        if _ELLIPSIS.search(other.value) or len(longer) <= len(flat):
            continue
        # A short one only if it ends within a word of the other.
        if not marked and len(stem) < _CUT_OFF_CHARS and (not longer[len(flat)].isalnum() or _DENSE.search(flat)):
            continue
        # A word may be cut in two; where dots say so, its rest is not compared.
        if longer.startswith(flat) or (marked and " " in flat and longer.startswith(flat.rpartition(" ")[0] + " ")):
            if not marked and _SEPARATOR.match(other.value[len(stem) :]):
                continue  # an outlet's name of its own, or a section's
            return other
    return title


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


def outlet_names(site_names: Sequence[str], url: str) -> frozenset[str]:
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
        return not _GUILLEMETS & set(part)
    if name in outlets or name.removeprefix("the") in outlets:
        return True
    # "BBC News" for bbc, "Outlet World" for Outlet: short and led by the name.
    return len(part) <= 40 and any(
        len(outlet) >= 3 and name.startswith(outlet) and len(name) <= len(outlet) + 10 for outlet in outlets
    )


def without_outlet(title: str, site_names: Sequence[str], url: str, frame: Frame) -> str:
    """The title without the outlet and its sections; "" if it is no more than that."""
    outlets = outlet_names(site_names, url)
    bare = _stripped(title, outlets, frozenset(), frame)
    return "" if _says_nothing(bare, outlets) or frame.names_outlet(bare, noted=False) else bare


def _stripped(title: str, outlets: frozenset[str], headlines: Set[str], frame: Frame) -> str:
    """The title without the outlet at either end, and without what one of the page's headlines (folded) lacks."""
    title = title[:CLAIM_CHARS]
    at_end = at_begin = False
    while separators := [found for found in _SEPARATOR.finditer(title) if not _quotes(found, title)]:
        first, last = separators[0], separators[-1]
        head, tail = title[: last.start()].strip(), title[last.end() :].strip()
        if head and _is_place(tail, head, outlets, frame, last[0], inner=at_end):
            title, at_end = head, True
            continue
        begin = title[: first.start()].strip()
        if (rest := title[first.end() :].strip()) and _is_place(begin, rest, outlets, frame, first[0], inner=at_begin):
            title, at_begin = rest, True
            continue
        shorter = next(
            (
                part
                for part in (head, rest, *(title[: mark.start()].strip() for mark in separators[:_MAX_PARTS]))
                if part and folded(part) in headlines and folded(title) != folded(part)
            ),
            None,
        )
        if shorter is None:
            break
        title = shorter
    return title.strip()


def _without_tail(title: str) -> str:
    """A window title that nothing on the page confirms, without the last part: the outlet's name stands there, or a section's.

    Only behind a mark that headlines don't have, and only if the part is far shorter than what is left.
    """
    marks = [found for found in _SEPARATOR.finditer(title) if not _quotes(found, title)]
    last = next(reversed(marks), None)
    if last is None:
        return title
    # "The Post » World » Headline": places of the site, and then the headline.
    if len(marks) > 1 and len({found[0].strip() for found in marks}) == 1 and _BETWEEN_PLACES & set(last[0]):
        ends = [0, *(found.end() for found in marks)]
        parts = [title[begin : found.start()].strip() for begin, found in zip(ends, marks, strict=False)]
        headline = title[last.end() :].strip()
        if all(len(part) <= _TAIL_SHARE * len(headline) for part in parts):
            return headline
    head, tail = title[: last.start()].strip(), title[last.end() :].strip()
    between = bool(_BETWEEN_PLACES & set(last[0])) or not last[0][:1].isspace()
    return head if tail and between and len(tail) <= _TAIL_SHARE * len(head) else title


def _is_place(part: str, rest: str, outlets: frozenset[str], frame: Frame, mark: str, *, inner: bool) -> bool:
    """Whether a part at an end of a title is the outlet, or one of its sections. ``inner``: the outlet stood beside it."""
    if folded(part).replace(" ", "") in _FORMS and len(rest) > len(part):
        return True
    if _is_outlet(part, outlets) or frame.names_outlet(part, noted=mark.strip() != ":"):
        return True
    between = bool(_BETWEEN_PLACES & set(mark))
    return (inner or between) and len(rest) > len(part) and frame.is_section(part)


def _quotes(separator: re.Match[str], title: str) -> bool:
    """Whether guillemets that look like a separator are quotation marks.

    They are if quotations are left open on either side of them, or, if the title has one kind of them only, if it begins
    or ends with one.
    """
    marks = _GUILLEMETS & set(separator[0])
    if not marks:
        return False
    if set(title) >= _GUILLEMETS:
        return not (_all_closed(title[: separator.start()]) and _all_closed(title[separator.end() :]))
    return title.endswith(tuple(marks)) or title.startswith(tuple(marks))


def _all_closed(part: str) -> bool:
    return part.count("«") == part.count("»")


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
