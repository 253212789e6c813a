"""Normal forms: as the standard library's, but for long runs of combining marks."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.normal import MOST_MARKS, normalized

FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
ORDINARY = [
    "Plain words. " * 40,
    "Обычный текст, и ещё раз. " * 40,
    "می‌شود آتش‌بس " * 40,
    "नई दिल्ली में शांति वार्ता " * 40,
    "מְדַבְּרִים שָׁלוֹם " * 40,
    "Tiếng Việt ở đâu " * 40,
    unicodedata.normalize("NFD", "Tiếng Việt ở đâu ") * 40,
    "ﷺ ½ ﬁ Ａ " * 100,
]


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("form", FORMS)
def test_ordinary_text_is_normalized_as_it_always_was(text: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@given(st.text(max_size=600), st.sampled_from(FORMS))
def test_any_text_with_fewer_marks_in_a_row_too(text: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("marks", ["\u0301", "\u0301\u0327\u0345", "\U0001d165\u0323\u0301", "\u05b0\u05b4\u0591"])
def test_a_long_run_of_marks_is_cut_to_thirty(marks: str) -> None:
    text = normalized("NFD", f"Before a{marks * 2_000} and after" + " words" * 50)
    assert sum(unicodedata.combining(char) > 0 for char in text) == MOST_MARKS
    assert text.startswith("Before a")
    assert " and after words" in text


def test_thirty_marks_are_kept() -> None:
    text = "a" + "\u0301\u0327" * (MOST_MARKS // 2) + " words" * 60
    assert normalized("NFC", text) == unicodedata.normalize("NFC", text)
