"""Corrections and retractions that a text announces itself: by an agency's slug in the title, or in a note to readers. Pure.

Only set phrases count, in ten languages. A report *about* a correction ("the ministry corrected its figures") has none.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import Literal

import msgspec

_MOST = 6
_SHOWN = 300

_WITHDRAWN_TITLE = re.compile(
    r"^\W*(?:(?:mandatory\s+)?kill(?:ed)?\s*[:\-–—]|retract(?:ed|ion)\s*[:\-–—]|retraction\b|withdrawn\s*[:\-–—]|story\s+withdrawn"
    r"|zurückgezogen\s*[:\-–—]|retiré\s*[:\-–—]|annul(?:é|ation)\s*[:\-–—]|retirad[oa]\s*[:\-–—]|отозвано\s*[:\-–—]|аннулировано\s*[:\-–—]"
    r"|відкликано\s*[:\-–—]|geri\s+çekildi\s*[:\-–—]|إلغاء\s*[:\-–—]|撤稿|撤回)",
    re.IGNORECASE,
)
_WITHDRAWN = re.compile(
    r"""(?:this|the|our)\s+(?:article|story|report|item|dispatch)\s+(?:has\s+been|was|is)\s+(?:retracted|withdrawn|removed\s+because|taken\s+down)
    |(?:has|have)\s+(?:retracted|withdrawn)\s+(?:this|the|its|our)\s+(?:article|story|report)
    |(?:please\s+)?(?:disregard|kill)\s+(?:this|the)\s+(?:article|story|report|item)
    |(?:dieser|der)\s+(?:artikel|bericht|text)\s+(?:wurde|ist)\s+(?:zurückgezogen|zurückgenommen)
    |(?:cet|l['’])\s?article\s+a\s+été\s+(?:retiré|dépublié)|cette\s+dépêche\s+(?:a\s+été|est)\s+(?:retirée|annulée)
    |(?:este|el)\s+artículo\s+ha\s+sido\s+retirado|esta\s+(?:noticia|información)\s+ha\s+sido\s+retirada
    |(?:эта|данная)\s+(?:статья|новость|заметка)\s+(?:была\s+)?(?:отозвана|снята\s+с\s+публикации|аннулирована)
    |(?:ця|цю)\s+(?:статт[яю]|новин[ау])\s+(?:було\s+)?(?:відкликано|знято\s+з\s+публікації)
    |bu\s+haber\s+(?:geri\s+çekil|yayından\s+kaldırıl)\w*
    |تم\s+سحب\s+(?:هذا|هذه)\s+(?:المقال|الخبر|التقرير|القصة)|(?:تم\s+)?إلغاء\s+هذا\s+الخبر
    |این\s+(?:خبر|گزارش|مقاله)\s+(?:پس\s+گرفته|حذف)\s+شد|本(?:文|稿|报道)已(?:被)?撤""",
    re.IGNORECASE | re.VERBOSE,
)
_CORRECTED_TITLE = re.compile(
    r"^\W*(?:correct(?:ed|ion)|corr|refile|clarification|erratum|korrektur|berichtigung|rectificatif|correctif|corrección|rectificación"
    r"|исправлен[оа]?|исправление|уточнение|виправлен[оа]?|виправлення|düzeltme|تصحيح|اصلاحیه|تصحیح|更正)\s*(?:\d+\s*)?[:：\-–—)\]]",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"""^\W*(?:corrections?(?:\s+and\s+clarifications?)?|clarification|erratum|editor['’]?s\s+note|korrektur|berichtigung|rectificatif|correction
    |corrección|fe\s+de\s+erratas|исправление|уточнение|поправка|виправлення|уточнення|düzeltme|تصحيح|تنويه|اصلاحیه|تصحیح|更正|勘误)\s*[:：]
    |(?:an?\s+(?:earlier|previous)|the\s+original)\s+version\s+of\s+this\s+(?:article|story|report|headline)
    |this\s+(?:article|story|report|headline)\s+(?:has\s+been|was)\s+(?:corrected|amended|updated\s+to\s+correct)
    |in\s+einer\s+früheren\s+(?:version|fassung)|frühere\s+fassung\s+dieses\s+(?:artikels|textes)
    |une\s+(?:version\s+précédente|première\s+version)\s+de\s+cet\s+article
    |una\s+versión\s+anterior\s+de\s+(?:este|esta)|en\s+una\s+versión\s+anterior
    |в\s+(?:предыдущей|первоначальной|более\s+ранней)\s+версии|у\s+(?:попередній|первісній)\s+версії
    |(?:haberin|bu\s+haberin)\s+(?:önceki|ilk)\s+(?:sürüm|versiyon|hali)\w*
    |في\s+(?:نسخة|صيغة)\s+سابقة|در\s+نسخه\s+(?:قبلی|پیشین)|(?:本文|此前|早前)(?:的)?(?:早前)?版本""",
    re.IGNORECASE | re.VERBOSE,
)
# Cheap words of all of the above: most texts have none.
_LIKELY = re.compile(
    r"correct|clarif|erratum|editor|version|amended|retract|withdraw|kill|disregard|removed|taken down"
    r"|korrektur|berichtig|fassung|zurück|rectif|retiré|dépubl|annul|correcc|fe de err|versión|retirad"
    r"|исправ|уточн|поправк|верси|отозван|аннулир|снят"
    r"|виправ|верс|відклик|знят|düzelt|sürüm|hali|geri çek|kaldır|تصحيح|تنويه|سابقة|سحب|إلغاء|اصلاح|تصحیح|نسخه"
    r"|پس گرفته|حذف|更正|勘误|版本|撤",
    re.IGNORECASE,
)


class Notice(msgspec.Struct, frozen=True):
    """A correction or retraction. ``key`` tells it from others, ``text`` is the sentence or headline that says so."""

    kind: Literal["correction", "retraction"]
    key: int
    text: str


def notices_of(title: str, text: str) -> tuple[Notice, ...]:
    """The notices of a text, the title's first; at most six."""
    found: dict[int, Notice] = {}
    if _WITHDRAWN_TITLE.match(title):
        _add(found, "retraction", title)
    elif _CORRECTED_TITLE.match(title):
        _add(found, "correction", title)
    if _LIKELY.search(text):
        for line in text.split("\n"):
            if not _LIKELY.search(line):
                continue
            for sentence in _sentences(line):
                if _WITHDRAWN.search(sentence):
                    _add(found, "retraction", sentence)
                elif _CORRECTED.search(sentence):
                    _add(found, "correction", sentence)
            if len(found) >= _MOST:
                break
    return tuple(found.values())[:_MOST]


def _sentences(line: str) -> list[str]:
    if len(line) <= _SHOWN:
        # A note of several sentences is one notice.
        return [line]
    return re.split(r"(?<=[.!?。！？؟])\s+", line[:20_000])


def _add(found: dict[int, Notice], kind: Literal["correction", "retraction"], text: str) -> None:
    plain = " ".join(text.split())
    folded = "".join(char for char in unicodedata.normalize("NFKC", plain).casefold() if char.isalnum())
    key = zlib.crc32(f"{kind}\0{folded}".encode("utf-8", "surrogatepass"))
    found.setdefault(key, Notice(kind, key, plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]} …"))
