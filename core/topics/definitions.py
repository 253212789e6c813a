"""Topic definitions: reads TOML files into ``Topic``. The only module of this package that reads files.

The store keeps the text of every definition, so that a replay tags articles as they were tagged at the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from core.decoding import Undecodable, from_toml
from core.errors import QueryError, UsageError
from core.query import LintFinding, Query, parse
from core.query.lint import cost_findings
from core.topics.terms import ANY, cut_terms, is_country

FieldName = Literal["any", "title", "lead", "body"]
_CODE = 2


@lru_cache(maxsize=1_024)
def parsed(query: str) -> Query:
    """The parsed query, cached between its check and its use: parsing the built-in topics takes 0.2 s. Raises QueryError."""
    return parse(query)


class WeightedQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Evidence for the topic or, with a negative ``weight``, against it.

    ``language`` is an ISO 639-1 code; None: the query is tried on articles in every language. ``field`` limits it to
    the title, the lead or the rest of the text.
    """

    query: Annotated[str, msgspec.Meta(min_length=1)]
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")] | None = None
    weight: Annotated[float, msgspec.Meta(ge=-10, le=10)] = 1.0
    field: FieldName = "any"


class TermList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Names or words that rules refer to.

    ``terms``: language (ISO 639-1) or "any" → terms, separated by commas or line breaks; a word may end in ``*``. The
    terms of a language are tried on articles in it. ``apart``: phrases in which the list's terms don't count.
    ``countries`` (ISO 3166, two letters): adds their names in the article's language.
    """

    terms: dict[str, str] = {}
    apart: dict[str, str] = {}
    countries: tuple[str, ...] = ()


Within = Literal["sentence", "passage", "article"]
Weight = Annotated[float, msgspec.Meta(ge=-20, le=20)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Evidence from lists: it matches if one sentence (passage, article) contains a term of each of ``all``.

    Each of ``all`` is the name of a list, or alternatives separated by ``|``. No term of ``none`` may occur there. It
    adds to the score: ``title`` and ``lead`` once, ``body`` for each of up to four passages. Weights are rounded to
    hundredths. A rule with weights under 0 is evidence against the topic. ``start``: the initial weight of fitting, as
    a factor of ``fit.START``: how much the author expects of the rule.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    all: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    none: tuple[str, ...] = ()
    within: Within = "sentence"
    title: Weight = 0.0
    lead: Weight = 0.0
    body: Weight = 0.0
    start: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.0

    @property
    def against(self) -> bool:
        """Whether it is evidence against the topic."""
        return min(self.title, self.lead, self.body) < 0


def lists_in(parts: Iterable[str]) -> list[str]:
    """The names of the lists in parts such as "iran | iran-people"."""
    return [name.strip() for part in parts for name in part.split("|")]


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A short article that must, or must not, get the topic."""

    text: str
    title: str = ""
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")] | None = None


class Topic(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"queries": "query", "rules": "rule", "lists": "list"},
    omit_defaults=True,
):
    """A subject. An article belongs to it if its score (see ``score``) is at or above ``threshold``.

    ``name`` is the key in records and subscriptions; ``title`` is for people. ``needs``: like ``all`` of a rule, but
    for the whole article: without a term of each, rules add nothing. ``inflected``: languages with terms in the topic in
    which names of countries are also found with other endings, as they are in languages without terms.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    title: Annotated[str, msgspec.Meta(min_length=1)]
    threshold: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    description: str = ""
    queries: tuple[WeightedQuery, ...] = ()
    lists: dict[str, TermList] = {}
    needs: tuple[str, ...] = ()
    inflected: tuple[Annotated[str, msgspec.Meta(pattern="^[a-z]{2}$")], ...] = ()
    rules: tuple[Rule, ...] = ()
    must_match: tuple[Example, ...] = ()
    must_not_match: tuple[Example, ...] = ()


def load_topic(data: bytes | str, name: str) -> Topic:
    """The topic in the TOML ``data``. ``name`` (of a file) is for messages.

    Raises UsageError, naming the file and the key, for TOML that does not parse, a key that is unknown, missing or of
    the wrong type, and a query that does not parse.
    """
    try:
        table = from_toml(data)
    except Undecodable as error:
        raise UsageError(f"{name}: {error}") from error
    try:
        topic = msgspec.convert(table, Topic)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: {str(error).replace('`$.', '`')}") from error
    for number, weighted in enumerate(topic.queries, start=1):
        try:
            parsed(weighted.query)
        except QueryError as error:
            where = f"{name}: query {number} ({weighted.language or 'every language'})"
            raise UsageError(f"{where}: {error}", hint=f"the query begins {weighted.query[:60]!r}") from error
    _check_lists(topic, name)
    _check_rules(topic, name)
    if not topic.queries and not topic.rules:
        raise UsageError(f"{name}: it has no [[query]] and no [[rule]], so nothing would ever be tagged")
    if not any(weighted.weight > 0 for weighted in topic.queries) and not any(
        max(rule.title, rule.lead, rule.body) > 0 for rule in topic.rules
    ):
        raise UsageError(f"{name}: no query and no rule has a weight over 0, so nothing would ever be tagged")
    return topic


def _check_lists(topic: Topic, file: str) -> None:
    for name, each in topic.lists.items():
        for written in (each.terms, each.apart):
            for language, terms in written.items():
                where = f"{file}: list.{name}, {language}"
                if language != ANY and not (len(language) == _CODE and language.isascii() and language.islower()):
                    raise UsageError(f'{where}: a language is two lower-case letters, or "{ANY}" for every language')
                try:
                    for _ in cut_terms(terms, language):
                        pass
                except ValueError as error:
                    raise UsageError(f"{where}: {error}") from error
        for code in each.countries:
            if not is_country(code):
                raise UsageError(f"{file}: list.{name}: no country has the code {code!r}", hint="such as SY or UA")
        if not each.terms and not each.countries:
            raise UsageError(f"{file}: list.{name}: it has neither terms nor countries")


def _check_rules(topic: Topic, file: str) -> None:
    known: set[str] = set()
    for name in lists_in(topic.needs):
        if name not in topic.lists:
            raise UsageError(f"{file}: needs: there is no list {name!r}")
    for rule in topic.rules:
        if rule.name in known:
            raise UsageError(f"{file}: rule {rule.name!r}: there are two with that name")
        known.add(rule.name)
        for name in lists_in((*rule.all, *rule.none)):
            if name not in topic.lists:
                raise UsageError(f"{file}: rule {rule.name!r}: there is no list {name!r}")
        if rule.within == "article" and rule.title:
            raise UsageError(
                f"{file}: rule {rule.name!r}: title: a rule within the article has only the weights lead (for "
                "title and lead together) and body (for the whole article)"
            )


@lru_cache(maxsize=1)
def builtin_topics() -> tuple[Topic, ...]:
    """The built-in topics, sorted by name."""
    return tuple(topic for topic, _ in _by_name(_builtin_files()).values())


def load_topic_folder(path: Path) -> tuple[Topic, ...]:
    """The topics in the ``*.toml`` files of a folder, sorted by name. Raises UsageError, also if two files define one topic."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder of topics")
    return tuple(topic for topic, _ in _affordable(path).values())


