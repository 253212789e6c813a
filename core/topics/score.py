"""Decides which topics an article has by a score for each topic, and runs a topic's examples. Pure.

A score has two parts, and most topics use one of them.

**Rules** (``rules``) refer to lists of terms (``terms``): who, where, what. A rule adds its weights for the title, for
the lead and for passages of the body in which it matches. The weights are whole hundredths, fitted to labelled examples
(``fit``), and are summed.

**Queries** match in passages. A query counts once for each passage that it matches in full, so an AND requires its
words near each other, and a word that is repeated in a paragraph counts once. If several queries match in one passage,
only the one with the largest weight counts, so two forms of the same query add nothing. Then

    score = 3 · title + 2 · lead + min(6, sum over body passages) · min(1, 600 / words of the body)

where *title*, *lead* and each body passage are the weights found there. Without a title the lead counts 5. A query with
field "any" that matches the whole article but no single passage counts as one body passage: weak evidence. Negative
weights are scored separately in the same way, and subtracted.

The article has the topic if the score is at or above the threshold.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.query import CompiledQuery, Document, NotDecided, compile_query
from core.records.article import Match, TopicMatch
from core.topics.definitions import Example, Rule, Topic, WeightedQuery, parsed
from core.topics.layout import Layout, layout_of
from core.topics.prefilter import TopicPrefilter
from core.topics.rules import HUNDREDTHS, Holds, Parts, holds, parts_of, points, spread_of
from core.topics.terms import ANY, Hit, Term, TermTable, cut_terms, terms_of

TITLE_FACTOR, LEAD_FACTOR, BODY_CAP, BODY_WORDS = 3.0, 2.0, 6.0, 600


class Shown(NamedTuple):
    """What a rule, or all queries together (with an empty ``name``), added to a score."""

    name: str
    points: float
    title: int
    lead: int
    body: int


class Scored(NamedTuple):
    """The score of one topic on an article, whether or not it reaches the threshold, and its parts."""

    topic: Topic
    score: float
    matches: tuple[Match, ...]
    parts: tuple[Shown, ...]

    @property
    def tagged(self) -> bool:
        """Whether the article has the topic."""
        return self.score >= self.topic.threshold


class Facts(NamedTuple):
    """The facts that a score is computed from.

    The number of a topic, the points of its queries, where its rules match (by number within the topic), and the number
    of words of the body.
    """

    topic: int
    queries: float
    rules: tuple[tuple[int, Holds], ...]
    words: int


class _Query(NamedTuple):
    topic: int
    weighted: WeightedQuery
    compiled: CompiledQuery


class _Rule(NamedTuple):
    topic: int
    number: int
    rule: Rule
    parts: Parts


class _Found(NamedTuple):
    """What was found for one topic on one article, before weighting."""

    facts: Facts
    matches: Sequence[Match]
    rules: tuple[tuple[_Rule, Holds], ...]
    hits: Mapping[int, list[Hit]]
    layout: Layout
    document: Document


class _Part(NamedTuple):
    """A passage as a separate document for queries."""

    kind: str
    offset: int
    document: Document


class _Strength:
    """The largest weight found in each passage, for one topic and one sign."""

    def __init__(self) -> None:
        self.by_passage: defaultdict[int, float] = defaultdict(float)
        self.elsewhere = 0.0

    def score(self, parts: Sequence[_Part], words: float) -> float:
        factors = {"title": TITLE_FACTOR, "lead": LEAD_FACTOR}
        if parts[0].kind != "title":
            factors["lead"] += TITLE_FACTOR
        total, body = 0.0, self.elsewhere
        for number, weight in self.by_passage.items():
            if (factor := factors.get(parts[number].kind)) is not None:
                total += factor * weight
            else:
                body += weight
        return total + min(BODY_CAP, body) * min(1.0, BODY_WORDS / max(words, 1.0))


class _InLanguage(NamedTuple):
    """What is tried on articles in one language. ``table`` has the lists of all topics, numbered consecutively."""

    prefilter: TopicPrefilter
    queries: list[_Query]
    table: TermTable
    rules: list[_Rule]


class Tagger:
    """Topics compiled for tagging any number of articles. Not thread-safe."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = tuple(topics)
        self._queries = [
            _Query(number, weighted, compile_query(parsed(weighted.query)))
            for number, topic in enumerate(self.topics)
            for weighted in topic.queries
        ]
        self._lists = [(number, name) for number, topic in enumerate(self.topics) for name in topic.lists]
        numbers: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for position, (topic_number, name) in enumerate(self._lists):
            numbers[topic_number][name] = position
        self._rules = [
            _Rule(number, within, rule, parts_of(rule.all, numbers[number], rule.none))
            for number, topic in enumerate(self.topics)
            for within, rule in enumerate(topic.rules)
        ]
        self._needs = [parts_of(topic.needs, numbers[number]) for number, topic in enumerate(self.topics)]
        self._by_language: dict[str | None, _InLanguage] = {}
        self._languages: tuple[list[str], TermTable] | None = None

    def tag(
        self, title: str, text: str, language: str | None, document: Document | None = None
    ) -> tuple[TopicMatch, ...]:
        """The article's topics, highest score first (then by name), with the evidence for each.

        It tries the queries and terms for ``language`` and those for every language. If it is None, it tries all
        queries, and the terms of the language with the most terms in the article. ``document``: the document with this
        title and text, if the caller has one, so that its words are not split again.
        """
        found = [
            TopicMatch(one.topic.name, round(one.score, 3), one.matches)
            for one in self.scores(title, text, language, document)
            if one.tagged and one.matches
        ]
        return tuple(sorted(found, key=lambda result: (-result.score, result.topic)))

    def scores(
        self, title: str, text: str, language: str | None, document: Document | None = None
    ) -> tuple[Scored, ...]:
        """The score of each topic with any evidence for it, in the order of the topics; parameters as in ``tag``."""
        return tuple(self._scored(one) for one in self._found(title, text, language, document))

    def facts(self, title: str, text: str, language: str | None, document: Document | None = None) -> tuple[Facts, ...]:
        """The facts for the scores of all topics for which there may be evidence; parameters as in ``tag``."""
        return tuple(one.facts for one in self._found(title, text, language, document))

    def _found(self, title: str, text: str, language: str | None, document: Document | None) -> Iterable[_Found]:
        if document is None:
            document = Document(title, text, language=language)
        of = self._of(language)
        by_query = of.prefilter.topics(document)
        if language is None and self._rules:
            of = of._replace(table=self._of(self._guess(document)).table)
        met = of.table.met(document)
        listed = of.table.lists(met)
        by_rule = {
            one.topic
            for one in of.rules
            if not one.rule.against and one.parts.possible(listed) and self._needs[one.topic].possible(listed)
        }
        if not by_query and not by_rule:
            return
        layout = layout_of(title, text, document)
        queries = self._by_queries(of, by_query, title, text, document, layout) if by_query else {}
        rules = [one for one in of.rules if one.topic in by_rule and one.parts.possible(listed)]
        wanted = {number for one in rules for part in (*one.parts.all, one.parts.none) for number in part}
        wanted.update(number for topic in by_rule for part in self._needs[topic].all for number in part)
        hits = of.table.hits(document, met, wanted)
        # A term may turn out to be in a phrase that doesn't count, or to be only half of one.
        there = {number for number, each in hits.items() if each}
        by_rule = {topic for topic in by_rule if self._needs[topic].possible(there)}
        places = layout.passage_places()
        spreads = {number: spread_of(each, layout, places) for number, each in hits.items()}
        found: defaultdict[int, list[tuple[_Rule, Holds]]] = defaultdict(list)
        for one in rules:
            if one.topic in by_rule and (where := holds(one.rule, one.parts, spreads, layout)):
                if where.title and one.rule.title < 0 and not layout.titled:
                    # The first sentence is used in place of a title: as evidence against the topic it counts once, in
                    # the lead.
                    where = where._replace(title=0)
                found[one.topic].append((one, where))
        for number in sorted(queries.keys() | found.keys()):
            score, matches = queries.get(number, (0.0, ()))
            yield _Found(
                Facts(number, score, tuple((one.number, where) for one, where in found[number]), layout.words),
                matches,
                tuple(found[number]),
                hits,
                layout,
                document,
            )

    def _scored(self, found: _Found) -> Scored:
        facts = found.facts
        topic = self.topics[facts.topic]
        parts = [Shown("", facts.queries, 0, 0, 0)] if facts.queries else []
        matches, kept, total = set(found.matches), set[Hit](), 0
        for one, where in found.rules:
            added = points(one.rule, where, facts.words)
            if not added:
                continue
            total += added
            parts.append(Shown(one.rule.name, added / HUNDREDTHS, *where))
            if added > 0:
                kept.update(_evidence(one, where, found.hits, found.layout))
        matches.update(_match(found.document, hit) for hit in kept)
        return Scored(topic, facts.queries + total / HUNDREDTHS, tuple(sorted(matches)), tuple(parts))

    def _by_queries(
        self, of: _InLanguage, possible: set[int], title: str, text: str, document: Document, layout: Layout
    ) -> dict[int, tuple[float, Sequence[Match]]]:
        """Score and evidence by topic."""
        parts = [_Part("title", 0, document.part(title, ""))] if title.strip() else []
        parts += (_Part(one.kind, one.start, document.part("", text[one.start : one.end])) for one in layout.passages)
        positive: defaultdict[int, _Strength] = defaultdict(_Strength)
        negative: defaultdict[int, _Strength] = defaultdict(_Strength)
        evidence: defaultdict[int, list[Match]] = defaultdict(list)
        for query in of.queries:
            if query.topic not in possible:
                continue
            weight = query.weighted.weight
            found = _apply(query, parts, document, (positive if weight > 0 else negative)[query.topic])
            if weight > 0:
                evidence[query.topic] += found
        return {
            number: (
                strength.score(parts, layout.words) - negative[number].score(parts, layout.words),
                evidence[number],
            )
            for number, strength in positive.items()
        }

    def _terms(self, topic: Topic, name: str, language: str | None) -> tuple[Iterable[Term], Iterable[Term]]:
        """The terms of a list in a language, and the phrases in which they don't count."""
        one = topic.lists[name]
        written = any(language in each.terms for each in topic.lists.values())
        stemmed = not written or language in topic.inflected
        return terms_of(one.terms, one.countries, language, stemmed), terms_of(one.apart, (), language)

    def _guess(self, document: Document) -> str:
        """The language with the most terms in the article, for an article whose language is unknown.

        The terms of all languages together would find too much: a short word of one language has another meaning in the next.
        """
        if self._languages is None:
            written = sorted(
                {key for topic in self.topics for one in topic.lists.values() for key in one.terms} - {ANY}
            )
            terms = [
                (
                    [
                        term
                        for topic in self.topics
                        for one in topic.lists.values()
                        for term in cut_terms(one.terms.get(language, ""), language)
                    ],
                    (),
                )
                for language in written
            ]
            self._languages = written, TermTable(terms)
        languages, table = self._languages
        counts = Counter(filed.number for filed in table.met(document))
        return max(languages, key=lambda one: counts[languages.index(one)], default=ANY)

    def _of(self, language: str | None) -> _InLanguage:
        """What is tried on articles in a language."""
        if (known := self._by_language.get(language)) is None:
            queries = [one for one in self._queries if language is None or one.weighted.language in (None, language)]
            prefilter = TopicPrefilter((one.topic, one.compiled) for one in queries if one.weighted.weight > 0)
            table = TermTable([self._terms(self.topics[number], name, language) for number, name in self._lists])
            known = self._by_language[language] = _InLanguage(prefilter, queries, table, self._rules)
        return known


