"""The encoder gives the same vectors on every machine, and near ones to texts that say the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.encoder import DIMENSIONS, HIGHEST, MOST_TOKENS, SentenceEncoder, Vector, Workspace, encoder
from tests.laws import examples

TEXTS = (
    ("Ferry aground off Lorne", "A ferry with 214 people on board ran aground off Lorne on Monday evening."),
    ("Fähre vor Lorne auf Grund gelaufen", "Eine Fähre mit 214 Menschen ist am Montagabend vor Lorne gestrandet."),
    ("洛恩附近渡轮搁浅", "一艘载有214人的渡轮周一晚间在洛恩附近搁浅。"),
    ("عبّارة تجنح قبالة لورن", "جنحت عبّارة على متنها 214 شخصا قبالة لورن مساء الاثنين."),
    (
        "Central bank leaves rates alone",
        "The central bank left its key rate at 4.5 per cent, as economists had expected.",
    ),
)
DIGEST = "fd3e66f19bd2d3bd067cdaaec78ba34028485d63e06ffbcb3dbd7df6eb1377b2"
_PRINTED = """
import hashlib
from pipeline.text.encoder import encoder
from tests.pipeline.text.test_encoder import TEXTS
made = b"".join(encoder().vector(*text).tobytes() for text in TEXTS)
print(hashlib.sha256(made).hexdigest())
"""


def vectors() -> list[Vector]:
    return [encoder().vector(title, text) for title, text in TEXTS]


def cosine(one: Vector, other: Vector) -> float:
    first, second = one.astype(float), other.astype(float)
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def test_the_vectors_are_those_of_every_other_machine() -> None:
    assert hashlib.sha256(b"".join(each.tobytes() for each in vectors())).hexdigest() == DIGEST


@pytest.mark.parametrize("kernel", ["Prescott", pytest.param("Haswell", marks=pytest.mark.slow)])
def test_another_kernel_gives_the_same_vectors(kernel: str) -> None:
    """The library for matrices chooses its kernel by the processor; each sums in an order of its own."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    told = subprocess.run([sys.executable, "-c", _PRINTED], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == DIGEST


def test_texts_with_the_same_meaning_are_near_in_any_language() -> None:
    ferry, *others, bank = vectors()
    for other in others:
        assert cosine(ferry, other) > 0.5
        assert cosine(bank, other) < 0.35


@given(st.text(max_size=80), st.text(max_size=900))
@settings(deadline=None, max_examples=examples(40))
def test_any_text_has_a_vector_of_small_whole_numbers(title: str, text: str) -> None:
    made = encoder().vector(title, text)
    assert made.shape == (DIMENSIONS,)
    assert np.abs(made).max() <= HIGHEST
    assert (made == encoder().vector(title, text)).all()


@pytest.mark.parametrize(("title", "text"), [("", ""), ("", " \n\t "), ("", "\ud800")])
def test_a_text_without_content_is_not_an_error(title: str, text: str) -> None:
    assert encoder().vector(title, text).shape == (DIMENSIONS,)


@pytest.mark.parametrize("ids", [[3, 17, 17, 4_000], [4_095, 4_096, 99_000], [3], [120_000]])
def test_what_is_ready_is_what_would_be_worked_out(ids: list[int]) -> None:
    """Whatever other tokens are worked out with it."""
    made = encoder()
    assert isinstance(made, SentenceEncoder)
    several, alone = (
        made.of_tokens(np.unique(ids), Workspace()),
        [made.alone(np.asarray([one])) for one in sorted(set(ids))],
    )
    for order, parts in enumerate(several):
        for kind, rows in enumerate(parts):
            assert (rows == np.concatenate([each[order][kind] for each in alone])).all()


def test_only_title_and_lead_count() -> None:
    lead = "word " * 60
    assert (encoder().vector("T", lead + "more") == encoder().vector("T", lead + "other")).all()
    assert len(encoder().tokens("字" * 10_000)) <= MOST_TOKENS  # type: ignore[attr-defined]
