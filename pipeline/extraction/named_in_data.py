"""Authors whom the data of a page's scripts name, if the page shows the same names at its headline.

Pages built by scripts often have no telling names in their markup; the data alone names the authors of other articles too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from pipeline.extraction.bylines import clean_authors
from pipeline.extraction.names import is_capitalised

_FIRST_LINES, _MAX_CHARS = 8, 120
_NAME_WORDS = range(2, 5)
_MAX_SCRIPT_CHARS = 2_000_000
_REACH, _MOST_PLACES = 400, 40
# The key of a list or object of authors, with nothing but its own fields up to the name.
_AUTHOR_KEY = re.compile(
    r'"(?:\w{0,20}authors?|bylines?|contributors?|writers?|creators?)\w{0,12}\\*"\s*:\s*[\[{"\\][^\]]*$', re.IGNORECASE
)


def names_in_data(near: Iterable[str], scripts: Iterable[str]) -> tuple[str, ...]:
    """The names in the first line at the headline that consists of names only, each of them an author in a script's data."""
    lines = [
        names
        for line in list(near)[:_FIRST_LINES]
        if len(line) <= _MAX_CHARS
        and not any(char.isdigit() for char in line)
        and (names := clean_authors([line], shown=True))
        and all(len(name.split()) in _NAME_WORDS and is_capitalised(name) for name in names)
    ]
    if not lines:
        return ()
    texts = [text for text in scripts if len(text) <= _MAX_SCRIPT_CHARS]
    return next((names for names in lines if all(any(_is_author(name, text) for text in texts) for name in names)), ())


def _is_author(name: str, text: str) -> bool:
    for written in {name, json.dumps(name)[1:-1]}:
        place = text.find(written)
        for _ in range(_MOST_PLACES):
            if place < 0:
                break
            if _AUTHOR_KEY.search(text, max(0, place - _REACH), place):
                return True
            place = text.find(written, place + len(written))
    return False
