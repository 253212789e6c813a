"""The two sides of the copy decision, out of tables: events told from one template, and agency texts as outlets print them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from core.records import Article
from pipeline.stories.features import features, read_features
from tests.quality.stories.stage import article
from tests.quality.stories.variants import first_part, sentences

CASES = Path(__file__).parents[2] / "cases"
HOUR = 3_600_000


class Pair(NamedTuple):
    """Two articles; ``name`` says which. ``together``: two events that may be one story, though not copies.

    ``close``: what tells it from the other kind is little.
    """

    name: str
    first: Article
    second: Article
    together: bool = False
    close: bool = False


@cache
def templates(*, wrong: bool = False) -> Sequence[dict[str, Any]]:
    """The templates that are decided rightly, or those that are known not to be (``wrong``)."""
    loaded: list[dict[str, Any]] = tomllib.loads((CASES / "story_templates.toml").read_text("utf-8"))["templates"]
    return [one for one in loaded if ("wrong" in one) == wrong]


@cache
def texts() -> Sequence[dict[str, Any]]:
    loaded: list[dict[str, Any]] = tomllib.loads((CASES / "story_copies.toml").read_text("utf-8"))["texts"]
    return loaded


def events_of(template: dict[str, Any]) -> list[Article]:
    """One template's events, by one outlet."""
    return [
        article(
            f"https://robot.example/{template['language']}-{template['kind']}-{number}".replace(" ", "-"),
            template["title"].format(**event),
            template["text"].format(**event),
            at_ms=round(number * template["hours"] * HOUR) + 1,
            source="robot.example",
            language=template["language"],
        )
        for number, event in enumerate(template["events"])
    ]


@cache
def template_pairs() -> Sequence[Pair]:
    """Every two events of a template."""
    return list(_template_pairs())


def _template_pairs() -> Iterator[Pair]:
    for template in templates():
        for first, second in combinations(events_of(template), 2):
            name = f"{template['language']} {template['kind']} {first.title} | {second.title}"
            yield Pair(name, first, second, bool(template.get("together")), bool(template.get("close")))


EDITS = ("number", "name", "date", "typo")


def edited_texts(base: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By the edit's name, (title, text): each edit alone, then together."""
    title, text, language = base["title"], base["text"], base["language"]
    made = {
        "as it was": (title, text),
        "another title": (base["retitled"], text),
        "dateline": (title, base["dateline"] + text),
        "no lead sentence": (title, "".join(sentences(text)[1:])),
        "no first paragraph": (title, text.partition("\n\n")[2]),
        "first 60 %": (title, first_part(text, 0.6, "ja" if language == "zh" else language)),
    }
    shorter = text.rpartition("\n\n")[0]
    if read_features(features(title, shorter, language))["shingles"]:  # a flash of two lines resembles others by chance
        made["no last paragraph"] = (base["retitled"], shorter)
    for edit in EDITS:
        made[edit] = (_replaced(title, base[edit]), _replaced(text, base[edit]))
    every = [pair for edit in EDITS for pair in base[edit]]
    made["all edits"] = (base["retitled"], base["dateline"] + _replaced(text, every))
    made["own paragraph"] = (base["retitled"], text + "\n\n" + base["retitled"] + ". " + base["title"] + ".")
    return made


def _replaced(text: str, pairs: Sequence[Sequence[str]]) -> str:
    for before, after in pairs:
        text = text.replace(before, after)
    return text


@cache
def copy_pairs(same_outlet: bool = False) -> Sequence[Pair]:
    """The original with each of its copies, in both orders."""
    return list(_copy_pairs(same_outlet))


def _copy_pairs(same_outlet: bool) -> Iterator[Pair]:
    for number, base in enumerate(texts()):
        made = edited_texts(base)
        for place, (edit, (title, text)) in enumerate(made.items()):
            told = [
                article(
                    f"https://{side}.example/{number}-{place}",
                    *told,
                    at_ms=1 + step * HOUR,
                    source="one.example" if same_outlet else f"{side}.example",
                    language=base["language"],
                )
                for side, told, step in (
                    ("one", made["as it was"], 0),
                    ("other", (title, text), 2),
                    ("one", made["as it was"], 4),
                )
            ]
            name, close = f"{base['language']} {edit}", bool(base.get("close"))
            yield Pair(f"{name}: {base['title']}", told[0], told[1], close=close)
            yield Pair(f"{name}, the other way: {base['title']}", told[1], told[2], close=close)
