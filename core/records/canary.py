"""The canary: an artificial article that passes through the whole pipeline every few minutes, to tell quiet from broken.

Pure. A canary is like any article: a page that must be extracted, a text that resembles no other article, words that
the reserved subscription matches. Users never see one: its results are stored under a separate run name
(``canary_run``), so readers of the run do not find them, and it matches only the reserved subscription. Its outcome is
in the ledger like any other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from core.records.alert import Subscription
from core.records.raw import RawArticle

SOURCE = "wirewatch-canary"
# No server can have this name, so no fetched article can look like a canary.
PREFIX = "https://canary.wirewatch.invalid/"
SUBSCRIPTION = Subscription(
    id=SOURCE, query=f'source:{SOURCE} AND "wirewatch canary"', name="Canary", owner="wirewatch", version=1
)
"""The reserved subscription. It is always in force and not in any list."""

_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu", "she")
_SENTENCES, _WORDS, _WORD = 9, 11, 5


def is_canary(url: str) -> bool:
    """Whether the URL of an article, or the item of an outcome, belongs to a canary."""
    return url.startswith(PREFIX)


def canary_run(run: str) -> str:
    """The run name under which the canaries of a run are stored."""
    return f"{run}#canary"


def canary_url(token: str) -> str:
    """The URL of the canary with this token (letters and digits that can't be guessed)."""
    return f"{PREFIX}{token}"


def canary_page(token: str, made_at: datetime) -> RawArticle:
    """The raw article of a canary, a function of its token and time (UTC).

    Its words are generated from the token, so it is not a copy of another canary and joins no story.
    """
    words = _made_up(token, _SENTENCES * _WORDS)
    sentences = [" ".join(words[start : start + _WORDS]).capitalize() + "." for start in range(0, len(words), _WORDS)]
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    title = f"Wirewatch canary {token}"
    moment = made_at.isoformat()
    return RawArticle(
        url=canary_url(token),
        source=SOURCE,
        fetched_at=made_at,
        html=f'<!doctype html><html lang="en"><head><title>{title}</title></head><body>'
        f'<nav><a href="/">Start</a></nav><article><h1>{title}</h1><time datetime="{moment}">{moment}</time>'
        f"{paragraphs}</article>"
        "<footer>Nobody reads this.</footer></body></html>",
    )


def _made_up(token: str, count: int) -> list[str]:
    stream = hashlib.shake_128(token.encode()).digest(count * _WORD)
    return [
        "".join(_SYLLABLES[byte % len(_SYLLABLES)] for byte in stream[at : at + _WORD])
        for at in range(0, len(stream), _WORD)
    ]
