"""Labels that lie, text that was read wrongly before it was written, references to controls: the table of cases."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.charset import decode_body
from pipeline.extraction.clean import extract

TABLE = tomllib.loads((Path(__file__).parents[1] / "cases/charset_lies.toml").read_text("utf-8"))
SENTENCES: dict[str, str] = TABLE["sentences"]
LIES = [(SENTENCES[one["sentence"]], one["charset"], *labels) for one in TABLE["written"] for labels in one["labels"]]
READ_AS = [(charset, code) for charset, codes in TABLE["read_as"].items() for code in codes]


def page(sentence: str, meta: str = "") -> str:
    declared = f'<meta charset="{meta}">' if meta else ""
    return (
        f"<!doctype html><html><head>{declared}<title>{sentence[:30]}</title></head><body><nav><a href=/>Start</a></nav>"
        f"<article><h1>{sentence[:30]}</h1><p>{sentence}</p><p>{sentence}</p></article></body></html>"
    )


@pytest.mark.parametrize(("sentence", "charset", "http", "meta"), LIES)
def test_what_the_bytes_show_counts_more_than_a_label(sentence: str, charset: str, http: str, meta: str) -> None:
    markup = page(sentence, meta).encode(charset, "ignore")
    header = f"text/html; charset={http}" if http else "text/html"
    assert decode_body(markup, header).text == markup.decode(charset)


def read_in(charset: str, sentence: str) -> str:
    """As a program reads UTF-8 that takes it for a one-byte charset; bytes without a character stay controls."""
    return "".join(bytes([byte]).decode(charset, "ignore") or chr(byte) for byte in sentence.encode())


@pytest.mark.parametrize(("charset", "code"), READ_AS)
def test_text_that_was_read_wrongly_before_is_put_right(charset: str, code: str) -> None:
    sentence = SENTENCES[code]
    assert sentence in decode_body(page(read_in(charset, sentence), "utf-8").encode()).text


@pytest.mark.parametrize("code", SENTENCES)
def test_right_text_stays(code: str) -> None:
    markup = page(SENTENCES[code], "utf-8")
    assert decode_body(markup.encode()).text == markup


def test_one_wrong_word_does_not_change_a_page() -> None:
    markup = page(SENTENCES["fr"], "utf-8").replace(
        "</article>", "<p>On lisait «\u00a0LÃ©thÃ©\u00a0» sur l’écran.</p></article>"
    )
    assert decode_body(markup.encode()).text == markup


def test_references_to_controls_are_the_signs_that_browsers_show() -> None:
    headline = "Envoy&#146;s words are heard in Lethe"
    text = "The envoy&#146;s words &#150; &#147;we stay&#148; &#x97; were heard all over Lethe on Tuesday&#133; and on"
    found = extract(
        f"<html><head><title>{headline}</title></head><body><article><h1>{headline}</h1><p>{text}</p>"
        "<p>A second paragraph of this page says what the others said about it, and so on.</p></article></body></html>",
        url="https://outlet.example/1",
        fetched_at=datetime(2026, 11, 29, tzinfo=UTC),
    )
    assert "The envoy’s words – “we stay” — were heard all over Lethe on Tuesday… and on" in found.text
    assert found.title == "Envoy’s words are heard in Lethe"
