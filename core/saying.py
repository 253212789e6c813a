"""Sentences with their values apart, so that whoever shows one can say it in another language. Pure.

As text they are English. The desk translates them (``desk.language.said``); everything else shows them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """``sentence`` with ``%(name)s`` for each of ``values``, which may be sentences too. A % is written twice."""

    sentence: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        """The sentence in English."""
        return self.sentence % self.values


def saying(sentence: str, **values: object) -> Said:
    """A sentence with its values. The sentence has to be a constant: ``make messages`` takes it into the catalogues."""
    return Said(sentence, values)
