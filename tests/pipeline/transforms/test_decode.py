"""Decoding: whatever lies on the stream becomes an article or a problem, never an exception."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import decode, encode
from pipeline.elements import Draft, Envelope, Rejection
from pipeline.transforms.prepare import decode_envelope, extract_raw, prepare
from tests.pipeline.transforms.support import key, position

CASES = tomllib.loads((Path(__file__).parents[2] / "cases/decode.toml").read_text("utf-8"))["case"]


def envelope(value: bytes, **fields: Any) -> Envelope:
    return Envelope(number=3, position=position(7), key=key(7), value=value, **fields)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_record_becomes_an_article_or_a_problem_as_its_case_says(case: dict[str, str]) -> None:
    result = decode_envelope(envelope(case["value"].encode()))
    draft = prepare(envelope(case["value"].encode()), extract_raw).draft
    assert (draft.number, draft.position, draft.key) == (3, position(7), key(7))
    if "stage" in case:
        assert result.raw is None
        assert result.problem is not None
        assert result.problem.stage == case["stage"]
        assert result.problem.reason.startswith(case["reason"])
    else:
        assert result.problem is None
        assert result.raw is not None
        assert result.item == result.raw.url


DEEP = 200_000
ARTICLE = b'{"url":"https://a.example/1","source":"a","fetched_at":"2026-03-01T12:00:00Z",'


@pytest.mark.parametrize(
    "value",
    [
        b"[" * DEEP,
        b'{"x":' * DEEP,
        # In a field that is passed over.
        ARTICLE + b'"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
        ARTICLE + b'"x":' + b'{"y":' * DEEP + b"1" + b"}" * DEEP + b"}",
        ARTICLE + b'"schema":' + b"9" * 100_000 + b"}",
        # Bytes that are no UTF-8: a UnicodeDecodeError, which stopped the pipeline.
        b'{"url":"\xff\xfe","source":"a","fetched_at":"2026-03-01T12:00:00Z"}',
        b'{"url":"\xed\xa0\x80","source":"a","fetched_at":"2026-03-01T12:00:00Z"}',
        b"\x1f\x8b\x08\x00",
        b"\0" * 1_000,
    ],
    ids=range(9),
)
def test_hostile_bytes_are_a_problem(value: bytes) -> None:
    result = decode_envelope(envelope(value))
    assert result.raw is None
    assert result.problem is not None
    assert (result.problem.stage, len(result.problem.reason) < 300) == ("decode", True)


def test_an_item_of_a_file_keeps_its_name_and_a_problem_that_came_along_stays() -> None:
    assert decode_envelope(envelope(b"?", item="news.jsonl:7")).item == "news.jsonl:7"
    known = Rejection("read", "no URL")
    result = decode_envelope(envelope(ARTICLE + b'"text":"x"}', item="page.html", problem=known))
    assert (result.raw, result.problem, result.item) == (None, known, "page.html")


@given(st.binary())
def test_any_bytes_give_a_draft_that_can_travel(value: bytes) -> None:
    result = decode_envelope(envelope(value))
    assert (result.raw is None) != (result.problem is None)
    draft = prepare(envelope(value), extract_raw).draft
    assert (draft.article is None) != (draft.problem is None)
    assert draft.problem == result.problem or result.problem is None
    assert decode(encode(draft), Draft) == draft
