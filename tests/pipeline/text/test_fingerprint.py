"""Fingerprints: stable, bounded, and near what the exact Jaccard similarity is."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stories.peer import BANDS, bands, similarity
from pipeline.text.fingerprint import MIN_SHINGLES, PERMUTATIONS, _shingle_list, fingerprint

WORDS = [f"word{number}" for number in range(2_000)]


def text_of(seed: int, words: int = 400) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def edited(text: str, share: float, seed: int = 1) -> str:
    """Replace a share of the words."""
    dice = random.Random(seed)
    return " ".join(f"new{dice.random()}" if dice.random() < share else word for word in text.split(" "))


def exact(one: str, other: str) -> float:
    first, second = set(_shingle_list(one)), set(_shingle_list(other))
    return len(first & second) / len(first | second)


def test_a_stored_signature_stays_valid() -> None:
    """If this fails, hashing or rensa changed: signatures in stores don't compare with new ones any more."""
    signature = fingerprint(text_of(1))
    assert len(signature) == 4 * PERMUTATIONS
    assert hashlib.sha256(signature).hexdigest() == "406a5e70130d89cac3c1377de80f830336e85208b5dcf727c2d9dc91201f8864"


def test_another_process_gives_the_same() -> None:
    code = f"from pipeline.text.fingerprint import fingerprint; print(fingerprint({text_of(2)!r}).hex())"
    for seed in ("0", "99"):
        printed = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
        )
        assert bytes.fromhex(printed.stdout.strip()) == fingerprint(text_of(2))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.03, 0.06, 0.1, 0.3])
def test_similarity_is_near_the_exact_one(share: float) -> None:
    # The standard error is 0.044 for one pair; of the mean of 30 pairs, 0.008.
    pairs = [(text_of(seed), edited(text_of(seed), share, seed)) for seed in range(30)]
    errors = [similarity(fingerprint(one), fingerprint(other)) - exact(one, other) for one, other in pairs]
    assert abs(sum(errors) / len(errors)) < 0.03
    assert max(map(abs, errors)) < 0.2


def test_unlike_texts_have_unlike_fingerprints() -> None:
    assert similarity(fingerprint(text_of(1)), fingerprint(text_of(2))) < 0.1


def test_bands_find_near_duplicates_and_hardly_anything_else() -> None:
    near = [(text_of(seed), edited(text_of(seed), 0.03, seed)) for seed in range(40)]
    assert all(exact(one, other) > 0.6 for one, other in near)
    found = [set(bands(fingerprint(one))) & set(bands(fingerprint(other))) for one, other in near]
    assert all(found)
    keys = [set(bands(fingerprint(one))) for one, _ in near]
    assert not any(keys[first] & keys[second] for first in range(40) for second in range(first))
    assert len(bands(fingerprint(text_of(1)))) == BANDS


def test_case_accents_of_form_and_punctuation_do_not_count() -> None:
    text = "Le ministre a déclaré lundi que les pourparlers reprendraient à Genève. " + text_of(3, 60)
    other = text.upper().replace(".", " —").replace("É", "E\u0301")
    assert fingerprint(other) == fingerprint(text)


def test_short_texts_have_none() -> None:
    words = WORDS[: MIN_SHINGLES + 4]
    assert fingerprint(" ".join(words)) != b""
    assert fingerprint(" ".join(words[:-1])) == b""
    assert fingerprint("") == b""
    assert fingerprint("again " * 10_000) == b""


def test_no_signature_is_like_nothing() -> None:
    assert similarity(b"", b"") == 0.0
    assert similarity(fingerprint(text_of(1)), b"") == 0.0
    assert similarity(b"abc", b"abc") == 0.0
    assert bands(b"") == ()


def test_scripts_without_spaces() -> None:
    chinese = "特使们周一晚上离开会场并表示会谈将至少再持续一周双方仍有分歧但都说有进展"
    changed = chinese.replace("周一", "周二")
    assert 0.5 < similarity(fingerprint(chinese), fingerprint(changed)) < 1.0
    thai = "ผู้แทนออกจากห้องประชุมเมื่อเย็นวันจันทร์และกล่าวว่าการเจรจาจะดำเนินต่อไปอีกอย่างน้อยหนึ่งสัปดาห์"
    assert fingerprint(thai) != b""


def test_a_huge_text_is_cut() -> None:
    huge = "字" * 5_000_000 + text_of(1)
    assert fingerprint(huge) == b""
    assert fingerprint(text_of(1, 2_000_000)) == fingerprint(text_of(1, 2_000_000)[:200_000])


@given(st.text(max_size=400))
@settings(deadline=None)
def test_any_text_has_one_fingerprint_of_a_known_length(text: str) -> None:
    signature = fingerprint(text)
    assert signature == fingerprint(text)
    assert len(signature) in (0, 4 * PERMUTATIONS)
    assert similarity(signature, signature) == (1.0 if signature else 0.0)


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_any_bytes_compare(one: bytes, other: bytes) -> None:
    assert 0.0 <= similarity(one, other) <= 1.0
    assert similarity(one, other) == similarity(other, one)
    bands(one)
