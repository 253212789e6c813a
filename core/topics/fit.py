"""Fits a topic's weights to labelled examples, and estimates how good they are on unseen articles. Pure.

The score is a sum, so its weights are fitted as in a logistic regression: the logit is the score minus the threshold.
Weights keep their sign (evidence for the topic stays for it), and are regularised towards the same start for every
rule, so that few examples change little. The weights in the file are not used, so the cross-validation is honest even
if those were fitted to the same examples. Fitting uses floating point; the results are rounded to hundredths, and only
these decide.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.query import Document
from core.topics.definitions import Rule, Topic
from core.topics.rules import BODY_WORDS
from core.topics.score import Tagger

FOLDS = 5
START = {"title": 1.0, "lead": 1.0, "body": 0.7}
START_AGAINST = {"title": -1.0, "lead": -0.5, "body": -0.2}
HELD = 1.0
"""How strongly weights are pulled to their start; an example that is far on the wrong side pulls with 1."""
GAIN = 0.6
"""The logit of one point of the score: how certain a distance from the threshold is."""
STEPS = 3_000
_SAME_EVENT = 0.5
_LEAST_WORDS = 6
_RANGE = 20.0
_PARTS = ("title", "lead", "body")

Floats = NDArray[np.float64]


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """An article labelled by a person.

    ``label``: whether it has the topic; null: undecided, and left out. Without it, ``relevant`` is the label, as in the
    desk's export of marked alerts; without both, ``topics`` has the names of all its topics. ``group``: shared by
    articles about one event; ``source``: the outlet.
    """

    text: Annotated[str, msgspec.Meta(min_length=1)]
    title: str | None = None
    language: str | None = None
    label: bool | msgspec.UnsetType | None = msgspec.UNSET
    relevant: bool | None = None
    topics: tuple[str, ...] | None = None
    source: str = ""
    group: str = ""
    url: str = ""

    def has(self, topic: str) -> bool | None:
        """The label for a topic; None if it is undecided."""
        if self.label is not msgspec.UNSET:
            return self.label
        if self.relevant is not None:
            return self.relevant
        return None if self.topics is None else topic in self.topics


class Figures(NamedTuple):
    """Counts of results: true and false positives, false negatives."""

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of tagged articles that are right; 0 if none are tagged."""
        return self.true / (self.true + self.false) if self.true else 0.0

    @property
    def recall(self) -> float:
        """The share of articles with the topic that are tagged; 0 if there are none."""
        return self.true / (self.true + self.missed) if self.true else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.true / (2 * self.true + self.false + self.missed) if self.true else 0.0


class Judged(NamedTuple):
    """An example with its score minus the threshold, by weights that were fitted without it."""

    example: Labelled
    label: bool
    over: float

    @property
    def wrong(self) -> bool:
        """Whether it would have been tagged wrongly."""
        return (self.over >= 0) != self.label


class Fit(NamedTuple):
    """A topic with fitted weights; ``before``: the weights of the file, on the same examples; ``held_out``: cross-validated."""

    topic: Topic
    before: Figures
    after: Figures
    held_out: Figures
    judged: tuple[Judged, ...]
    folds: int

    def worst(self, number: int) -> list[Judged]:
        """The errors of the cross-validation that are furthest on the wrong side."""
        return sorted((one for one in self.judged if one.wrong), key=lambda one: -abs(one.over))[:number]


def fit(
    topic: Topic, examples: Sequence[Labelled], *, always: Sequence[Labelled] = (), without: Iterable[str] = ()
) -> Fit:
    """Fit a topic's weights and cross-validate them.

    ``always``: examples that are used to fit every fold but are not counted, such as those in the topic's file.
    ``without``: names of lists that are treated as empty. The weights of queries are kept: only rules are fitted or,
    without rules, only the threshold. Raises ValueError unless there are at least two groups of examples with the topic
    and one without it.
    """
    emptied = _reachable(_without(topic, set(without)))
    known = [(one, label) for one in examples if (label := one.has(topic.name)) is not None]
    groups = group_examples([one for one, _ in known])
    labels = np.array([label for _, label in known], np.bool_)
    positive = {group for group, label in zip(groups, labels, strict=True) if label}
    if len(positive) < 2 or all(labels):
        raise ValueError("it needs examples of at least two events with the topic, and of one without it")
    facts = _facts(emptied, [one for one, _ in known])
    settled = [(one, label) for one in always if (label := one.has(topic.name)) is not None]
    extra, extra_labels = (
        _facts(emptied, [one for one, _ in settled]),
        np.array([label for _, label in settled], np.bool_),
    )
    folds = min(FOLDS, len(set(groups)))
    over = np.zeros(len(known))
    for fold in _folds(groups, labels, folds):
        taken = np.ones(len(known), np.bool_)
        taken[fold] = False
        trained = _fitted(emptied, facts.part(taken).and_also(extra), np.append(labels[taken], extra_labels))
        over[fold] = _over(trained, facts.part(~taken))
    fitted = _fitted(emptied, facts.and_also(extra), np.append(labels, extra_labels))
    judged = tuple(
        Judged(one, label, round(float(by), 2)) for (one, label), by in zip(known, over.tolist(), strict=True)
    )
    return Fit(
        fitted,
        _figures(_over(msgspec.structs.replace(emptied, threshold=topic.threshold), facts), labels),
        _figures(_over(fitted, facts), labels),
        _figures(over, labels),
        judged,
        folds,
    )


