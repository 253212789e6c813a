"""What the weights for walls are fitted to: the project's own texts."""

from __future__ import annotations

import html
import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[2] / "tests"
_TAG = re.compile(r"<[^>]+>")


class Example(NamedTuple):
    """A text. ``kind``: of wall, or "article". ``language``: ISO 639-1."""

    kind: str
    language: str
    text: str


def walls() -> list[Example]:
    """Walls of all kinds in many languages."""
    kinds = tomllib.loads((TESTS / "quality" / "walls" / "walls.toml").read_text("utf-8"))
    found = [
        Example(kind, language, text)
        for kind, languages in kinds.items()
        for language, texts in languages.items()
        for text in texts
    ]
    return found + [
        Example(case["kind"], case["language"], f"{case['title']}. {_shown(case['body'])}")
        for case in _cases()["wall"]
        if case["kind"] in kinds
    ]


def in_more_languages() -> tuple[list[Example], list[Example]]:
    """Walls and articles in languages that the sentence encoder does not know, or knows little."""
    found = [
        Example(kind, language, text)
        for language, kinds in tomllib.loads((TESTS / "quality" / "walls" / "words.toml").read_text("utf-8")).items()
        for kind, texts in kinds.items()
        for text in texts
    ]
    cases = tomllib.loads((TESTS / "cases" / "languages.toml").read_text("utf-8"))
    for language, listed in cases.items():
        found += [Example("article", language, text) for text in _texts_in(listed)]
    return [one for one in found if one.kind != "article"], [one for one in found if one.kind == "article"]


def _texts_in(held: object) -> list[str]:
    if isinstance(held, str):
        return [held]
    inner = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    return [text for one in inner for text in _texts_in(one)]


def articles() -> list[Example]:
    """Short articles: some that could be taken for walls, and news of all kinds."""
    near = tomllib.loads((TESTS / "quality" / "walls" / "articles.toml").read_text("utf-8"))
    found = [Example("article", language, text) for language, texts in near.items() for text in texts]
    found += [Example("article", case["language"], f"{case['title']}. {case['text']}") for case in _cases()["article"]]
    reports: list[dict[str, str]] = []
    for path in sorted((TESTS / "cases").glob("events_*.toml")):
        of_all = tomllib.loads(path.read_text("utf-8"))
        reports += [{"language": of_all.get("language", "")} | one for one in of_all["articles"]]
    for name in ("fit", "fresh", "held"):
        lines = (TESTS / "quality" / "topics" / f"{name}.jsonl").read_text("utf-8").splitlines()
        reports += map(json.loads, lines)
    for one in reports:
        found.append(Example("article", one["language"], one["text"]))
        if one["title"]:
            found.append(Example("article", one["language"], f"{one['title']}. {one['text']}"))
    return found


def _cases() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = tomllib.loads((TESTS / "cases" / "page_walls.toml").read_text("utf-8"))
    return found


def _shown(body: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", body)).split())
