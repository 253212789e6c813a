from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given

from core.query import Document, compile_query, parse, words
from core.query.folding import fold
from core.query.words import keys_of, query_words, scan
from tests.core.query import strategies


def cut(text: str) -> list[str]:
    starts, ends, _ = scan(text)[:3]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Al-Tanf base", ["The", "Al", "Tanf", "base"]),
        ("Iran's l'Iran Türkiye’de", ["Iran", "s", "l", "Iran", "Türkiye’de"]),
        ("don't won’t isn't", ["don't", "won’t", "isn't"]),
        ("зв'язок і пам’ять", ["зв'язок", "і", "пам’ять"]),
        ("the U.S. and U.K.-based", ["the", "U.S", "and", "U.K", "based"]),
        ("rose 3.5% to 1,000.", ["rose", "3.5", "to", "1,000"]),
        ("end.Start a,b", ["end", "Start", "a", "b"]),
        ("snake_case @desk #Syria", ["snake", "case", "desk", "Syria"]),
        ("伊朗，沙特Iran", ["伊", "朗", "沙", "特", "Iran"]),
        ("آتش\u200cبس", ["آتش\u200cبس"]),
        ("... – 🙂", []),
    ],
)
def test_a_text_is_cut_into_the_words_of_its_case(text: str, words: list[str]) -> None:
    assert cut(text) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Élysée", "elysee"),
        ("İSTANBUL", "istanbul"),
        ("ısparta", "Isparta"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("סוּרִיָּה", "סוריה"),
        ("سُورِيَّا", "سوريا"),
        ("ســوريا", "سوريا"),
        ("إيران", "ايران"),
        ("ایران", "ايران"),
        ("الحكومة", "الحكومه"),
        ("مصطفى", "مصطفي"),
        ("کردستان", "كردستان"),
        ("٢٠٢٤", "2024"),
        ("۲۰۲۴", "2024"),
        ("آتش\u200cبس", "آتشبس"),
        ("ёлка", "елка"),
        ("и\u0306од", "йод"),
        ("co\u00adoperate", "cooperate"),
        ("Ｉｒａｎ", "iran"),
        ("Ἀθῆναι", "αθηναι"),
        ("ΟΔΟΣ", "οδος"),
    ],
)
def test_equal_under_folding(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("мой", "мои"), ("їх", "іх"), ("が", "か"), ("हिन्दी", "हनद")])
def test_other_letters_stay_other(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_initials_are_found_with_and_without_points() -> None:
    postings = scan("The U.S. told us").postings
    assert postings["us"] == [1, 3]
    assert postings["u.s"] == [1]


def test_unspaced_runs_give_characters_and_pairs() -> None:
    postings = scan("叙利亚，伊").postings
    assert postings == {"叙": [0], "叙利": [0], "利": [1], "利亚": [1], "亚": [2], "伊": [3]}
    assert [(word.key, word.offset, word.width) for word in query_words("叙利亚 x")] == [
        ("叙利", 0, 2),
        ("利亚", 1, 2),
        ("x", 3, 1),
    ]


@given(strategies.wild_texts)
def test_scan_takes_any_text_and_its_places_rise(text: str) -> None:
    starts, ends, postings = scan(text)[:3]
    assert len(starts) == len(ends)
    assert all(start < end <= len(text) for start, end in zip(starts, ends, strict=True))
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert {place for places in postings.values() for place in places} == set(range(len(starts)))
    assert all(key and not set(key) & set(" *?") for key in postings)


@given(strategies.wild_texts | strategies.texts)
def test_the_quick_ways_cut_as_the_plain_one(text: str) -> None:
    for particles in (False, True):
        plain: list[tuple[int, int, tuple[str, ...]]] = []
        for chunk in words._CHUNK.finditer(text):
            plain += words._cut(chunk[0], chunk.start(), particles)
        starts, ends, postings = scan(text, particles)[:3]
        assert list(zip(starts, ends, strict=True)) == [part[:2] for part in plain]
        assert {(key, place) for key, places in postings.items() for place in places} == {
            (key, place) for place, part in enumerate(plain) for key in part[2]
        }
        assert keys_of(text, particles) == set(postings)
        # Among enough ASCII another way is taken.
        assert keys_of("Pad? " * len(text) + text, particles) == set(postings) | ({"pad"} if text else set())


@given(strategies.wild_texts)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(strategies.wild_texts)
def test_a_query_is_cut_as_a_document_is(text: str) -> None:
    plain = text.replace("*", " ").replace("?", " ")
    _, _, postings = scan(plain)[:3]
    for word in query_words(plain):
        assert word.offset in postings[word.key]


def test_a_hostile_word_is_cut_in_linear_time() -> None:
    assert len(scan("a" * 1_000_000).starts) == 1
    assert len(scan("a'" * 200_000).starts) == 200_000
    assert len(scan("叙" * 100_000).starts) == 100_000


_FILES = [Path(__file__).parents[2] / "cases" / f"query_{name}.toml" for name in ("words", "scripts")]
_TABLES = [tomllib.loads(file.read_text("utf-8")) for file in _FILES]
BORDERS = {kind: [case for table in _TABLES for case in table[kind]] for kind in ("finds", "misses")}


@pytest.mark.parametrize(
    ("query", "text", "language", "found"),
    [(*case, name == "finds") for name in ("finds", "misses") for case in BORDERS[name]],
)
def test_words_near_the_borders_of_the_table(query: str, text: str, language: str, found: bool) -> None:
    assert compile_query(parse(query)).holds(Document("", text, language=language)) is found
