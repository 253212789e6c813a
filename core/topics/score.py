"""Which topics an article has: a score for each topic, behind a prefilter by words; and a topic's own examples. Pure.

The article is cut into *passages*: the title, the lead (whole sentences up to the 60th word), then paragraphs, long ones cut
after the sentence that reaches 80 words. A query counts once for each passage in which it holds in full, so an AND requires
its words near each other, and a word that is repeated in one paragraph counts once. Of several queries that hold in one
passage only the one with the largest weight counts, so that two forms of the same query gain nothing. Then

    score = 3 · title + 2 · lead + min(6, sum over body passages) · min(1, 600 / words of the body)

where *title*, *lead* and each body passage are the weight found there. Without a title the lead counts 5. A query with
field "any" that holds in the whole article but in no single passage counts as one body passage: evidence, but weak.
Negative weights are scored separately in the same way, and subtracted. The article has the topic when the score is at or
over the threshold: with weights of 1 to 1.5 and a threshold of 4, a mention in the title and lead will do, or three or
four paragraphs of a text of ordinary length; one or two mentions far down never do.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.query import CompiledQuery, Document, NotDecided, compile_query
from core.query.compiled import AllOf
from core.query.required_terms import RequiredTerms, guessed_weight, required_terms
from core.records.article import Match, TopicMatch
from core.topics.definitions import Example, Topic, WeightedQuery, parsed

LEAD_WORDS = 60
PASSAGE_WORDS = 80
TITLE_FACTOR, LEAD_FACTOR, BODY_CAP, BODY_WORDS = 3.0, 2.0, 6.0, 600

# A run of marks is tried once, at its beginning, and never in parts: a page of 40,000 dots must not cost their square.
_SENTENCE_END = re.compile(r"(?<![.!?؟۔…])[.!?؟۔…]++[\"'”’»)]*+\s+|[。！？]+[”」』）]*|\n+")


class _Passage(NamedTuple):
    kind: str  # "title", "lead" or "body"
    offset: int
    document: Document


class _Rule(NamedTuple):
    topic: int
    weighted: WeightedQuery
    compiled: CompiledQuery


class _Strength:
    """The largest weight found in each passage, for one topic and one sign."""

    def __init__(self) -> None:
        self.by_passage: defaultdict[int, float] = defaultdict(float)
        self.elsewhere = 0.0

    def score(self, passages: Sequence[_Passage], words: float) -> float:
        factors = {"title": TITLE_FACTOR, "lead": LEAD_FACTOR}
        if passages[0].kind != "title":
            factors["lead"] += TITLE_FACTOR
        total, body = 0.0, self.elsewhere
        for number, weight in self.by_passage.items():
            if (factor := factors.get(passages[number].kind)) is not None:
                total += factor * weight
            else:
                body += weight
        return total + min(BODY_CAP, body) * min(1.0, BODY_WORDS / max(words, 1.0))


class Tagger:
    """Topics compiled for tagging any number of articles. Not thread-safe."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = tuple(topics)
        self._rules = [
            _Rule(number, weighted, compile_query(parsed(weighted.query)))
            for number, topic in enumerate(self.topics)
            for weighted in topic.queries
        ]
        self._by_language: dict[str | None, tuple[TopicPrefilter, list[_Rule]]] = {}

    def tag(
        self, title: str, text: str, language: str | None, document: Document | None = None
    ) -> tuple[TopicMatch, ...]:
        """The article's topics, highest score first (then by name), with the evidence for each.

        The queries for ``language`` and those for every language are tried; all queries if it is None. ``document``: the
        document of this title and text if the caller has it, so that its words are not cut again.
        """
        if document is None:
            document = Document(title, text, language=language)
        prefilter, rules = self._of(language)
        possible = prefilter.topics(document)
        if not possible:
            return ()
        passages, words = _passages(title, text, document)
        positive: defaultdict[int, _Strength] = defaultdict(_Strength)
        negative: defaultdict[int, _Strength] = defaultdict(_Strength)
        evidence: defaultdict[int, set[Match]] = defaultdict(set)
        for rule in rules:
            if rule.topic not in possible:
                continue
            weight = rule.weighted.weight
            found = _apply(rule, passages, document, (positive if weight > 0 else negative)[rule.topic])
            if weight > 0:
                evidence[rule.topic].update(found)
        results = []
        for number, strength in positive.items():
            topic = self.topics[number]
            score = strength.score(passages, words) - negative[number].score(passages, words)
            if score >= topic.threshold:
                results.append(TopicMatch(topic.name, round(score, 3), tuple(sorted(evidence[number]))))
        return tuple(sorted(results, key=lambda result: (-result.score, result.topic)))

    def _of(self, language: str | None) -> tuple[TopicPrefilter, list[_Rule]]:
        """The prefilter and the rules for a language."""
        if (known := self._by_language.get(language)) is None:
            rules = [rule for rule in self._rules if language is None or rule.weighted.language in (None, language)]
            prefilter = TopicPrefilter((rule.topic, rule.compiled) for rule in rules if rule.weighted.weight > 0)
            known = self._by_language[language] = prefilter, rules
        return known


