"""Bytes of pages and feeds to text, whatever charset they declare, or none: one decoder, one table for both."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feeds import parse_feed
from core.charset import binary_kind, codec_of, decode_body, decode_bytes, guess_charset
from pipeline.extraction.clean import extract

TABLE = tomllib.loads((Path(__file__).parents[1] / "cases/charsets.toml").read_text("utf-8"))["charset"]
LABELS = [(label, case["codec"], case["sample"]) for case in TABLE for label in case["labels"]]
BEYOND = {"johab", "iso2022_kr", "hz", "koi8-t", "ptcp154", "cp850", "euc_jis_2004"}
"""Charsets of the table that are not in the standard."""

RUSSIAN = "Министр заявил во вторник, что переговоры будут продолжены, хотя дата следующей встречи не назначена."
UKRAINIAN = "Міністр заявив у вівторок, що переговори триватимуть, хоча дату наступної зустрічі ще не призначено."
ARABIC = "قال الوزير يوم الثلاثاء إن المحادثات ستستمر على الرغم من عدم تحديد موعد للجولة المقبلة."
TURKISH = "Bakan salı günü yaptığı açıklamada görüşmelerin süreceğini, ancak tarihin belirlenmediğini söyledi."
HEBREW = "השר אמר ביום שלישי כי השיחות יימשכו אף שטרם נקבע מועד לפגישה הבאה."
GREEK = "Ο υπουργός δήλωσε την Τρίτη ότι οι συνομιλίες θα συνεχιστούν."
POLISH = "Minister powiedział we wtorek, że rozmowy będą kontynuowane, choć nie wyznaczono daty następnego spotkania."
FRENCH = "Le ministre a déclaré mardi que les négociations se poursuivraient, même si aucune date n’a été fixée."
GERMAN = (
    "Der Minister sagte, dass die Gespräche fortgeführt würden, obwohl für das nächste Treffen kein Termin feststehe."
)
CHINESE = "部长星期二表示，谈判将继续进行，尽管下一次会议的日期尚未确定。"
JAPANESE = "大臣は火曜日、次回会合の日程は決まっていないものの、協議は続くと述べた。"
KOREAN = "장관은 화요일에 다음 회의 날짜가 정해지지 않았지만 협상은 계속될 것이라고 말했다."


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (UKRAINIAN, "cp1251"),
        (ARABIC, "cp1256"),
        (TURKISH, "cp1254"),
        (HEBREW, "cp1255"),
        (GREEK, "cp1253"),
        (POLISH, "cp1250"),
        (FRENCH, "cp1252"),
        (GERMAN, "cp1252"),
        (CHINESE, "gb18030"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "cp949"),
    ],
)
def test_a_page_without_a_declared_charset_is_read_by_what_it_looks_like(text: str, charset: str) -> None:
    markup = "<html><head><title>news</title><script>var caf = 'x';</script></head><body>{}</body></html>"
    page = markup.format("".join(f"<div class='story'><p>{text}</p></div>" for _ in range(3)))
    assert decode_body(page.encode(charset)).text == page
    assert decode_bytes(page.encode(charset)).text == page


def test_a_feed_without_a_declared_charset_too() -> None:
    feed = f"<rss version='2.0'><channel><title>{RUSSIAN}</title></channel></rss>"
    assert decode_body(feed.encode("cp1251"), "application/rss+xml").text == feed


def test_what_is_declared_counts_before_what_it_looks_like() -> None:
    page = f"<meta charset='koi8-r'><p>{RUSSIAN}</p>".encode("koi8-r")
    assert RUSSIAN in decode_body(page).text
    assert RUSSIAN in decode_bytes(page).text
    assert decode_bytes(f"<p>{FRENCH}</p>".encode("cp1250", "replace"), "windows-1250").text.startswith(
        "<p>Le ministre a déclaré"
    )


def test_damaged_utf8_stays_utf8() -> None:
    page = f"<p>{RUSSIAN * 3}</p>".encode()
    broken = page[:50] + b"\xff\xfe" + page[50:]
    assert decode_body(broken).encoding == "utf-8"
    assert RUSSIAN in decode_body(broken).text


@pytest.mark.parametrize("data", [b"", b"caf\xe9", b"\xa9 2031", b"<p>\x96</p>", b"plain"])
def test_one_or_two_bytes_decide_nothing(data: bytes) -> None:
    assert guess_charset(data) == "cp1252"


def test_the_same_bytes_always_give_the_same_charset() -> None:
    data = f"<p>{UKRAINIAN}</p>".encode("cp1251")
    assert len({guess_charset(data) for _ in range(5)}) == 1


def page(label: str, sample: str) -> str:
    story = f"<p>{sample}. 0123456789 and the rest of the story in plain letters, which every charset has.</p>" * 3
    return f"<html><head><meta charset='{label}'><title>x</title></head><body><article>{story}</article></body></html>"


def page_title(body: bytes, label: str | None = None) -> str:
    """What the pipeline reads in a page: its text's first words."""
    found = extract(body, url="https://outlet.example/1", fetched_at=datetime(2026, 3, 2, tzinfo=UTC), charset=label)
    return found.text.partition(". 0123")[0]


