"""Scores of a grouping against gold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Score:
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return (
            2 * self.precision * self.recall / (self.precision + self.recall) if self.precision + self.recall else 0.0
        )

    def __str__(self) -> str:
        return f"F1 {self.f1:.4f} (precision {self.precision:.4f}, recall {self.recall:.4f})"


def pair_score(gold: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """Over all pairs that are together in gold, or found together."""
    both = sum(gold[one] == gold[two] and found[one] == found[two] for one, two in combinations(range(len(gold)), 2))
    wanted = sum(count * (count - 1) // 2 for count in Counter(gold).values())
    given = sum(count * (count - 1) // 2 for count in Counter(found).values())
    return Score(both / given if given else 1.0, both / wanted if wanted else 1.0)


def bcubed(gold: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """A. Bagga and B. Baldwin, "Entity-based cross-document coreferencing using the vector space model", 1998."""
    together = Counter(zip(gold, found, strict=True))
    golds, founds = Counter(gold), Counter(found)
    pairs = list(zip(gold, found, strict=True))
    precision = sum(together[pair] / founds[pair[1]] for pair in pairs) / len(pairs)
    recall = sum(together[pair] / golds[pair[0]] for pair in pairs) / len(pairs)
    return Score(precision, recall)
