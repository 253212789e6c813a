"""A topic against its own examples (``wirewatch topics test``)."""

from __future__ import annotations

from typing import NamedTuple

from core.topics.model import Example, Topic
from core.topics.score import Tagger


class ExampleFailure(NamedTuple):
    """An example that came out wrong. ``kind`` is "must_match" or "must_not_match"; ``number`` counts from 1 within it.

    ``score`` is None where the article did not reach the threshold.
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
    """Run the examples of ``topic``, each with its language and without one; those that came out wrong, in file order."""
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