def tag(title: str, text: str, language: str | None, topics: Iterable[Topic]) -> tuple[TopicMatch, ...]:
    """``Tagger.tag`` for a single article; for many, keep a ``Tagger``."""
    return Tagger(topics).tag(title, text, language)


def _apply(rule: _Rule, passages: Sequence[_Passage], document: Document, strength: _Strength) -> list[Match]:
    """Record in ``strength`` where the rule holds; returns the matches as stretches of the article's own title and text."""
    evidence: list[Match] = []
    weight, field = abs(rule.weighted.weight), rule.weighted.field
    holds = False
    for number, passage in enumerate(passages):
        if field not in ("any", passage.kind):
            continue
        found = _match(rule, passage.document)
        if found is None:
            continue
        holds = True
        strength.by_passage[number] = max(strength.by_passage[number], weight)
        shift = passage.offset
        evidence += (Match(one.field, one.start + shift, one.end + shift, one.text) for one in found)
    if not holds and field == "any" and (found := _match(rule, document)) is not None:
        strength.elsewhere = max(strength.elsewhere, weight)
        evidence += found
    return evidence


def _match(rule: _Rule, document: Document) -> tuple[Match, ...] | None:
    try:
        return rule.compiled.match(document)
    except NotDecided:
        return None  # as if it did not hold: the other rules of the topic still count


def _passages(title: str, text: str, document: Document) -> tuple[list[_Passage], float]:
    """The article's passages in reading order, and the number of words of its body. There is always at least one passage."""
    field = document.fields[0]
    starts = field.starts
    covered = sum(field.ends) - sum(starts)
    # If places are single characters (Chinese …), two of them are about a word.
    per_word = 2 if starts and covered < 1.5 * len(starts) else 1

    passages = [_Passage("title", 0, document.part(title, ""))] if title.strip() else []
    kind, begin, first = "lead", 0, 0
    lead_end = 0
    for end in _breaks(text, starts, PASSAGE_WORDS * per_word):
        place = bisect_left(starts, end)
        words = (place - first) / per_word
        paragraph_ends = "\n" in text[max(0, end - 4) : end] or end == len(text)
        enough = words >= LEAD_WORDS or end == len(text) if kind == "lead" else words >= PASSAGE_WORDS or paragraph_ends
        if not enough:
            continue
        if place > first or kind == "lead":
            passages.append(_Passage(kind, begin, document.part("", text[begin:end])))
        if kind == "lead":
            kind, lead_end = "body", place
        begin, first = end, place
    return passages, (len(starts) - lead_end) / per_word


def _breaks(text: str, starts: Sequence[int], most: int) -> Iterable[int]:
    """Where a passage may end: after each sentence and line, at the end, and within a sentence of more than ``most`` places."""
    begin = 0
    for end in (*(found.end() for found in _SENTENCE_END.finditer(text)), len(text)):
        place, last = bisect_left(starts, begin), bisect_left(starts, end)
        while last - place > most:
            place += most
            yield starts[place]
        if end > begin or end == len(text):
            yield end
        begin = end


