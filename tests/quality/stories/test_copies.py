"""The copy gate: real texts, copies and near misses made from them, floors in a file, plain MinHash beside it.

Run ``pytest tests/quality/stories -s`` to see the figures.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import pytest

from benchmarks.stories.peer import similarity
from core.records import Article, OutcomeKind, canonical_url
from pipeline.stories.features import LAYOUT, features, read_features
from pipeline.stories.similarity import are_copies
from pipeline.text.fingerprint import fingerprint
from pipeline.text.language import detect
from tests.corpora import corpus
from tests.quality.stories.scores import pair_score
from tests.quality.stories.stage import Teller, article, originals
from tests.quality.stories.variants import (
    TEMPLATES,
    Base,
    Made,
    copies,
    machine_reports,
    same_subject,
    with_footer,
)

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text(encoding="utf-8"))["copies"]
# Words of the body, words of the footer.
FOOTERS = ((150, 200), (80, 120), (100, 300), (60, 60))


@cache
def bases() -> Sequence[Base]:
    rows = [json.loads(line) for line in corpus("pages/manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Base(
            row["file"],
            row["file"].split("_")[0],
            row["title"],
            row["text"],
            detect(row["title"], row["text"]).code or "",
        )
        for row in rows
    ]


@cache
def collection() -> Sequence[Made]:
    """Three fifths of the texts give families, one fifth footers, one fifth pairs on one subject; in a random order."""
    every = bases()
    made = [one for place, base in enumerate(every) if place % 5 > 1 for one in copies(base)]
    made += [one for base in every[::5] for one in same_subject(base)]
    long_enough = [base for base in every[1::5] if len(base.text.split()) > 200]
    footer = max(every[2::5], key=lambda base: len(base.text.split())).text.split()
    for place, (body_words, footer_words) in enumerate(FOOTERS):
        made += with_footer(long_enough[place :: len(FOOTERS)], " ".join(footer[300 : 300 + footer_words]), body_words)
    for language in TEMPLATES:
        made += machine_reports(language)
    Random(7).shuffle(made)
    return made


def articles(made: Sequence[Made]) -> list[Article]:
    return [
        article(f"https://{place}.example/a", one.title, one.text, at_ms=1_000 * place, source=one.source)
        for place, one in enumerate(made)
    ]


def plain_minhash(texts: Sequence[str], at: float) -> list[int]:
    """The usual way: a copy of the first text whose signature is like enough."""
    found: list[int] = []
    signatures: list[bytes] = []
    for place, text in enumerate(texts):
        own = fingerprint(text)
        hit = next((found[other] for other, seen in enumerate(signatures) if similarity(own, seen) >= at), place)
        signatures.append(own)
        found.append(hit)
    return found


@pytest.mark.corpus
def test_copies_are_found_and_near_misses_are_not() -> None:
    made = collection()
    told = Teller().tell(articles(made))
    gold = [one.family for one in made]
    found = originals(told)
    score = pair_score(gold, found)
    plain = pair_score(gold, plain_minhash([one.text for one in made], 0.5))
    kinds = {one.outcome.article: each for one, each in zip(told, made, strict=True)}
    missed = Counter(each.kind for each, hit in zip(made, found, strict=True) if hit != found[gold.index(each.family)])
    wrong = Counter(
        (each.kind, kinds[hit].kind) for each, hit in zip(made, found, strict=True) if kinds[hit].family != each.family
    )
    print(
        f"\n{len(made)} articles: {score}\nplain MinHash at 0.5: {plain}\napart from their family: {missed}\nwrong: {wrong}"
    )
    assert score.f1 >= FLOORS["f1"]
    assert score.precision >= FLOORS["precision"]
    assert score.f1 > plain.f1


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["syndicated", "cut to 60 %", "teaser", "lightly edited"])
def test_every_copy_of_a_kind_is_one_of_the_original_whichever_comes_first(kind: str) -> None:
    missed = []
    for base in bases():
        made = {one.kind: one for one in copies(base)}
        first, second = (read_features(features(made[each].title, made[each].text)) for each in ("original", kind))
        verdicts = [
            bool(are_copies(one, other.reshape(1).view(LAYOUT))[0]) for one, other in ((first, second), (second, first))
        ]
        assert verdicts[0] == verdicts[1]
        if not verdicts[0]:
            missed.append(base.name)
    print(f"\n{kind}: {len(missed)} of {len(bases())} missed", *missed)
    assert len(missed) <= len(bases()) * 0.02


@pytest.mark.corpus
def test_the_same_url_with_tracking_is_the_same_article() -> None:
    for base in bases()[:20]:
        url = f"https://www.{base.source.replace('/', '-')}.example/news/story-1"
        tracked = url.replace("www.", "m.") + "?utm_source=feed&fbclid=x#top"
        assert canonical_url(url) == canonical_url(tracked)
        told = Teller().tell(
            article(address, base.title, base.text, at_ms=at, source="s") for at, address in enumerate((url, tracked))
        )
        assert [one.outcome.kind for one in told] == [OutcomeKind.PUBLISHED, OutcomeKind.UNCHANGED]


@pytest.mark.parametrize("language", TEMPLATES)
def test_reports_from_one_template_are_not_copies(language: str) -> None:
    told = Teller().tell(articles(machine_reports(language, 12)))
    assert {one.outcome.kind for one in told} == {OutcomeKind.PUBLISHED}


@pytest.mark.corpus
def test_different_articles_are_never_copies() -> None:
    told = Teller().tell(
        article(f"https://{place}.example/a", base.title, base.text, at_ms=place, source=base.source)
        for place, base in enumerate(bases())
    )
    assert {one.outcome.kind for one in told} == {OutcomeKind.PUBLISHED}
