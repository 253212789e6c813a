"""Made-up news: stories of some articles each, with names of their own, copies, edits, and now and then no text at all."""

from __future__ import annotations

from random import Random

_PARTS = (
    "ba",
    "cor",
    "del",
    "fen",
    "gal",
    "hir",
    "jo",
    "kel",
    "lum",
    "mar",
    "nes",
    "or",
    "pel",
    "ris",
    "sol",
    "tav",
    "ul",
    "ven",
)
_PLAIN = (
    *("council", "river", "market", "teacher", "bridge", "winter", "report", "minister", "village", "engine", "garden"),
    *(
        "copper",
        "mountain",
        "library",
        "station",
        "captain",
        "orchard",
        "island",
        "justice",
        "kitchen",
        "forest",
        "museum",
    ),
)
_JOINTS = ("met", "near", "after", "with", "before", "against", "for", "over", "beside", "without")
STORY = 3


def told(number: int, version: int = 1) -> tuple[str, str]:
    """Title and text (lines) of an article: a function of the numbers alone.

    Three neighbours tell one story, every 10th is a copy of the one before it, every 25th has no text.
    """
    if number % 10 == 9:
        number -= 1
    story, article = Random(f"story {number // STORY}"), Random(f"article {number} {version}")
    names = [_name(story) for _ in range(6)]
    words = [_name(story).lower() for _ in range(12)] + story.sample(_PLAIN, 6)
    own = [_name(article).lower() for _ in range(8)]
    joint, what, thing = article.choice(_JOINTS), article.choice(words), article.choice(_PLAIN)
    title = f"{names[0]} and {names[1]} {joint} the {what} {thing} of {names[2]}"
    if number % 25 == 24:
        # With a headline of several words it would be a flash, and published.
        return names[0], ""
    lines = [_sentence(article, names, words + own) for _ in range(9)]
    parity, talks = "even" if number % 2 == 0 else "odd", "seven" if number % 7 == 0 else "nothing"
    lines.append(f"The count in {names[0]} was {parity}, and the talks were about {talks}.")
    return title, "\n".join(lines)


def _name(random: Random) -> str:
    return "".join(random.choices(_PARTS, k=3)).capitalize()


def _sentence(random: Random, names: list[str], words: list[str]) -> str:
    told = [random.choice(names), "said that the"]
    for _ in range(5):
        told += [random.choice(words), random.choice(_JOINTS), "the"]
    return " ".join((*told, random.choice(words), "in", random.choice(names))) + "."