def builtin_definitions() -> dict[str, str]:
    """Name → TOML text of the built-in topics."""
    return {name: text for name, (_, text) in _by_name(_builtin_files()).items()}


def costs(topic: Topic) -> Iterator[tuple[int, WeightedQuery, LintFinding]]:
    """The linter's findings on the cost of a topic's queries: number (from 1), query, finding. An "error" prevents loading."""
    for number, weighted in enumerate(topic.queries, start=1):
        for finding in cost_findings(parsed(weighted.query)):
            yield number, weighted, finding


def cancelled(topic: Topic) -> Iterator[tuple[str, str]]:
    """Terms that never count, since ``apart`` of their list has them too: name of the list, folded term.

    The usual reason is a phrase with a comma in it, which separates terms. Stored definitions may have some, so this
    does not prevent loading.
    """
    for name, each in topic.lists.items():
        apart = {term for language, terms in each.apart.items() for term in cut_terms(terms, language)}
        terms = dict.fromkeys(term for language, terms in each.terms.items() for term in cut_terms(terms, language))
        for term in terms:
            if term in apart:
                yield name, " ".join(f"{one.key}{'*' * one.prefix}" for one in term.elements)


def check_costs(topic: Topic, file: str) -> None:
    """Raise UsageError for a query that costs too much by the linter's limit for subscriptions."""
    for number, weighted, finding in costs(topic):
        if finding.severity == "error":
            where = f"{file}: query {number} ({weighted.language or 'every language'})"
            raise UsageError(f"{where}: {finding.message}", hint=f"the query begins {weighted.query[:60]!r}")


def folder_definitions(path: Path) -> dict[str, str]:
    """Name → TOML text of the topics in a folder or a file. Raises UsageError like ``load_topic_folder``."""
    return {name: text for name, (_, text) in _affordable(path).items()}


def definitions_with(path: str | Path | None) -> dict[str, str]:
    """The built-in topics, and those of a folder or file (empty, None: none) in place of those of the same name.

    Raises UsageError like ``load_topic_folder``.
    """
    return builtin_definitions() | (folder_definitions(Path(path)) if path else {})


def _builtin_files() -> dict[str, bytes]:
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".toml")]
    return {file.name: file.read_bytes() for file in files}


def _files_at(path: Path) -> dict[str, bytes]:
    try:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        return {str(file): file.read_bytes() for file in files}
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: {reason}", hint="name a topic's .toml file, or a folder with such files") from error


def topics_at(path: Path) -> tuple[Topic, ...]:
    """The topics in a folder or a file, whatever they cost, for inspection. Raises UsageError."""
    return tuple(topic for topic, _ in _by_name(_files_at(path)).values())


def _affordable(path: Path) -> dict[str, tuple[Topic, str]]:
    """Like ``_by_name``, but also raises UsageError for a query that costs too much, as saving a subscription does."""
    files = _files_at(path)
    for file, data in files.items():
        check_costs(load_topic(data, file), file)
    return _by_name(files)


def _by_name(files: dict[str, bytes]) -> dict[str, tuple[Topic, str]]:
    """Topic and text by topic name, sorted; ``files`` is by file name. Raises UsageError."""
    found: dict[str, tuple[Topic, str]] = {}
    defined_in: dict[str, str] = {}
    for file, data in files.items():
        topic = load_topic(data, file)
        if (other := defined_in.setdefault(topic.name, file)) != file:
            raise UsageError(f"{file}: name: the topic {topic.name} is already in {other}")
        found[topic.name] = topic, data.decode("utf-8")
    return dict(sorted(found.items()))
