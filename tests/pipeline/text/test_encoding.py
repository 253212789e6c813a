"""Bytes of pages that declare no charset, and of those that declare a wrong one. Both decoders must agree."""

from __future__ import annotations

import pytest

from connectors.charset import decode_body
from core.charset import guess_charset
from pipeline.text.encoding import decode_page

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
    assert decode_page(page.encode(charset)) == page


def test_a_feed_without_a_declared_charset_too() -> None:
    feed = f"<rss version='2.0'><channel><title>{RUSSIAN}</title></channel></rss>"
    assert decode_body(feed.encode("cp1251"), "application/rss+xml").text == feed


def test_what_is_declared_counts_before_what_it_looks_like() -> None:
    page = f"<meta charset='koi8-r'><p>{RUSSIAN}</p>".encode("koi8-r")
    assert RUSSIAN in decode_body(page).text
    assert RUSSIAN in decode_page(page)
    assert decode_page(f"<p>{FRENCH}</p>".encode("cp1250", "replace"), "windows-1250").startswith(
        "<p>Le ministre a déclaré"
    )


def test_damaged_utf8_stays_utf8() -> None:
    page = f"<p>{RUSSIAN * 3}</p>".encode()
    broken = page[:50] + b"\xff\xfe" + page[50:]
    assert decode_body(broken).encoding == "utf-8"
    assert RUSSIAN in decode_body(broken).text


@pytest.mark.parametrize("data", [b"", b"caf\xe9", b"\xa9 2031", b"<p>\x96</p>", b"plain"])
def test_a_byte_or_two_say_nothing(data: bytes) -> None:
    assert guess_charset(data) == "cp1252"


def test_the_same_bytes_always_give_the_same_charset() -> None:
    data = f"<p>{UKRAINIAN}</p>".encode("cp1251")
    assert len({guess_charset(data) for _ in range(5)}) == 1
