"""Claims of a fact from several places of a page, and the rules by which one of them is chosen. The rules are tables.

A candidate is the claim of one place. Its weight is that of its origin; for titles, equal claims count together, so a
title on which heading, metadata and window title agree wins over a single different one (a logo, the headline of
another article, a section heading).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.text.characters import folded


class Candidate(NamedTuple):
    """A claim and its origin, a key in one of the tables below."""

    value: str
    origin: str


class AuthorClaim(NamedTuple):
    """The names from one place. ``organisation``: the place declares that they are not persons."""

    names: tuple[str, ...]
    origin: str
    organisation: bool = False


TITLE_WEIGHTS: Mapping[str, int] = {
    "feed": 30,  # the outlet's own list, made for this article alone; cut ones are completed from the page
    "json_ld": 30,  # the outlet's own words for machines, of a node that names this page
    "json_ld_unnamed": 10,
    "open_graph": 10,
    "heading": 9,  # the <h1> of the article
    "heading_within": 14,  # the only <h1>, within <article> or <main>, where each of the others says something else
    "heading_alone": 5,  # one elsewhere that neither metadata nor the window title confirm
    "microdata": 8,
    "window": 6,  # <title>, without the outlet
    "twitter": 3,
    "heading_elsewhere": 3,  # an <h1> in the page's header, or a further one
}

AUTHOR_RANKS: Mapping[str, int] = {
    "feed": 90,
    "json_ld": 80,
    "microdata": 70,
    "rel_author": 65,
    "byline": 60,
    "author_link": 55,  # a link into the outlet's pages of authors
    "meta": 50,
    "twitter": 45,  # twitter:label1 "Written by"
    "line": 40,  # a line that begins with "By"
    "json_ld_page": 30,
    "row": 20,  # a name below the headline beside a role, an agency or the date, without a word before it
    "signature": 25,  # in the text itself: its dateline, "Reporting by", a label below it
}
ORGANISATION = -60
"""Added to claims that declare an organisation or have the outlet's name: a person's name elsewhere is better."""

DATE_RANKS: Mapping[str, int] = {
    "feed": 90,
    "json_ld": 80,
    "microdata": 70,
    "meta": 60,
    "time": 50,  # <time> or the like, of a role that markup or a label gives
    "visible": 40,  # a date with a label, or one in the lines at the headline
    "json_ld_page": 30,
    "microdata_thing": 25,  # of a book or film, which the page is about or only mentions
    "dateline": 22,  # of the text, as press releases have it
    "address": 20,  # a day in the URL
}
"""A flagged date loses to a plausible one of any rank."""


def ranked_authors(claims: Iterable[AuthorClaim], outlets: frozenset[str]) -> AuthorClaim | None:
    """The claim of the highest rank; among equals the first. ``outlets``: the outlet's names, folded, without spaces."""
    best: AuthorClaim | None = None
    best_rank = 0
    claims = list(claims)
    for claim in claims:
        if not claim.names:
            continue
        impersonal = claim.organisation or all(folded(name).replace(" ", "") in outlets for name in claim.names)
        rank = AUTHOR_RANKS[claim.origin] + (ORGANISATION if impersonal else 0)
        if best is None or rank > best_rank:
            best, best_rank = claim, rank
    if best is not None and len(best.names) > 1:
        # "Ann Keel, Harbour Post": the outlet beside a person.
        persons = tuple(name for name in best.names if folded(name).replace(" ", "") not in outlets)
        best = best._replace(names=persons or best.names)
    if best is not None and any(map(_has_capitals_only, best.names)):
        # "Ann KEEL" in one place, "Ann Keel" in another.
        softer = {
            folded(name): name
            for claim in claims
            for name in claim.names
            if not _has_capitals_only(name) and name.strip()
        }
        best = best._replace(names=tuple(softer.get(folded(name), name) for name in best.names))
    return best


def _has_capitals_only(name: str) -> bool:
    """Whether a word of the name is written in capitals only; initials are not counted."""
    return any(len(word) > 2 and word.isupper() and "." not in word for word in name.split())


_MIN_SHARE = 0.5
_MIN_CHARS, _MIN_DENSE = 12, 7
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{4}")


def agree(one: str, other: str) -> bool:
    """Whether two folded titles agree: they are equal, or one is at least half of the other, at either end."""
    short, long = sorted((one, other), key=len)
    if not short:
        return False
    return short == long or (
        len(short) >= (_MIN_DENSE if _DENSE.match(short) else _MIN_CHARS)
        and len(short) >= _MIN_SHARE * len(long)
        and (long.startswith(short) or long.endswith(short))
    )


def weighed_titles(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates by descending total weight; among equals in the order of the table, then of the page."""
    flat = [folded(one.value) for one in candidates]
    totals: list[int] = []
    for text in flat:
        # Each origin counts once: a page may have many headings.
        heard: dict[str, int] = {}
        for other, candidate in zip(flat, candidates, strict=True):
            if agree(text, other):
                heard[candidate.origin] = TITLE_WEIGHTS[candidate.origin]
        totals.append(sum(heard.values()))
    order = sorted(
        range(len(candidates)), key=lambda place: (-totals[place], -TITLE_WEIGHTS[candidates[place].origin], place)
    )
    return [candidates[place] for place in order]
