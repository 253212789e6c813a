"""Whether an article that joined a story reports another event than the story's earlier articles: a ``development``. Pure.

Stories are formed by similarity, so occasionally one includes another event, for which there would be no alert. So a
story's *leads* are stored: what identifies the event (``identity``) of its first article, and of each later one that
agrees with none of the leads before it. Leads are numbered like the other facts of a story (``story_memory``), and an
article that agrees with a lead has its number: a subscription that was alerted to it is not alerted again.

Two texts disagree if they share few words, or nearly all words but contradict each other in what identifies their
event, as two events told from one template do. Only texts in one language are compared: in different languages all
words differ, whatever the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.records import Article
from pipeline.stories.contradiction import contradictions, shared_words
from pipeline.stories.features import is_full, prepared, read_features
from pipeline.stories.identity import FIELDS, NAME, Identity, identity_of
from pipeline.stories.new_names import has_new_figures, new_names
from pipeline.stories.places import are_countries

MOST_LEADS = 12
FEW_WORDS, MOST_WORDS = 400, 560
"""Per mille of shared words: texts that share fewer disagree; texts that share more may come from the same template."""

_SHOWN_NAMES, _SHOWN_CHARS = 6, 200
_SKETCH = np.dtype([("shingles", "<u4"), *FIELDS])


class Lead(msgspec.Struct, frozen=True, array_like=True):
    """A lead: its number, the event time in ms at which it came up, its language, and ``sketch_of`` its article."""

    number: int
    time_ms: int
    language: str | None
    sketch: bytes


def sketch_of(fingerprint: bytes) -> bytes:
    """The identity of an article's event, from its features; b"" if those are unknown."""
    if not is_full(fingerprint):
        return b""
    known, kept = read_features(fingerprint), np.zeros((), _SKETCH)
    for name in _SKETCH.names or ():
        kept[name] = known[name]
    return kept.tobytes()


def number_of_lead(leads: Sequence[Lead], sketch: bytes, language: str | None, number: int) -> int:
    """The number of the first lead with which an article agrees; the new ``number`` if it agrees with none."""
    if not leads:
        return number
    alike = [one for one in leads if one.language == language]
    if not alike:
        return leads[0].number
    agreed = ~_disagree(_rows([sketch])[0], _rows([one.sketch for one in alike]))
    return next((one.number for one, agrees in zip(alike, agreed.tolist(), strict=True) if agrees), number)


def worded_alike(leads: Sequence[Lead], sketch: bytes, language: str | None) -> bool:
    """Whether an article is worded like one of the leads, as the next report of a series is; then the differences are news."""
    alike = [one.sketch for one in leads if one.language == language]
    return bool(alike) and bool((shared_words(_rows([sketch])[0], _rows(alike)) >= MOST_WORDS).any())


def with_lead(leads: tuple[Lead, ...], lead: Lead) -> tuple[Lead, ...]:
    """The leads with one more, if they lack its number or its language; the oldest is dropped when they are too many."""
    if any((one.number, one.language) == (lead.number, lead.language) for one in leads):
        return leads
    return (*leads, lead)[-MOST_LEADS:]


def what_is_new(article: Article, leads: Sequence[Lead]) -> str | None:
    """What an article that disagrees with the leads tells of another event: names and days that no lead has, for people.

    The headline if there are none. None if it is the same event in other words: its headline names nothing that the leads
    in its language lack. In a text worded like a lead, also a name in the lead counts, or a day. In scripts without capitals
    names are unknown: it is another event, and the headline says which.
    """
    title, language = article.title, article.language
    identity = identity_of(prepared(title), prepared(article.text), language)
    alike = [one for one in leads if one.language == language]
    if identity.cased and not _is_new(
        identity, language, alike, worded_alike(leads, sketch_of(article.fingerprint), language)
    ):
        return None
    names = [one.text for one in new_names(identity, _vocabularies(leads))] if identity.cased else []
    return ", ".join(dict.fromkeys(names[:_SHOWN_NAMES]))[:_SHOWN_CHARS] or title


def _is_new(identity: Identity, language: str | None, leads: Sequence[Lead], worded: bool) -> bool:
    """Whether a text that disagrees with the leads in its language names another event. ``worded``: like one of them."""
    known = _vocabularies(leads)
    told = new_names(identity, known)
    if worded:
        return bool(told) or has_new_figures(identity, known)
    silent = not any(mark.key >> 28 == NAME and mark.key in identity.in_title for mark in identity.marks)
    # A country that only this text names is no event of its own: it may be called "US", "America" or "Washington".
    return any(one.in_title or silent for one in told if not one.day and not are_countries(one.text, language))


def _vocabularies(leads: Sequence[Lead]) -> list[NDArray[np.uint8]]:
    return [row["vocabulary"] for row in _rows([one.sketch for one in leads])] if leads else []


def _disagree(asked: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.bool_]:
    shared, told = shared_words(asked, rows), contradictions(asked, rows)
    return np.asarray((shared < FEW_WORDS) | ((shared >= MOST_WORDS) & told.other_event))


def _rows(sketches: Sequence[bytes]) -> NDArray[Any]:
    return np.frombuffer(b"".join(sketches), _SKETCH)
