"""What the law of replay compares: a record without what may differ between two runs of one input.

See docs/architecture.md, "Replay equals live".

Pure. Left out are the run's name, where the raw record lay, when it was handled, and marks, which say what is outside the
law (a time-out of extraction). Everything else must be equal: order keys, stories, copies, versions, matches, reasons.
"""

from __future__ import annotations

from typing import Any

import msgspec

from core.records.alert import Alert
from core.records.article import Article
from core.records.outcome import Outcome

_OUTSIDE: dict[type[Article | Alert | Outcome], frozenset[str]] = {
    Article: frozenset({"position", "marks"}),
    Alert: frozenset({"run"}),
    Outcome: frozenset({"run", "stream", "partition", "first_offset", "last_offset"}),
}


def project(record: Article | Alert | Outcome) -> dict[str, Any]:
    """The comparable part of a record, in JSON's types, with the names that it has on the wire.

    ``fetched_at`` stays: it comes with the raw record. An outcome keeps its ``item``, by which two runs are compared; for a
    bounded input that is the file and line, so a comparison with a stream needs items that name the same thing.
    """
    # By way of the wire, so that one that was read back and one that was not are alike.
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    outside = _OUTSIDE[type(record)]
    return {name: value for name, value in fields.items() if name not in outside}
