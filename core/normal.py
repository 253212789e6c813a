"""Unicode's normal forms in linear time. Pure.

Putting combining marks into canonical order takes quadratic time in their number in a row, and a page may have a
hundred thousand of them. Unicode's Stream-Safe Text Format (UAX 15, section 13) allows thirty; no script needs that
many.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_MARKS = 30
"""Most combining marks in a row that are kept in a long text; further ones are left out."""

_SHORT = 256
_FIRST, _END = 0x300, 0x20000
"""All characters with a combining class are in this range."""


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """``unicodedata.normalize``; in a text of more than 256 characters, marks beyond ``MOST_MARKS`` in a row are left out."""
    if len(text) > _SHORT and not text.isascii() and _has_too_many(text):
        text = _too_many().sub(r"\1", text)
    return unicodedata.normalize(form, text)


def _has_too_many(text: str) -> bool:
    # Imported here: most importers never have a long text, and numpy takes a sixth of a second to load.
    import numpy as np

    # A table, not the pattern, which takes twenty times as long as normalizing an ordinary text.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    # In most texts hardly any character is high enough to be a mark.
    high = codes[codes >= _FIRST]
    if len(high) <= MOST_MARKS or np.count_nonzero(_is_mark()[np.minimum(high, _END)]) <= MOST_MARKS:
        return False
    marks = _is_mark()[np.minimum(codes, _END)]
    others = np.flatnonzero(~marks)
    return bool(np.diff(others, prepend=-1, append=len(text)).max() > MOST_MARKS + 1)


@cache
def _is_mark() -> NDArray[np.bool_]:
    import numpy as np

    return np.array([unicodedata.combining(chr(code)) > 0 for code in range(_END)] + [False])


@cache
def _too_many() -> re.Pattern[str]:
    marks = "".join(chr(code) for code in range(_FIRST, _END) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]++")
