"""Figures of a text: its numbers, in digits or words, but for those that say when, where or which. Pure.

A figure is its value (with currency and "%"), whatever stands around it and however it is written: "12", "twelve", "1,204",
"1.2 million". None are years, dates, times of day, "5 minutes ago", ages, scores, telephone numbers, counts of comments
and readers, numbers of laws, flights and addresses, and numbers glued to letters.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pipeline.stories.number_words import numbers_in
from pipeline.text.fingerprint import is_unspaced

# Not the verb, as in "12 may have died".
_MAY = r"may(?!\s(?:have|be|not|still|also|yet|well|never|soon)\b)"
_MONTHS = (
    r"(?:jan(?:uary|vier|uar)?|feb(?:ruary|ruar)?|f[ée]v(?:rier)?|march|mar|mars|m[äa]rz|apr(?:il)?|avril"
    rf"|{_MAY}|mai|june?|juni|juin|july?|juli|juillet"
    r"|aug(?:ust)?|ao[uû]t|sept?(?:ember|embre)?|o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|de[cz](?:ember)?|d[ée]c(?:embre)?"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|январ[яь]|феврал[яь]|марта?|апрел[яь]|ма[йя]|июн[яь]|июл[яь]|августа?|сентябр[яь]|октябр[яь]|ноябр[яь]|декабр[яь]"
    r"|січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня"
    r"|ocak|şubat|mart|nisan|mayıs|haziran|temmuz|ağustos|eylül|ekim|kasım|aralık"
    r"|يناير|فبراير|مارس|أبريل|إبريل|ابريل|مايو|يونيو|يوليو|أغسطس|اغسطس|سبتمبر|أكتوبر|اكتوبر|نوفمبر|ديسمبر"
    r"|كانون|شباط|آذار|اذار|نيسان|أيار|ايار|حزيران|تموز|آب|أيلول|ايلول|تشرين"
    r"|ژانویه|فوریه|آوریل|مه|ژوئن|ژوئیه|اوت|سپتامبر|اکتبر|نوامبر|دسامبر"
    r"|فروردین|اردیبهشت|خرداد|تیر|مرداد|شهریور|مهر|آبان|آذر|دی|بهمن|اسفند)(?!\w)"
)
_DAYS = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
_LONG_AGO = (
    r"(?:sekunden?|minuten?|stunden?|tagen?|wochen?|monaten?|jahren?|secondes?|minutes?|heures?|jours?|semaines?|mois|ans"
    r"|segundos?|minutos?|horas?|días?|semanas?|mes(?:es)?|años?|ثانية|دقيقة|دقائق|ساعة|ساعات|يوما?|أيام|أسابيع|شهرا?"
    r"|أشهر|سنوات|سنة|عاما?)"
)
_TO = r"(?:\s?[-–—/]\s?|\s(?:and|to|und|bis|et|au|y|al|и|по|до|и|та|і|ve|و|تا|إلى)\s)"
# No run of digits, dots or letters is gone through from each of its places: texts are hostile, and here no time limit holds.
_COUNT = r"(?<!\d)\d{1,12}"
_NONE = re.compile(
    rf"""https?://\S+ | www\.\S+ | (?<!\S)[^\s@]{{1,64}}@[^\s@]{{1,255}}\.\w+
    # telephones
    | (?:\+|(?<!\d)00)\d[\d\s().\-/]{{6,18}}\d | \(0?\d{{2,5}}\)\s?\d[\d\s.\-/]{{4,14}}\d
    | (?<![\d.,])0\d{{1,5}}[\s\-/]\d[\d\s\-/]{{3,14}}\d
    | (?<![\d.,])\d{{3}}[-.\s]\d{{3}}[-.\s]\d{{4}}(?!\d)
    | (?<!\w)(?:tel|phone|call|fax|fon|telefon|tél|teléfono|тел|телефон\w*|факс|هاتف|تلفن|电话
    |電話)\.?\s?[:：]?\s?\d[\d\s\-/().]{{3,18}}\d
    # dates
    | (?<!\d)\d{{1,4}}([./\-])\d{{1,2}}\1\d{{1,4}}(?!\d) | (?<![\d.,])\d{{1,2}}\.\d{{1,2}}\.(?!\d)
    | (?<!\w)(?:\d{{1,2}}\.?(?:st|nd|rd|th|er|º)?{_TO})?\d{{1,2}}(?:st|nd|rd|th|er|º|-?го|-?е)?\.?\s*(?:de\s|of\s
    |من\s)?{_MONTHS}
    | (?<!\w){_MONTHS}\.?\s\d{{1,2}}(?:{_TO}\d{{1,2}})?(?:st|nd|rd|th)?(?![\w%]|[.,]?\d|\s?%)
    | (?<!\w)(?:{_DAYS}),?\s\d{{1,2}}(?!\w|[.,]\d) | {_COUNT}\s?[年月日号號](?:{_COUNT}\s?[月日号號])*
    # times of day
    | (?<![\d.,])\d{{1,2}}\s?(?:[:：hHч]\s?\d{{2}}|[.:]\d{{2}}(?=\s?(?:[ap]\.?m|uhr|h\b|gmt|utc|msk
    |мск)))(?::\d\d)?(?:\s?(?:[ap]\.?m\b|uhr\b|h\b|gmt\b|utc\b))?
    | (?<![\d.,])\d{{1,2}}\s?(?:[ap]\.m\.|[ap]m\b|uhr\b|h\b|gmt\b|utc\b|o['’]clock|часов\s(?:утра|вечера|дня)
    |годин[іи]\s(?:ранку|вечора))
    | (?<!\w)(?:saat|الساعة|ساعت)\s\d{{1,2}}(?:[.:]\d\d)?
    | (?<!\w)(?:at|um|à|at|в|о|об|alle|las)\s[012]?\d[.]\d\d(?![\d%]|\s?%)
    | {_COUNT}\s?[时時点點](?:{_COUNT}\s?分)?
    # how long ago, ages, scores
    | {_COUNT}\s?(?:seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)\s(?:ago|earlier)
    | (?<!\w)(?:vor|il\sy\sa|hace|منذ|قبل)\s\d+\s{_LONG_AGO}(?!\w) | {_COUNT}\s\w{{1,40}}\s(?:назад|тому|önce|پیش)(?!\w)
    | {_COUNT}\s?(?:秒|分钟|分鐘|小时|小時|天|周|个月|年)前
    | \d{{1,3}}[-–\s]year[-–\s]olds? | (?<!\w)aged?\s\d{{1,3}}(?!\w) | \d{{1,3}}-?(?:jährig|летн|річн)\w*
    | \d{{1,3}}\s?(?:岁|歲|ساله)
    | \d{{1,3}}\syaşında\w* | \d{{1,3}}\s(?:años\sde\sedad|ans,) | (?<=[^\W\d],\s)\d{{1,2}}(?=,\s)
    | (?<![\d.,])\d{{1,3}}(?:\s?[-–—]\s?|\s?:\s?|\s?比\s?)\d{{1,3}}(?![\d.,]?\d)
    # counters, identifiers
    | (?<![\d.,])[\d.,]{{1,20}}\s?[kK]?\s?(?:comments?|shares?|views?|likes?|reactions?|readers|kommentare?|aufrufe
    |commentaires?|vues|partages|comentarios|lecturas
      |комментари\w*|просмотр\w*|коментар\w*|перегляд\w*|yorum|görüntülenme|تعليق\w*|مشاهد\w*|بازدید|评论|阅读)
    | {_COUNT}[\s-]?min(?:ute)?s?\.?[\s-](?:read|lesezeit|de\slecture|de\slectura)
    | (?<!\w)(?:resolution|article|artikel|section|paragraph|§|route|highway|boeing|airbus|flight|chapter|no\.|nr\.|№
    |\#|резолюци\w+|стать\w+|قرار|المادة|第)\s?\d+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SCALES = {
    "%": "%|percent\\b|per\\s?cent\\b|prozent\\b|pour\\scent\\b|por\\sciento\\b|процент\\w*|відсот\\w*",
    "3": "thousand\\b|тыс\\b|тысяч\\w*|тис\\b|тисяч\\w*|tausend\\b|mille\\b|mil\\b(?!\\smillones)|bin\\b|ألف|آلاف|هزار",
    "6": "million\\w*|mn\\b|млн\\b|mio\\b|millones\\b|milyon\\b|миллион\\w*|мільйон\\w*|مليون|ملايين|میلیون",
    "9": "billion\\w*|bn\\b|млрд\\b|mrd\\b|milliard\\w*|mil\\smillones\\b|milyar\\b|миллиард\\w*|мільярд\\w*|مليار|میلیارد",
    "4": "万|萬",
    "8": "亿|億",
}
_SCALE = "|".join(f"(?P<s{number}>{words})" for number, words in enumerate(_SCALES.values()))
_FIGURE = re.compile(
    rf"(?<![\w.,:/\-–])(?P<money>[$€£¥₽₺₴])?\s?(?P<number>\d+(?:[.,\u00a0\u202f ]\d{{3}}(?!\d))*(?:[.,]\d+)?)\s?(?:{_SCALE})?"
    r"(?![\w]|[.,:/\-–]\d)",
    re.IGNORECASE,
)
_FIGURE_UNSPACED = re.compile(
    rf"(?<![\d.,:])(?P<money>[$€£¥])?(?P<number>\d+(?:[.,]\d+)*)(?:{_SCALE})?(?![\d:：])", re.IGNORECASE
)
_HIDDEN = "\ufffc"  # in no word, and no figure is refused beside it
_YEAR = re.compile(r"(?:19|20)\d\d")


class Figure(NamedTuple):
    """A figure's place (code points, in and out) and what it is the same as, wherever it stands."""

    start: int
    end: int
    key: int


def figures_in(text: str, language: str | None = None) -> Iterator[Figure]:
    """The figures of ``text``, those in digits first. In words only where ``language`` (ISO 639-1) is one of ten."""
    plain = _NONE.sub(lambda found: _HIDDEN * len(found[0]), text)
    pattern = _FIGURE_UNSPACED if is_unspaced(text) else _FIGURE
    for found in pattern.finditer(plain):
        number, money = found["number"], found["money"] or ""
        scale = next((power for at, power in enumerate(_SCALES) if found[f"s{at}"]), "")
        value = _value(number)
        bare = not scale and not money
        if bare and len(number) == 4 and _YEAR.fullmatch(str(value)):
            continue
        if scale not in ("", "%"):
            value *= 10 ** int(scale)
        yield Figure(found.start(), found.end(), _key(money, value, "%" if scale == "%" else ""))
    # "30 thousand" is one figure.
    for one in numbers_in(pattern.sub(lambda found: _HIDDEN * len(found[0]), plain), language):
        yield Figure(one.start, one.end, _key("", Decimal(one.value), ""))


def _value(number: str) -> Decimal:
    # 1,204 and 1.204 and 1 204 are one number; 3.5 and 3,5 are another.
    groups = re.split(r"[.,\u00a0\u202f ]", number)
    digits = ["".join(str(unicodedata.digit(char, "")) for char in group) or "0" for group in groups]
    if len(groups) > 1 and len(groups[-1]) != 3:
        return Decimal("".join(digits[:-1]) + "." + digits[-1])
    return Decimal("".join(digits))


def _key(money: str, value: Decimal, percent: str) -> int:
    return zlib.crc32(f"#\0{money}\0{value.normalize():f}\0{percent}".encode())