def tag(title: str, text: str, language: str | None, topics: Iterable[Topic]) -> tuple[TopicMatch, ...]:
    """``Tagger.tag`` for a single article; for many, keep a ``Tagger``."""
    return Tagger(topics).tag(title, text, language)


def _evidence(one: _Rule, where: Holds, hits: Mapping[int, list[Hit]], layout: Layout) -> Iterable[Hit]:
    """The hits of a rule's lists in the parts of the article in which it matches."""
    body = layout.passages[1].place if len(layout.passages) > 1 else None
    # In a part without a weight, its words are not evidence.
    rule = one.rule
    where = Holds(where.title * (rule.title > 0), where.lead * (rule.lead > 0), where.body * (rule.body > 0))
    in_title = where.title or (one.rule.within == "article" and where.lead) or where.body
    in_lead = where.lead or where.body or (where.title and not layout.titled)
    for number in (number for part in one.parts.all for number in part):
        for hit in hits.get(number, ()):
            if in_title if hit.field else in_lead if body is None or hit.first < body else where.body:
                yield hit


def _match(document: Document, hit: Hit) -> Match:
    field = document.fields[hit.field]
    start, end = field.starts[hit.first], field.ends[hit.last]
    return Match(field.name, start, end, field.text[start:end])


def _apply(query: _Query, parts: Sequence[_Part], document: Document, strength: _Strength) -> list[Match]:
    """Record in ``strength`` where the query matches; returns the matches as stretches of the article's title and text."""
    evidence: list[Match] = []
    weight, field = abs(query.weighted.weight), query.weighted.field
    holds_in_one = False
    for number, part in enumerate(parts):
        if field not in ("any", part.kind):
            continue
        found = _matches(query, part.document)
        if found is None:
            continue
        holds_in_one = True
        strength.by_passage[number] = max(strength.by_passage[number], weight)
        shift = part.offset
        evidence += (Match(one.field, one.start + shift, one.end + shift, one.text) for one in found)
    if not holds_in_one and field == "any" and (found := _matches(query, document)) is not None:
        strength.elsewhere = max(strength.elsewhere, weight)
        evidence += found
    return evidence


def _matches(query: _Query, document: Document) -> tuple[Match, ...] | None:
    try:
        return query.compiled.match(document)
    except NotDecided:
        return None  # as if it did not match: the topic's other queries still count


class ExampleFailure(NamedTuple):
    """An example with a wrong result. ``kind`` is "must_match" or "must_not_match"; ``number`` counts from 1 within it.

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
    """Run the examples of ``topic``, each with its language and without one. Returns the failures in file order."""
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
