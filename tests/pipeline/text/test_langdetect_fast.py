"""Our trials give langdetect's own probabilities, to the last bit: the library is the oracle."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langdetect import DetectorFactory
from langdetect.detector_factory import PROFILES_DIRECTORY
from langdetect.lang_detect_exception import LangDetectException

from pipeline.text.langdetect_fast import Guess, guess, profiles
from tests.corpora import corpus

CASES = tomllib.loads((Path(__file__).parents[2] / "cases/text_language.toml").read_text("utf-8"))["case"]
LETTERS = "abcdefxyzABCXYZ .,-'éüßøčşğıİŁżÆаёіїєґыэъЖابتپچژگیکةيىήωאבあアㄅ中文한글ṭếệạ ̀́0/@:\n"


@cache
def library() -> Any:
    """langdetect, its profiles in the order of their names."""
    loaded: list[Any] = []
    reader = DetectorFactory()
    reader.add_profile = lambda profile, _index, _count: loaded.append(profile)
    reader.load_profile(PROFILES_DIRECTORY)
    factory = DetectorFactory()
    for index, profile in enumerate(sorted(loaded, key=lambda profile: str(profile.name))):
        factory.add_profile(profile, index, len(loaded))
    return factory


def by_library(text: str) -> Guess | None:
    detector = library().create()
    detector.seed = 0
    detector.append(text)
    try:
        best = detector.get_probabilities()
    except LangDetectException:
        return None
    return Guess(best[0].lang, best[0].prob) if best else None


def test_the_odds_are_those_of_the_profiles() -> None:
    known = profiles()
    assert known.languages == library().langlist
    assert known.rows.keys() == library().word_lang_prob_map.keys()
    assert all(known.odds[row].tolist() == library().word_lang_prob_map[gram] for gram, row in known.rows.items())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_librarys_own_cases_have_its_probabilities(case: dict[str, str]) -> None:
    for text in (case.get("text", ""), case.get("title", ""), case.get("text", "").upper()):
        assert guess(text) == by_library(text)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(LETTERS, max_size=120))
@example("NATO and the EU. USA")
@example("  two  spaces ")
@example("see https://a.example/x?y=1 or mail to a.b@c.example now")
@example("русский text with some latin words в нём и ещё много русских слов")
@example("Tiếng Việt é ễ")
def test_any_text_has_the_librarys_probabilities(text: str) -> None:
    assert guess(text) == by_library(text)


@pytest.mark.corpus
def test_real_articles_whole_and_in_pieces() -> None:
    lines = corpus("pages/manifest.jsonl").read_text("utf-8").splitlines()
    texts = [str(json.loads(line).get("text") or "") for line in lines]
    pieces = [text[start:end] for text in texts for start, end in ((0, 800), (100, 160), (300, 420))]
    assert len(pieces) > 300
    assert [piece for piece in pieces if guess(piece) != by_library(piece)] == []
