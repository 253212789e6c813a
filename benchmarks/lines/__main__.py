"""``python -m benchmarks.lines [--write]``: fit ``pipeline/text/page_words.toml``, and print how well the weights hold.

The examples are ``tests/quality/lines/fit.toml`` and the sentences of the project's own articles. Printed: how many lines are
right if each fifth of the examples is left out in turn, at several odds.
"""

from __future__ import annotations

import argparse
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.walls.examples import TESTS, Example, articles, in_more_languages
from benchmarks.walls.weights import toml_lines
from core.common_words import common_words
from pipeline.text import page_words
from pipeline.text.characters import folded
from pipeline.text.page_words import STEM, UNKNOWN, stems_of

_SMOOTH = 0.3
_MOST = 300
_ONCE = 0.6
"""A stem of a single line weighs this share: it may be chance."""
_ENOUGH_SENTENCES, _COMMON = 250, 3
"""A language with fewer sentences has its frequent words (``core.common_words``) counted as if so many sentences had them."""
_MIN_CHARS = 15
_SENTENCE = re.compile(r"(?<=[.!?؟।۔])\s+|(?<=[。！？])|\n")


def main() -> int:
    """Fit, print, and write if asked to."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.lines", description=__doc__)
    options.add_argument("--write", action="store_true", help="write the weights into the package")
    chosen = options.parse_args()
    calls, sentences = both_sides()
    for line in report(calls, sentences):
        print(line)
    if chosen.write:
        write(fitted(calls, sentences))
    return 0


def both_sides() -> tuple[list[Example], list[Example]]:
    """The calls, and the sentences of articles, each once."""
    lines = tomllib.loads((TESTS / "quality" / "lines" / "fit.toml").read_text("utf-8"))
    calls = [Example("call", language, text) for language, sides in lines.items() for text in sides["call"]]
    sentences = [Example("article", language, text) for language, sides in lines.items() for text in sides["article"]]
    for one in (*articles(), *in_more_languages()[1]):
        sentences += [
            Example("article", one.language, sentence)
            for sentence in _SENTENCE.split(one.text)
            if sentence and len(sentence) > _MIN_CHARS
        ]
    return calls, list({one.text: one for one in sentences}.values())


def fitted(calls: Sequence[Example], sentences: Sequence[Example]) -> dict[str, int]:
    """By stem: how much likelier a call has it than a sentence (logarithm, hundredths)."""
    here: Counter[str] = Counter()
    there: Counter[str] = Counter()
    of: dict[str, set[str]] = {}
    for one in calls:
        stems = set(stems_of(folded(one.text)))
        here.update(stems)
        of.setdefault(one.language, set()).update(stems)
    for one in sentences:
        there.update(set(stems_of(folded(one.text))))
    sizes = Counter(one.language for one in sentences)
    for language, stems in of.items():
        if sizes[language] < _ENOUGH_SENTENCES:
            for stem in stems & {folded(word)[:STEM] for word in common_words(language)}:
                there[stem] += _COMMON
    weights: dict[str, int] = {}
    for stem, count in here.items():
        if stem.isdigit():
            continue
        ratio = ((count + _SMOOTH) / (len(calls) + 1)) / ((there[stem] + _SMOOTH) / (len(sentences) + 1))
        weight = 100 * math.log(ratio)
        if count == 1 and weight > 0:
            weight *= _ONCE
        if round(weight) > UNKNOWN:
            weights[stem] = min(_MOST, round(weight))
    return weights


def mean(weights: Mapping[str, int], text: str) -> int:
    """What ``page_odds`` says by these weights."""
    stems = stems_of(folded(text))
    return sum(weights.get(stem, UNKNOWN) for stem in stems) // max(len(stems), 1)


def report(calls: Sequence[Example], sentences: Sequence[Example]) -> Iterator[str]:
    """How many calls reach several odds, and how many sentences do, if their fifth is left out of the fit."""
    of_calls: list[int] = []
    of_sentences: list[int] = []
    for part in range(5):
        weights = fitted(
            [one for place, one in enumerate(calls) if place % 5 != part],
            [one for place, one in enumerate(sentences) if place % 5 != part],
        )
        of_calls += [mean(weights, one.text) for one in calls[part::5]]
        of_sentences += [mean(weights, one.text) for one in sentences[part::5]]
    for odds in (0, 20, 40, 60, 80, 100):
        yield (
            f"odds of {odds} or more: {sum(one >= odds for one in of_calls)} of {len(of_calls)} calls, "
            f"{sum(one >= odds for one in of_sentences)} of {len(of_sentences)} sentences"
        )


def write(weights: Mapping[str, int]) -> None:
    """Write the weights into the package."""
    lines = ["# Written by `python -m benchmarks.lines --write`; see page_words.py. By weight: the stems."]
    lines += toml_lines(weights)
    Path(page_words.__file__).with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