def own_examples(topic: Topic) -> list[Labelled]:
    """The examples in a topic's file, as labelled articles."""
    kinds = ((topic.must_match, True), (topic.must_not_match, False))
    return [
        Labelled(text=one.text, title=one.title, language=one.language, label=label)
        for several, label in kinds
        for one in several
    ]


class _Facts(NamedTuple):
    """For each example, the matches of rules (a column for each rule and part) and the points of queries."""

    values: Floats
    queries: Floats

    def part(self, taken: NDArray[np.bool_]) -> _Facts:
        return _Facts(self.values[taken], self.queries[taken])

    def and_also(self, more: _Facts) -> _Facts:
        return _Facts(np.vstack((self.values, more.values)), np.append(self.queries, more.queries))


def _facts(topic: Topic, examples: Sequence[Labelled]) -> _Facts:
    tagger = Tagger((topic,))
    values = np.zeros((len(examples), len(topic.rules) * len(_PARTS)))
    queries = np.zeros(len(examples))
    for row, one in enumerate(examples):
        document = Document(one.title or "", one.text, language=one.language)
        found = tagger.facts(one.title or "", one.text, one.language, document)
        if not found:
            continue
        [facts] = found
        queries[row] = facts.queries
        damped = BODY_WORDS / max(BODY_WORDS, facts.words)
        for number, where in facts.rules:
            in_body = where.body * (1.0 if topic.rules[number].within == "article" else damped)
            values[row, 3 * number : 3 * number + 3] = where.title, where.lead, in_body
    return _Facts(values, queries)


def _weights(rules: Sequence[Rule]) -> Floats:
    return np.array([[rule.title, rule.lead, rule.body] for rule in rules], np.float64).reshape(-1)


def _over(topic: Topic, facts: _Facts) -> Floats:
    found: Floats = facts.values @ _weights(topic.rules) + facts.queries - topic.threshold
    return np.round(found, 6)


def _figures(over: Floats, labels: NDArray[np.bool_]) -> Figures:
    tagged = over >= 0
    return Figures(int((tagged & labels).sum()), int((tagged & ~labels).sum()), int((~tagged & labels).sum()))


def _fitted(topic: Topic, facts: _Facts, labels: NDArray[np.bool_]) -> Topic:
    """The topic with weights fitted to these examples, in hundredths, by projected gradient descent with momentum."""
    if not topic.rules:
        return msgspec.structs.replace(topic, threshold=_best_threshold(facts.queries, labels))
    start = np.array([_start(rule) for rule in topic.rules]).reshape(-1)
    against = np.repeat([rule.against for rule in topic.rules], len(_PARTS))
    low, high = np.where(against, -_RANGE, 0.0), np.where(against, 0.0, _RANGE)
    values = facts.values
    # Both labels have the same total weight, up to a factor, so that a rare topic is not simply never assigned.
    share = min(4.0, (~labels).sum() / max(1, labels.sum()))
    sides = np.where(labels, 1.0, -1.0)
    counts = np.where(labels, max(1.0, share) ** 0.5, 1.0)
    step = 1.0 / (HELD + 0.25 * GAIN**2 * float(np.linalg.norm(values * counts[:, None] ** 0.5, 2)) ** 2)
    weights = ahead = start
    for number in range(STEPS):
        over = GAIN * (values @ ahead + facts.queries - topic.threshold)
        pull = GAIN * counts * sides / (1.0 + np.exp(np.clip(sides * over, -50, 50)))
        moved = np.clip(ahead + step * (values.T @ pull - HELD * (ahead - start)), low, high)
        ahead = moved + number / (number + 3.0) * (moved - weights)
        weights = moved
    rounded = np.round(weights, 2) + 0.0
    rules = tuple(
        msgspec.structs.replace(rule, **_parts(rule, rounded[3 * number : 3 * number + 3].tolist()))
        for number, rule in enumerate(topic.rules)
    )
    return msgspec.structs.replace(topic, rules=rules)


