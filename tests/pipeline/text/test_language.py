"""Language: the table, determinism, and any text at all."""

from __future__ import annotations

import random
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langdetect import DetectorFactory

from pipeline.text.language import LanguageGuess, detect
from tests.laws import examples

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "text_language.toml").read_text(encoding="utf-8"))["case"]


def guess(case: dict[str, Any]) -> LanguageGuess:
    return detect(case.get("title", ""), case["text"], page_hint=case.get("page_hint"), feed_hint=case.get("feed_hint"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_language_is_the_one_that_a_case_says(case: dict[str, Any]) -> None:
    found = guess(case)
    assert (found.code or "", found.decided_by) == (case["code"], case.get("decided_by", "text"))
    assert 0.0 <= found.confidence <= 1.0


def test_a_guess_does_not_depend_on_earlier_ones_or_on_the_librarys_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [guess(case) for case in CASES]
    shuffled = list(enumerate(CASES))
    random.Random(5).shuffle(shuffled)
    for seed in (None, 7):
        monkeypatch.setattr(DetectorFactory, "seed", seed)
        again = {place: guess(case) for place, case in shuffled}
        assert [again[place] for place in range(len(CASES))] == first


def test_another_process_guesses_alike() -> None:
    text = "Talks sono ended hier mit une Erklärung of los ministros, dit le texto oggi in allen Sprachen, and so on."
    code = f"from pipeline.text.language import detect; print(detect('', {text!r}))"
    for seed in ("0", "1"):
        printed = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            cwd=Path(__file__).parents[3],
        )
        assert printed.stdout.strip() == str(detect("", text))


def test_the_title_helps_a_short_text() -> None:
    title = "Die Gesandten verließen den Saal am Montagabend und wollen am Freitag wiederkommen"
    assert detect(title, "Mehr in Kürze.").code == "de"


def test_only_the_head_counts() -> None:
    german = "Die Gesandten verließen den Saal am Montagabend und sagten nichts. " * 20
    assert detect("", german + "The envoys left the hall. " * 1000) == detect("", german)


@given(st.text(), st.text(), st.none() | st.text(), st.none() | st.text())
@settings(max_examples=examples(150), deadline=None)
def test_any_text_has_one_language_or_none_at_every_time(
    title: str, text: str, page_hint: str | None, feed_hint: str | None
) -> None:
    found = detect(title, text, page_hint=page_hint, feed_hint=feed_hint)
    assert (found.code is None) == (found.decided_by == "none")
    assert found.code is None or len(found.code) == 2
    assert detect(title, text, page_hint=page_hint, feed_hint=feed_hint) == found


LANGUAGES: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parents[2] / "cases" / "languages.toml").read_text(encoding="utf-8")
)


def right(length: str, claim: Callable[[str], str | None]) -> tuple[int, int]:
    """How many of the texts end in their language under a claim of the page, and how many there are."""
    guesses = [
        (
            code,
            detect(text, "", page_hint=claim(code)) if length == "short" else detect("", text, page_hint=claim(code)),
        )
        for code, texts in LANGUAGES.items()
        for text in texts[length]
    ]
    return sum(guess.code == code for code, guess in guesses), len(guesses)


@pytest.mark.parametrize(
    ("claim", "headlines"),
    [
        pytest.param(lambda code: None, 0.97, id="no claim"),
        pytest.param(lambda code: code, 0.99, id="a right claim"),
        pytest.param(lambda code: "en", 0.94, id="a template's default"),
        pytest.param(lambda code: "uk" if code == "ru" else "ru", 0.94, id="a neighbour's"),
        pytest.param(lambda code: "az", 0.94, id="a rare language's"),
    ],
)
def test_languages_and_their_neighbours(claim: Callable[[str], str | None], headlines: float) -> None:
    """Every beginning of an article, whatever the page claims, and nearly every headline."""
    found, of = right("long", claim)
    assert found == of
    found, of = right("short", claim)
    assert found / of >= headlines


@pytest.mark.parametrize(
    ("code", "name"), [("ckb", "ku"), ("kmr", "ku"), ("srp", "sr"), ("nno", "no"), ("ces", "cs"), ("zsm", "ms")]
)
def test_claims_by_three_letters(code: str, name: str) -> None:
    assert detect("", "", page_hint=code).code == name


def test_a_headline_of_ideographs_alone_is_what_its_outlet_writes() -> None:
    assert detect("政府選挙延期", "", page_hint="ja").code == "ja"
    assert detect("政府選举延期", "").code == "zh"
