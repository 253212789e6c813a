"""Whether two texts are the same, whatever their titles: by a digest. Pure."""

from __future__ import annotations

import hashlib
from itertools import islice

from core.normal import normalized

# A text with fewer letters is too short to be a copy ("Video", "More soon").
MIN_TEXT = 80
MAX_HASHED = 200_000


def text_hash(text: str) -> str:
    """A digest of only the text (a copy often has another title); empty for a text too short to be compared.

    Only letters and digits count towards the length, since an empty page may be full of blanks and rules.
    """
    enough = next(islice(filter(str.isalnum, text), MIN_TEXT - 1, None), None)
    if not enough:
        return ""
    # Splitting is six times as fast as a regular expression. For megabytes of text, head and length are enough.
    head = text[:MAX_HASHED]
    flat = " ".join((head if head.isascii() else normalized("NFKC", head)).split())
    flat += str(max(len(text) - MAX_HASHED, 0))
    return hashlib.blake2b(flat.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
