"""The facts of a text that may make it news in a story: figures, quotes, corrections and retractions. Pure.

Figures (see ``figures``) are those of the title and the lead, where an article states its news. Of the lead's, only those near
a word of harm are news in themselves, unless there is no title: others are background, and so are durations and ages. Quotes
are those of the first 20,000 characters; a quote is identified by its runs of four words, so that a shorter or slightly
different wording of a known one is not new. Corrections and retractions are recognised by set phrases in ten languages: an
agency's slug in the title, or a note to readers. A report *about* a correction ("the ministry corrected its figures") has none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from core.normal import normalized
from pipeline.stories.durations import without_durations
from pipeline.stories.figures import figures_in, of_harm
from pipeline.text.difference import WordChange, settled, words_of
from pipeline.text.fingerprint import is_unspaced

LEAD_WORDS = 90
LEAD_CHARS_UNSPACED = 250
QUOTED_CHARS = 20_000
MIN_QUOTE_WORDS, MIN_QUOTE_CHARS_UNSPACED = 5, 12
MOST_QUOTES = 40
MOST_FIGURES = 40
SHOWN_CHARS = 240
_AROUND_CHANGE = 60

_QUOTED = re.compile(
    r"“([^“”]{8,1200})”|«([^«»]{8,1200})»|„([^„“”]{8,1200})[“”]|「([^「」]{6,600})」|『([^『』]{6,600})』"
    r"|(?<!\w)\"([^\"\n]{8,1200})\"(?!\w)"
)
_WORD = re.compile(r"\w+")
MOST_NOTICES = 6
_NOTICE_CHARS = 300
_NOTICED_CHARS = 200_000

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
# A cheap test for all of the above: most texts contain none of these.
_LIKELY = re.compile(
    r"correct|clarif|erratum|editor|version|amended|retract|withdraw|kill|disregard|removed|taken down"
    r"|korrektur|berichtig|fassung|zurück|rectif|retiré|dépubl|annul|correcc|fe de err|versión|retirad"
    r"|исправ|уточн|поправк|верси|отозван|аннулир|снят"
    r"|виправ|верс|відклик|знят|düzelt|sürüm|hali|geri çek|kaldır|تصحيح|تنويه|سابقة|سحب|إلغاء|اصلاح|تصحیح|نسخه"
    r"|پس گرفته|حذف|更正|勘误|版本|撤",
    re.IGNORECASE,
)


class Figure(msgspec.Struct, frozen=True):
    """A number in a text. ``key`` identifies it, ``text`` is the number with the words around it.

    ``near``: the key of its value in two digits. ``news``: it is news in any text; otherwise it is background, which is news
    only in a text worded like an earlier one.
    """

    key: int
    text: str
    news: bool = True
    near: int = 0


class Quote(msgspec.Struct, frozen=True):
    """A quote. ``keys`` identify its runs of words."""

    keys: tuple[int, ...]
    text: str


class CorrectionNotice(msgspec.Struct, frozen=True):
    """A correction or retraction. ``key`` identifies it, ``text`` is the sentence or headline that announces it."""

    kind: Literal["correction", "retraction"]
    key: int
    text: str


class Facts(msgspec.Struct, frozen=True):
    """The facts of one text, in reading order."""

    figures: tuple[Figure, ...] = ()
    quotes: tuple[Quote, ...] = ()
    notices: tuple[CorrectionNotice, ...] = ()


def facts_of(title: str, text: str, *, language: str | None = None, changes: Sequence[WordChange] = ()) -> Facts:
    """The facts of an article in ``language``. ``changes`` of an edit: their figures count anywhere in the text."""
    body = settled(text)
    figures: dict[int, Figure] = {}
    lead = _lead(body)
    named, told = list(figures_in(title, language)), list(figures_in(lead, language))
    # A headline has the number that is news, if any. In a lead, most are background, except numbers of victims.
    # How long something took or how old someone is, is background everywhere.
    urgent = without_durations(of_harm(lead, language, told) if title else told, lead, language)
    newest = without_durations(named, title, language)
    for part, found, news in ((title, newest, True), (lead, urgent, True), (title, named, False), (lead, told, False)):
        for one in found:
            figures.setdefault(
                one.key, Figure(one.key, _around(part, one.start, one.end), news, one.near if one.rounds else 0)
            )
    for start, end in _changed(body, changes):
        # A partly changed figure is complete in the text, not in the words of the change.
        low, high = max(0, start - _AROUND_CHANGE), min(len(body), end + _AROUND_CHANGE)
        for one in figures_in(body[low:high], language):
            if one.end + low > start and one.start + low < end and not (one.key in figures and figures[one.key].news):
                figures[one.key] = Figure(
                    one.key, _around(body, one.start + low, one.end + low), near=one.near if one.rounds else 0
                )
    return Facts(
        tuple(figures.values())[:MOST_FIGURES],
        tuple(_quotes(text[:QUOTED_CHARS]))[:MOST_QUOTES],
        notices_of(title, text),
    )


def _changed(body: str, changes: Sequence[WordChange]) -> Iterator[tuple[int, int]]:
    """The places of changed words in the new text, in code points."""
    wanted = [(one.at, len(one.after.split(" "))) for one in changes if one.field == "text" and one.after]
    if not wanted:
        return
    places: list[tuple[int, int]] = []
    at = 0
    for word in words_of(body):
        at = body.find(word, at)
        if at < 0:
            return  # a letter was composed, so only the lead is used
        places.append((at, at + len(word)))
        at += len(word)
    for first, count in wanted:
        if first + count <= len(places):
            yield places[first][0], places[first + count - 1][1]


def _lead(text: str) -> str:
    if is_unspaced(text[:500]):
        return text[:LEAD_CHARS_UNSPACED]
    words = text[: LEAD_WORDS * 30].split()[:LEAD_WORDS]
    return " ".join(words)


def _quotes(text: str) -> Iterator[Quote]:
    for found in _QUOTED.finditer(text):
        inner = next(group for group in found.groups() if group is not None)
        words = _WORD.findall(normalized("NFKC", inner).casefold())
        if is_unspaced(inner):
            letters = "".join(words)
            if len(letters) >= MIN_QUOTE_CHARS_UNSPACED:
                yield Quote(tuple(_key('"', letters[at : at + 6]) for at in range(0, len(letters) - 5, 3)), _cut(inner))
        elif len(words) >= MIN_QUOTE_WORDS:
            runs = (words[at : at + 4] for at in range(len(words) - 3))
            yield Quote(tuple(_key('"', *run) for run in runs), _cut(inner))


def _key(*parts: str) -> int:
    return zlib.crc32("\0".join(parts).encode("utf-8", "surrogatepass"))


def _around(text: str, start: int, end: int) -> str:
    """The figure with a few words on either side."""
    low = max(0, start - 30)
    low = 0 if low == 0 else text.find(" ", low, start) + 1 or low
    high = min(len(text), end + 40)
    high = high if high == len(text) else max(text.rfind(" ", end, high), end)
    return " ".join(text[low:high].split())


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    if len(plain) <= SHOWN_CHARS:
        return plain
    return plain[: plain.rfind(" ", 0, SHOWN_CHARS) if " " in plain[:SHOWN_CHARS] else SHOWN_CHARS] + " …"


def notices_of(title: str, text: str) -> tuple[CorrectionNotice, ...]:
    """The notices of a text, the title's first; at most six."""
    found: dict[int, CorrectionNotice] = {}
    if _WITHDRAWN_TITLE.match(title):
        _add_notice(found, "retraction", title)
    elif _CORRECTED_TITLE.match(title):
        _add_notice(found, "correction", title)
    if len(text) > _NOTICED_CHARS:
        # A note is above or below the text; searching takes a second per megabyte.
        text = f"{text[: _NOTICED_CHARS // 2]}\n{text[-_NOTICED_CHARS // 2 :]}"
    if _LIKELY.search(text):
        for line in text.split("\n"):
            if not _LIKELY.search(line):
                continue
            for sentence in _sentences(line):
                if _WITHDRAWN.search(sentence):
                    _add_notice(found, "retraction", sentence)
                elif _CORRECTED.search(sentence):
                    _add_notice(found, "correction", sentence)
            if len(found) >= MOST_NOTICES:
                break
    return tuple(found.values())[:MOST_NOTICES]


def _sentences(line: str) -> list[str]:
    if len(line) <= _NOTICE_CHARS:
        # A note of several sentences is one notice.
        return [line]
    return re.split(r"(?<=[.!?。！？؟])\s+", line[:20_000])


def _add_notice(found: dict[int, CorrectionNotice], kind: Literal["correction", "retraction"], text: str) -> None:
    plain = " ".join(text.split())
    folded = "".join(char for char in normalized("NFKC", plain).casefold() if char.isalnum())
    key = zlib.crc32(f"{kind}\0{folded}".encode("utf-8", "surrogatepass"))
    found.setdefault(
        key, CorrectionNotice(kind, key, plain if len(plain) <= _NOTICE_CHARS else f"{plain[:_NOTICE_CHARS]} …")
    )
