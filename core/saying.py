"""Sentences with their values apart, so that the code that shows one can translate it. Pure.

As text they are English. The desk translates them (``desk.language.said``); everything else shows them as they are.
A record may have one as a field: ``as_text`` encodes it, so its JSON is the English text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class Said:
    """``sentence`` with ``%(name)s`` for each of ``values``. A % is written twice.

    A value may be a sentence, a tuple of values, which is a list, or a time (UTC). With ``count``, ``sentence`` is for one and
    ``many`` for any other number, and ``%(num)s`` is the count. ``plain`` is the English text if it differs from the sentence.
    """

    __slots__ = ("plain", "plural", "sentence", "values")

    def __init__(
        self, sentence: str, values: Mapping[str, object], *, plural: Plural | None = None, plain: str | None = None
    ) -> None:
        self.sentence, self.values, self.plural, self.plain = sentence, values, plural, plain

    def __str__(self) -> str:
        """The sentence in English."""
        if self.plain is not None:
            return self.plain
        if self.plural is None:
            return self.sentence % {name: _english(one) for name, one in self.values.items()}
        sentence = self.sentence if self.plural.count == 1 else self.plural.many
        return sentence % {name: _english(one) for name, one in {"num": self.plural.count, **self.values}.items()}

    def __repr__(self) -> str:
        return f"Said({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Said) and str(self) == str(other)

    def __lt__(self, other: Said) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return hash(str(self))


@dataclass(frozen=True, slots=True)
class Plural:
    """The form of a sentence for any number but one, and the number."""

    many: str
    count: int


def saying(sentence: str, **values: object) -> Said:
    """A sentence with its values. The sentence has to be a constant: ``make messages`` takes it into the catalogues."""
    return Said(sentence, values)


def counting(one: str, many: str, count: int, **values: object) -> Said:
    """The sentence for this count, both forms constants; ``%(num)s`` is the count."""
    return Said(one, values, plural=Plural(many, count))


def as_text(value: object) -> str:
    """A sentence as its English text; msgspec's ``enc_hook``. Raises NotImplementedError for any other type."""
    if isinstance(value, Said):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _english(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, tuple):
        return ", ".join(str(_english(one)) for one in value)
    return value
