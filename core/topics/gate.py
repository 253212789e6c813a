"""Which topics an article may belong to at all, by its words alone: most articles belong to none, and that must cost nothing.

A topic needs one of its queries of positive weight to hold, and of an AND each part needs one of its *anchors*
(``query.anchors``). They are looked up among the article's words; of two words side by side only whether both occur
is asked, since where words stand takes longer to find out than all the rest. So the gate lets in too much, never too
little, for the article and for any part of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from core.query import CompiledQuery, Document
from core.query.anchors import Anchors, guess, necessary
from core.query.core import AllOf


class _Rule(NamedTuple):
    topic: int
    others: tuple[Anchors, ...]


class Gate:
    """Queries, each for the number of its topic. Keeps nothing of the documents it is asked about."""

    def __init__(self, queries: Iterable[tuple[int, CompiledQuery]]) -> None:
        self._always: list[_Rule] = []
        self._by_word: defaultdict[str, list[_Rule]] = defaultdict(list)
        self._by_prefix: defaultdict[int, dict[str, list[_Rule]]] = defaultdict(dict)
        for topic, query in queries:
            parts = query.core.parts if isinstance(query.core, AllOf) else (query.core,)
            needs = sorted((found for part in parts if (found := necessary(part, guess)) is not None), key=_commonness)
            rule = _Rule(topic, tuple(needs[1:]))
            for anchor in needs[0] if needs else (":",):
                self._file(anchor, rule)

    def _file(self, anchor: str, rule: _Rule) -> None:
        if _needs_more(anchor):
            self._always.append(rule)
        elif anchor.endswith("*"):
            self._by_prefix[len(anchor) - 1].setdefault(anchor[:-1], []).append(rule)
        else:
            self._by_word[anchor.partition(" ")[0]].append(rule._replace(others=((anchor,), *rule.others)))

    def topics(self, document: Document) -> set[int]:
        """The numbers of the topics that ``document``, or a part of it, may belong to."""
        met = list(self._always)
        for word in self._by_word.keys() & document.words:
            met += self._by_word[word]
        for length, filed in self._by_prefix.items():
            for prefix in filed.keys() & document.prefixes(length):
                met += filed[prefix]
        found: set[int] = set()
        for topic, others in met:
            if topic not in found and all(any(_holds(anchor, document) for anchor in each) for each in others):
                found.add(topic)
        return found


def _commonness(anchors: Anchors) -> float:
    return sum(map(guess, anchors))


def _needs_more(anchor: str) -> bool:
    """Whether an anchor can't be judged by words alone: a stem or a field."""
    return ":" in anchor or "~" in anchor


def _holds(anchor: str, document: Document) -> bool:
    if _needs_more(anchor):
        return True
    if anchor.endswith("*"):
        return anchor[:-1] in document.prefixes(len(anchor) - 1)
    return all(word in document.words for word in anchor.split(" "))
