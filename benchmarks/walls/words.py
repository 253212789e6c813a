"""The words of walls: weights of ``pipeline/extraction/wall_words.toml``, as ``python -m benchmarks.walls`` fits them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.walls.examples import Example, articles, in_more_languages, walls
from benchmarks.walls.weights import toml_lines
from pipeline.extraction import wall_words
from pipeline.extraction.wall_words import UNKNOWN, stems_of
from pipeline.extraction.walls import READS_SO_BY_WORDS

_SMOOTH = 0.3
_MOST = 300

Weights = dict[str, tuple[int, str]]


def both_sides() -> tuple[list[Example], list[Example]]:
    """All walls and all articles, of all languages."""
    further, against = in_more_languages()
    return walls() + further, articles() + against


def fitted(for_it: Sequence[Example], against: Sequence[Example]) -> Weights:
    """By stem: how much likelier a wall has it than an article (logarithm, hundredths), and the kind that has it most."""
    here: Counter[str] = Counter()
    there: Counter[str] = Counter()
    of_kind: dict[str, Counter[str]] = {}
    sizes: Counter[str] = Counter(one.kind for one in for_it)
    for one in for_it:
        stems = set(stems_of(one.text))
        here.update(stems)
        of_kind.setdefault(one.kind, Counter()).update(stems)
    for one in against:
        there.update(set(stems_of(one.text)))
    found: Weights = {}
    for stem in here:
        ratio = ((here[stem] + _SMOOTH) / (len(for_it) + 1)) / ((there[stem] + _SMOOTH) / (len(against) + 1))
        weight = max(UNKNOWN, min(_MOST, round(100 * math.log(ratio))))
        if weight > UNKNOWN:
            found[stem] = (weight, max(of_kind, key=lambda kind: (of_kind[kind][stem] / sizes[kind], kind)))
    return found


def mean(weights: Weights, text: str) -> int:
    """What ``words_of_walls`` says by these weights."""
    stems = stems_of(text)
    return sum(weights.get(stem, (UNKNOWN, ""))[0] for stem in stems) // max(len(stems), 1)


def report() -> Iterator[str]:
    """How many texts are right if each fifth of them is left out, by language, and if each language is."""
    for_it, against = both_sides()
    odds: dict[int, int] = {}
    wrong = 0
    for part in range(5):
        weights = fitted(
            [one for place, one in enumerate(for_it) if place % 5 != part],
            [one for place, one in enumerate(against) if place % 5 != part],
        )
        odds |= {place: mean(weights, one.text) for place, one in enumerate(for_it) if place % 5 == part}
        wrong += sum(mean(weights, one.text) >= READS_SO_BY_WORDS for one in against[part::5])
    for language in sorted({one.language for one in for_it}):
        own = [odds[place] for place, one in enumerate(for_it) if one.language == language]
        without = fitted(
            [one for one in for_it if one.language != language], [one for one in against if one.language != language]
        )
        alone = [mean(without, one.text) for one in for_it if one.language == language]
        yield (
            f"{language}: {sum(one >= READS_SO_BY_WORDS for one in own)} of {len(own)} walls by their words, "
            f"{sum(one >= READS_SO_BY_WORDS for one in alone)} without the language"
        )
    yield f"in folds: {wrong} of {len(against)} articles read as walls by their words"


def write() -> None:
    """Write the weights into the package."""
    lines = ["# Written by `python -m benchmarks.walls --write`; see wall_words.py. By kind and weight: the stems."]
    weights = fitted(*both_sides())
    for kind in sorted({kind for _, kind in weights.values()}):
        lines += ["", f"[{kind}]"]
        lines += toml_lines({stem: weight for stem, (weight, of) in weights.items() if of == kind})
    Path(wall_words.__file__).with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