class _Filed(NamedTuple):
    """A query filed under one term. ``others``: of each of these sets a document must have a term too."""

    topic: int
    others: tuple[RequiredTerms, ...]


class TopicPrefilter:
    """Which topics an article may have at all, by its words alone: most articles have none, and that must cost nothing.

    A topic needs one of its queries of positive weight to hold, and of an AND each part needs one of its required terms
    (``core.query.required_terms``). They are looked up among the article's words. Of two words side by side it is only
    checked that both occur, since finding out where words are takes longer than all the rest. So the filter lets too many
    topics through, never too few, for the article and for any part of it. It keeps no state of the documents.
    """

    def __init__(self, queries: Iterable[tuple[int, CompiledQuery]]) -> None:
        self._always: list[_Filed] = []
        self._by_word: defaultdict[str, list[_Filed]] = defaultdict(list)
        self._by_prefix: defaultdict[int, dict[str, list[_Filed]]] = defaultdict(dict)
        for topic, query in queries:
            parts = query.root.parts if isinstance(query.root, AllOf) else (query.root,)
            needs = sorted(
                (found for part in parts if (found := required_terms(part, guessed_weight)) is not None),
                key=_commonness,
            )
            filed = _Filed(topic, tuple(needs[1:]))
            for term in needs[0] if needs else (":",):
                self._file(term, filed)

    def _file(self, term: str, filed: _Filed) -> None:
        if _needs_more(term):
            self._always.append(filed)
        elif term.endswith("*"):
            self._by_prefix[len(term) - 1].setdefault(term[:-1], []).append(filed)
        else:
            self._by_word[term.partition(" ")[0]].append(filed._replace(others=((term,), *filed.others)))

    def topics(self, document: Document) -> set[int]:
        """The numbers of the topics that ``document``, or a part of it, may have."""
        met = list(self._always)
        for word in self._by_word.keys() & document.words:
            met += self._by_word[word]
        for length, by_prefix in self._by_prefix.items():
            for prefix in by_prefix.keys() & document.prefixes(length):
                met += by_prefix[prefix]
        found: set[int] = set()
        for topic, others in met:
            if topic not in found and all(any(_holds(term, document) for term in each) for each in others):
                found.add(topic)
        return found


def _commonness(terms: RequiredTerms) -> float:
    return sum(map(guessed_weight, terms))


def _needs_more(term: str) -> bool:
    """Whether a term can't be decided by words alone: a stem or a field."""
    return ":" in term or "~" in term


def _holds(term: str, document: Document) -> bool:
    if _needs_more(term):
        return True
    if term.endswith("*"):
        return term[:-1] in document.prefixes(len(term) - 1)
    return all(word in document.words for word in term.split(" "))


class ExampleFailure(NamedTuple):
    """An example that came out wrong. ``kind`` is "must_match" or "must_not_match"; ``number`` counts from 1 within it.

    ``score`` is None if the article did not reach the threshold.
    """

    kind: str
    number: int
    example: Example
    score: float | None

    def __str__(self) -> str:
        found = "was not tagged" if self.score is None else f"was tagged (score {self.score:g})"
        name = self.example.title or self.example.text[:60]
        return f"{self.kind} {self.number} ({self.example.language or 'any'}): {found}: {name}"


def check_topic(topic: Topic) -> list[ExampleFailure]:
    """Run the examples of ``topic``, each with its language and without one. Returns those that were wrong, in file order."""
    tagger = Tagger((topic,))
    failures = []
    for kind, examples in (("must_match", topic.must_match), ("must_not_match", topic.must_not_match)):
        for number, example in enumerate(examples, start=1):
            for language in dict.fromkeys((example.language, None)):
                tagged = tagger.tag(example.title, example.text, language)
                if bool(tagged) != (kind == "must_match"):
                    failures.append(ExampleFailure(kind, number, example, tagged[0].score if tagged else None))
                    break
    return failures