def _start(rule: Rule) -> list[float]:
    """The initial weight of a rule."""
    return [rule.start * weight for weight in (START_AGAINST if rule.against else START).values()]


def _parts(rule: Rule, weights: Sequence[float]) -> dict[str, Any]:
    """The fitted weights of a rule, by name."""
    found = dict(zip(_PARTS, weights, strict=True))
    if rule.within == "article":
        found["title"] = 0.0
    if rule.against and not any(found.values()):
        found["lead"] = -0.01  # otherwise it would be read as evidence for the topic
    return found


def _best_threshold(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """The threshold with the best F1, in the middle of its gap."""
    ordered = sorted({0.0, *scores.tolist()})
    middles = [round((low + high) / 2, 2) for low, high in pairwise(ordered)] or [1.0]
    best: float = max((_figures(scores - middle, labels).f1, middle) for middle in middles if middle > 0)[1]
    return best


def _reachable(topic: Topic) -> Topic:
    """The topic with a threshold that its rules can reach: at most half of their initial weights for title and lead."""
    begins = sum(sum(_start(rule)[:2]) for rule in topic.rules if not rule.against)
    return msgspec.structs.replace(topic, threshold=min(topic.threshold, begins / 2)) if begins else topic


def _without(topic: Topic, names: set[str]) -> Topic:
    if unknown := names - set(topic.lists):
        raise ValueError(f"the topic has no list {', '.join(sorted(unknown))}")
    emptied = {
        name: msgspec.structs.replace(one, terms={}, countries=()) if name in names else one
        for name, one in topic.lists.items()
    }
    return msgspec.structs.replace(topic, lists=emptied)


_WORD = re.compile(r"\w{4,}")


def group_examples(examples: Sequence[Labelled]) -> list[int]:
    """A group number for each example, shared by examples of one event and of one outlet.

    Examples are of one event if they have the same ``group``, or share half of the longer words of the shorter one's
    beginning. An outlet with over a fifth of all examples (an agency, a digest) does not form a group, since whole
    folds would consist of it; its events do.
    """
    parents = list(range(len(examples)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    first: dict[tuple[str, str], int] = {}
    by_source: defaultdict[str, int] = defaultdict(int)
    for one in examples:
        by_source[one.source] += 1
    words = []
    for number, one in enumerate(examples):
        keys = [("group", one.group)] if one.group else []
        if one.source and by_source[one.source] <= len(examples) / FOLDS:
            keys.append(("source", one.source))
        for key in keys:
            parents[root(number)] = root(first.setdefault(key, number))
        begins = f"{one.title or ''} {one.text}"[:400].casefold()
        found = set(_WORD.findall(begins))
        # In scripts without spaces between words, pairs of letters are used.
        words.append(found if len(found) >= _LEAST_WORDS else {begins[i : i + 2] for i in range(len(begins) - 1)})
    for here, there in combinations(range(len(examples)), 2):
        shared = len(words[here] & words[there])
        if shared and shared >= _SAME_EVENT * max(_LEAST_WORDS, min(len(words[here]), len(words[there]))):
            parents[root(here)] = root(there)
    return [root(number) for number in range(len(examples))]


def _folds(groups: Sequence[int], labels: NDArray[np.bool_], number: int) -> list[list[int]]:
    """The rows of each fold: whole groups, largest first, each in the fold with the fewest of its kind."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    folds: list[list[int]] = [[] for _ in range(number)]
    counts = [[0, 0] for _ in range(number)]
    for group in sorted(rows, key=lambda one: (-len(rows[one]), one)):
        has = int(any(labels[row] for row in rows[group]))
        fold = min(range(number), key=lambda one: (counts[one][has], len(folds[one]), one))
        folds[fold] += rows[group]
        counts[fold][has] += len(rows[group])
    return [sorted(fold) for fold in folds if fold]
