"""Queries as desks write them, from the words of the documents: names, subjects, word pairs that do occur."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import TypedDict

from core.query.words import scan

GIANT = 20_000
"""Characters of the longest queries."""
_GIANTS = 1 / 7_000


class Metadata(TypedDict):
    """What a document says of itself."""

    source: str
    language: str
    topics: tuple[str, ...]
    url: str
    authors: tuple[str, ...]


_SOURCES = tuple(f"outlet{number}.example" for number in range(200))
_TOPICS = tuple(f"subject-{number}" for number in range(30))


class Desk:
    """Writes queries. Names are words of few documents; subjects are met in one of 8 to one of 100."""

    def __init__(self, texts: list[str], rng: random.Random) -> None:
        self._rng = rng
        frequency: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        for text in texts:
            starts, ends, postings = scan(text)[:3]
            words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
            frequency.update(key for key in postings if len(key) > 2 and key.isascii() and key.isalpha())
            pairs.update(
                f"{one} {other}"
                for one, other in pairwise(words)
                if one.istitle() and other.istitle() and one.isascii() and other.isascii() and len(one + other) > 6
            )
        taken = {"and", "not", "near"}
        total = len(texts)
        self._names = [word for word, count in frequency.items() if count <= max(2, total // 200) and word not in taken]
        self._subjects = [word for word, count in frequency.items() if total / 100 <= count <= total / 8]
        self._pairs = list(pairs)
        self._kinds: list[tuple[float, str, Callable[[], str]]] = [
            (0.28, "AND", self._and),
            (0.18, "phrase", self._phrase),
            (0.16, "NEAR", self._near),
            (0.10, "NOT", self._not),
            (0.10, "wildcard", self._wildcard),
            (0.10, "OR list", self._list),
            (0.04, "field or lead", self._field),
            (0.02, "cs, stem or ATLEAST", self._function),
            (0.02, "metadata", self._source),
        ]

    def query(self) -> tuple[str, str]:
        """A query's kind and text."""
        if self._rng.random() < _GIANTS:
            return "giant", self.giant()
        if self._rng.random() < 1 / 50_000:
            return "unfilterable", f"NOT {self._rng.choice(self._subjects)}"
        kinds = self._kinds
        _, name, write = self._rng.choices(kinds, [share for share, _, _ in kinds])[0]
        return name, write()

    def giant(self) -> str:
        """A list of names and phrases of 20,000 characters, with a subject and exclusions."""
        parts, length = [], 0
        while length < GIANT - 600:
            parts.append(self._pair() if self._rng.random() < 0.5 else self._name())
            length += len(parts[-1]) + 4
        tail = f" AND ({self._any(8)}) NOT ({self._any(12)})"
        return f"({' OR '.join(parts)}){tail}"[:GIANT]

    def metadata(self, number: int) -> Metadata:
        """The metadata of a document."""
        return {
            "source": _SOURCES[number % len(_SOURCES)],
            "language": "en",
            "topics": (_TOPICS[number % len(_TOPICS)],),
            "url": f"https://{_SOURCES[number % len(_SOURCES)]}/news/{number}",
            "authors": (f"Writer Number{number % 500}",),
        }

    def _name(self) -> str:
        return self._rng.choice(self._names)

    def _subject(self) -> str:
        return self._rng.choice(self._subjects)

    def _pair(self) -> str:
        return f'"{self._rng.choice(self._pairs)}"'

    def _any(self, most: int) -> str:
        return " OR ".join(self._subject() for _ in range(self._rng.randint(2, most)))

    def _and(self) -> str:
        subjects = [self._subject() for _ in range(self._rng.randint(1, 3))]
        return " AND ".join([self._name() if self._rng.random() < 0.8 else self._pair(), *subjects])

    def _phrase(self) -> str:
        return self._pair() if self._rng.random() < 0.3 else f"{self._pair()} AND ({self._any(6)})"

    def _near(self) -> str:
        names = " OR ".join(self._name() for _ in range(self._rng.randint(1, 4)))
        operator = self._rng.choice(("NEAR/3", "NEAR/5", "NEAR/10", "ONEAR/2"))
        return f"({names}) {operator} ({self._any(5)})"

    def _not(self) -> str:
        return f"({self._and()}) NOT ({self._any(6)})"

    def _wildcard(self) -> str:
        subject = self._subject()
        return f"{subject[: max(4, len(subject) - 2)]}* AND {self._name()}"

    def _list(self) -> str:
        names = [self._pair() if self._rng.random() < 0.4 else self._name() for _ in range(self._rng.randint(5, 40))]
        return f"({' OR '.join(names)}) AND ({self._any(10)}) NOT ({self._any(5)})"

    def _field(self) -> str:
        pair = self._pair()
        return self._rng.choice(
            (f"title:{pair}", f"LEAD/50({pair} OR {self._name()})", f"body:({pair} {self._subject()})")
        )

    def _function(self) -> str:
        name = self._name()
        return self._rng.choice(
            (f"cs:{name.upper()}", f"stem:{self._subject()} AND {name}", f"ATLEAST/3({name} OR {self._pair()})")
        )

    def _source(self) -> str:
        return f"source:{self._rng.choice(_SOURCES)} AND ({self._any(3)}) AND {self._name()}"
