"""Whether a page shows its article's beginning only: a paywall's teaser, or a text that ends in "read more"."""

from __future__ import annotations

import re

from pipeline.extraction.facts import PageFacts
from pipeline.extraction.walls import Signs, says
from pipeline.text.characters import count_letters

_ENDS_CUT = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\]|\(…\))[\"'”’»)\]]*$")
_SHORT_LETTERS = 1_500
_TEASER_LETTERS = 800


def ends_cut(text: str) -> bool:
    """Whether the text breaks off with dots."""
    return _ENDS_CUT.search(text.rstrip()) is not None


def is_partial(signs: Signs, facts: PageFacts, text: str) -> bool:
    """Whether the text that the page shows is cut.

    It breaks off with dots, or is short on a page that says it has to be paid for: in its data, or in so many words.
    """
    letters = count_letters(text, enough=_SHORT_LETTERS)
    if ends_cut(text) and letters < _SHORT_LETTERS:
        return True
    if facts.paid and letters < _SHORT_LETTERS:
        return True
    return letters < _TEASER_LETTERS and says("subscription", signs.offers)
