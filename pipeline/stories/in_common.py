"""Names and figures that two articles have in common, to show people why one is near the other. Pure."""

from __future__ import annotations

from core.normal import normalized
from core.records import Article
from pipeline.stories.across import LEAD_CHARS, names_in
from pipeline.stories.figures import figures_in
from pipeline.stories.skeleton import skeleton
from pipeline.stories.words import FUNCTION_WORDS, WORD
from pipeline.text.characters import folded

MOST_SHOWN = 6


def names_in_common(one: Article, other: Article) -> tuple[str, ...]:
    """The first six names in title or lead of both, in any spelling, as spelled in ``one``."""
    known = set(_names(one)) & set(_names(other))
    found: dict[str, str] = {}
    for word in WORD.findall(" . ".join(_beginning(one))):
        if folded(word) in FUNCTION_WORDS:  # without vowels, one may look like a name
            continue
        # A language without capitals has none to check.
        if (word[0].isupper() or word[0].lower() == word[0].upper()) and skeleton(word, one.language) in known:
            found.setdefault(skeleton(word, one.language), word)
    return tuple(found.values())[:MOST_SHOWN]


def figures_in_common(one: Article, other: Article) -> tuple[str, ...]:
    """The first six figures in title or lead of both, as written in ``one``."""
    told, theirs = " . ".join(_beginning(one)), " . ".join(_beginning(other))
    known = {figure.key for figure in figures_in(theirs, other.language)}
    mine = {f.key: told[f.start : f.end] for f in figures_in(told, one.language) if f.key in known}
    return tuple(mine.values())[:MOST_SHOWN]


def _beginning(article: Article) -> tuple[str, str]:
    return normalized("NFKC", article.title[:300]), normalized("NFKC", article.text[:LEAD_CHARS])


def _names(article: Article) -> list[str]:
    return [one for part in names_in(*_beginning(article), article.language) for one in part]