def feed(label: str, sample: str) -> str:
    item = "<item><title>y</title><link>https://outlet.example/1</link></item>"
    channel = f"<channel><title>{sample}</title>{item}</channel>"
    return f"<?xml version='1.0' encoding='{label}'?>\n<rss version='2.0'>{channel}</rss>"


def feed_title(body: bytes, label: str | None = None) -> str | None:
    """What the connector reads in a feed: its title."""
    header = f"application/rss+xml; charset={label}" if label else None
    return parse_feed(body, url="https://outlet.example/feed", content_type=header).title


@pytest.mark.parametrize(("label", "codec", "sample"), LABELS, ids=[label for label, _, _ in LABELS])
def test_labels_mean_what_browsers_mean_by_them_in_pages_and_in_feeds(label: str, codec: str, sample: str) -> None:
    assert codec_of(label) == codec
    assert codec_of(f" {label.upper()}\n") == codec
    # Declared in the document.
    assert page_title(page(label, sample).encode(codec)) == sample
    assert feed_title(feed(label, sample).encode(codec)) == sample
    # Declared by HTTP, in a document that declares nothing, or something wrong.
    for own in ("", "utf-8"):
        assert page_title(page(own, sample).encode(codec), label) == sample
        assert feed_title(feed(own or "utf-8", sample).encode(codec), label) == sample


def test_the_table_is_whole() -> None:
    assert len(LABELS) == len({label for label, _, _ in LABELS})
    # The standard has 228 labels, of which "replacement" (6) and x-user-defined are none of a text.
    assert len([1 for label, codec, _ in LABELS if codec not in BEYOND]) == 221


@pytest.mark.parametrize(
    "label",
    [
        "utf-7",
        "unicode_escape",
        "raw-unicode-escape",
        "rot13",
        "punycode",
        "idna",
        "base64",
        "cp037",
        "cp500",
        "undefined",
        *("x-user-defined", "replacement", "mbcs", "", "\0", "klingon", "utf-8\0", "../latin1", "é" * 9),
    ],
)
def test_a_charset_that_is_not_for_texts_is_ignored(label: str) -> None:
    assert codec_of(label) is None


def test_the_header_counts_before_the_document_and_what_fits_before_what_does_not() -> None:
    russian = page("koi8-r", RUSSIAN).encode("cp1251")
    assert page_title(russian, "windows-1251") == RUSSIAN
    # Not all bytes are Japanese, all of them are Windows-1250.
    polish = page("windows-1250", POLISH).encode("cp1250")
    assert page_title(polish, "shift_jis") == POLISH


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(codec: str) -> None:
    for start in ("", "\r\n \t" if codec == "utf-16-le" else ""):
        assert decode_bytes((start + page("", RUSSIAN)).encode(codec)).encoding == codec
    assert decode_bytes("no markup".encode(codec), codec).text == "no markup"


def test_damage_in_a_long_page_that_is_declared_as_something_else() -> None:
    body = page("windows-1251", RUSSIAN * 20).encode()
    assert RUSSIAN in decode_bytes(body[:3_000] + b"\xff" + body[3_000:], "windows-1251").text


def test_what_is_not_text() -> None:
    for start in (b"%PDF-1.7", b"PK\x03\x04", b"\x1f\x8b\x08", b"RIFF....WEBP", b"\x00\x00\x00\x18ftypmp42"):
        assert binary_kind(start)
    assert binary_kind(b"<html>") is None
    assert binary_kind(b"") is None


@pytest.mark.parametrize(
    "text",
    [
        "<p>½ cup sugar</p><p>¼ cup milk</p><p>¾ cup flour</p><p>½ tsp salt</p>",
        "<p>Tolerance ±0.5 mm, ±1 mm, ±2 mm</p>",
        "<p>±1 ±2 ±3 ±5 ±7 ±9</p>",
        "Temperature 5°, ±3, 2², µm, ½ cup, ¾ tsp, § 3",
        "x³ + y² = z¹; 10 µs; £3; ¥500; ¶ 4",
        "12 m³/s, 40 km², ¿Qué pasó? ¡Año nuevo!",
    ],
)
def test_signs_are_no_evidence_against_a_western_label(text: str) -> None:
    for label in ("windows-1252", "iso-8859-1"):
        assert decode_bytes(text.encode("cp1252"), label).text == text


@pytest.mark.parametrize(
    "text",
    ["São Paulo", "È morto", "¡Año nuevo!", "Þing", "© 2024 Müller® ™ • All rights reserved", "The price fell to £20."],
)
def test_a_few_western_words_without_a_label_stay_western(text: str) -> None:
    assert decode_bytes(text.encode("cp1252")).text == text


def test_scripts_that_are_opened_and_never_closed_take_linear_time() -> None:
    found = decode_bytes(b"<script" * 70_000 + "<p>Był wtorek, więc źle, że spadł śnieg.</p>".encode("cp1250"))
    assert found.text.endswith("źle, że spadł śnieg.</p>")
