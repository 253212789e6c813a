"""Names of months and marks of the day in the languages of news outlets, and years of other calendars than the Gregorian.

Month names and day periods are CLDR's (babel), in all their forms; those that only the Solar Hijri and Islamic calendars have
are listed here. All are loaded when a claim first needs them. Jalali and Islamic dates are converted by jdatetime and
hijridate (Umm al-Qura); the Buddhist years of Thailand by 543.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Literal, NamedTuple

import jdatetime
from babel import Locale, UnknownLocaleError
from hijridate import Hijri

from core.normal import normalized
from pipeline.text.characters import folded

Calendar = Literal["gregorian", "jalali", "islamic"]

_LOCALES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "sv",
    "da",
    "nb",
    "nn",
    "fi",
    "et",
    "lv",
    "lt",
    "is",
    "ga",
    "pl",
    "cs",
    "sk",
    "hu",
    "ro",
    "bg",
    "el",
    "sr",
    "sr_Latn",
    "hr",
    "bs",
    "bs_Cyrl",
    "mk",
    "sq",
    "sl",
    "uk",
    "ru",
    "be",
    "kk",
    "ky",
    "uz",
    "uz_Cyrl",
    "tg",
    "tt",
    "mn",
    "az",
    "tr",
    "tk",
    "ka",
    "hy",
    "ar",
    "ar_SY",
    "ar_DZ",
    "ar_MA",
    "ar_TN",
    "fa",
    "fa_AF",
    "ur",
    "ps",
    "ckb",
    "ku",
    "he",
    "hi",
    "bn",
    "ta",
    "te",
    "ml",
    "kn",
    "mr",
    "ne",
    "pa",
    "gu",
    "si",
    "th",
    "lo",
    "km",
    "my",
    "vi",
    "id",
    "ms",
    "fil",
    "sw",
    "am",
    "so",
    "ha",
    "zu",
    "af",
    "eu",
    "ca",
    "gl",
    "cy",
    "ja",
    "ko",
    "zh",
]
# Names that CLDR lacks, a month a word: other spellings, genitives, and forms of neighbours.
_MORE = (
    "jänner januar gen ינואר كانون_الثانی ژانویه جنوری يناير",
    "feber feb februar شباط فوریه فروری",
    "märz mart μαρτης مارچ آذار",
    "april نیسان آوریل اپریل ابريل إبريل نيسان",
    "mai maio مه می مئی أيار ایار مايو",
    "juni juin giu ژوئن جون حزيران",
    "juli juil lug ژوئیه جولای جولائی تموز",
    "august agosto اوت آگوست اگست آب اغسطس أغسطس",
    "sept set سپتامبر ستمبر أيلول ايلول شتنبر",
    "okt ott اکتبر اکتوبر تشرين_الأول أكتوبر",
    "nov نوامبر نومبر تشرين_الثاني نونبر",
    "dic dez دسامبر دسمبر كانون_الأول دجنبر",
)  # fmt: skip
_JALALI = (
    "فروردین حمل وری", "اردیبهشت ثور غویی", "خرداد جوزا غبرګولی", "تیر سرطان چنګاښ", "مرداد امرداد اسد زمری",
    "شهریور سنبله وږی",
    "مهر میزان تله", "آبان عقرب لړم", "آذر قوس لیندۍ", "دی جدی مرغومی", "بهمن دلو سلواغه", "اسفند حوت کب",
)  # fmt: skip
_JALALI_LATIN = (
    "farvardin", "ordibehesht", "khordad", "tir", "mordad", "shahrivar", "mehr", "aban", "azar", "dey", "bahman", "esfand",
)  # fmt: skip
_ISLAMIC = (
    "محرم المحرم", "صفر", "ربيع_الأول ربیع_الاول ربيع_الاول", "ربيع_الآخر ربيع_الثاني ربیع_الثانی ربیع_الآخر",
    "جمادى_الأولى جمادی_الاول جمادى_الاولى جمادی_الاولی",
    "جمادى_الآخرة جمادى_الثانية جمادی_الثانی جمادی_الثانیه", "رجب", "شعبان", "رمضان", "شوال",
    "ذو_القعدة ذی_القعده ذو_القعده ذیقعده", "ذو_الحجة ذی_الحجه ذو_الحجه ذیحجه",
)  # fmt: skip
# Where two languages mean different months by one word, by language; without one the first is meant.
_BY_LANGUAGE = {
    "listopada": {"hr": 10, "bs": 10, "pl": 11, "uk": 11},
    "listopad": {"hr": 10, "bs": 10, "pl": 11, "cs": 11},
}

_BUDDHIST = 543
# Years of news in each calendar: 1990 to 2035.
_JALALI_YEARS, _ISLAMIC_YEARS, _BUDDHIST_YEARS = range(1369, 1415), range(1410, 1458), range(2533, 2579)
MAX_NAME_WORDS = 3


class Month(NamedTuple):
    """A month of a calendar, 1 to 12."""

    number: int
    calendar: Calendar = "gregorian"


def key(words: str) -> str:
    """The form in which names of months and marks are looked up: folded, without accents and apostrophes."""
    plain = normalized("NFD", folded(words.replace("\u200c", " ")))
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())


@cache
def _months() -> Mapping[str, Month]:
    found: dict[str, Month] = {}
    for number, listed in enumerate(_MORE, 1):
        found.update((key(name.replace("_", " ")), Month(number)) for name in listed.split())
    for name in _LOCALES:
        for context in _locale(name).months.values():
            for width in ("wide", "abbreviated"):
                for number, month in context.get(width, {}).items():
                    if len(flat := key(str(month))) > 1 and not flat.isdigit():
                        found.setdefault(flat, Month(number))
    for number, (arabic, latin) in enumerate(zip(_JALALI, _JALALI_LATIN, strict=True), 1):
        for one in (*arabic.split(), latin):
            found.setdefault(key(one), Month(number, "jalali"))
    for number, listed in enumerate(_ISLAMIC, 1):
        for one in listed.split():
            found.setdefault(key(one.replace("_", " ")), Month(number, "islamic"))
    return found


@cache
def _stems() -> Mapping[str, Month | None]:
    """First letters of long names, for cases that CLDR doesn't list ("novembra"); None if two months begin so."""
    found: dict[str, Month | None] = {}
    for name, month in _months().items():
        for size in range(5, len(name) + 1):
            stem = name[:size]
            found[stem] = month if found.get(stem, month) == month else None
    return found


@cache
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name)
    except UnknownLocaleError:  # an older CLDR
        return Locale("en")


def month_of(words: str, language: str | None = None) -> Month | None:
    """The month that one to three words name, in any of the languages; None if they name none."""
    flat = key(words)
    if not flat:
        return None
    if flat in _BY_LANGUAGE and language in _BY_LANGUAGE[flat]:
        return Month(_BY_LANGUAGE[flat][language])
    months = _months()
    if (month := months.get(flat)) is not None:
        return month
    # Hebrew and Persian write "in" and other small words onto the name.
    if flat[0] == "ב" and (month := months.get(flat[1:])) is not None:
        return month
    stems = _stems()
    for cut in range(4):
        stem = flat[: len(flat) - cut]
        if len(stem) < 5:
            break
        if month := stems.get(stem):
            return month
    return None


Mark = Literal["am", "pm", "noon", "night"]
_PERIODS: dict[str, Mark] = {
    "am": "am",
    "pm": "pm",
    "noo": "noon",
    "mor": "am",
    "aft": "pm",
    "eve": "pm",
    "nig": "night",
}


@cache
def day_marks() -> Mapping[str, Mark]:
    """What stands beside a time of twelve hours, by its key: "오후", "م", "مساء", "p m"."""
    found: dict[str, Mark] = {
        "am": "am", "a m": "am", "pm": "pm", "p m": "pm", "م": "pm", "ص": "am", "ظ": "noon", "上午": "am", "下午": "pm",
        "早上": "am", "凌晨": "am",
        "晚上": "night", "中午": "noon", "傍晚": "pm", "午前": "am", "午後": "pm", "夜": "night", "오전": "am",
        "오후": "pm", "새벽": "am", "밤": "night", "مساء": "pm",
        "صباحا": "am", "صباح": "am", "ظهرا": "noon", "عصرا": "pm", "فجرا": "am", "ليلا": "night", "بعد الظهر": "pm",
        "قبل الظهر": "am", "بعدازظهر": "pm", "بعد از ظهر": "pm",
        "قبل از ظهر": "am", "عصر": "pm", "بامداد": "am", "صبح": "am", "شب": "night", "ظهر": "noon", "утра": "am",
        "вечера": "pm", "дня": "pm", "ночи": "night",
        "ранку": "am", "вечора": "pm", "ночі": "night", "noon": "noon", "midday": "noon", "de la tarde": "pm",
        "de la manana": "am", "de la noche": "pm", "da tarde": "pm",
        "da manha": "am", "da noite": "pm", "soir": "pm", "matin": "am", "apres midi": "pm", "في المساء": "pm", "د ظ": "pm",
        "ق ظ": "am", "ب ظ": "pm", "π μ": "am", "μ μ": "pm",
        "دوپہر": "pm", "شام": "pm", "رات": "night", "صبح سویرے": "am", "בבוקר": "am", "בערב": "pm", "בצהריים": "noon",
        "אחר הצהריים": "pm",
    }  # fmt: skip
    for name in _LOCALES:
        periods = _locale(name).day_periods
        for context in periods.values():
            for width in ("wide", "abbreviated", "narrow"):
                for period, mark in context.get(width, {}).items():
                    kind = _PERIODS.get(period[:3])
                    flat = key(str(mark))
                    # Two Latin letters are too little to tell a mark from a word.
                    if kind is not None and (len(flat) > 2 or (flat and not flat.isascii())):
                        found.setdefault(flat, kind)
    return found


def hour_of(hour: int, mark: Mark | None) -> int:
    """The hour of 24 that an hour with a mark means."""
    if mark is None or hour > 12:
        return hour
    if mark == "am":
        return hour % 12
    if mark == "pm":
        return hour % 12 + 12
    if mark == "noon":
        return hour if hour >= 10 else hour + 12
    return hour % 12 if hour == 12 or hour < 6 else hour + 12


def gregorian(year: int, month: int, day: int, calendar: Calendar = "gregorian") -> date | None:
    """The Gregorian date; the calendar of a year that can't be Gregorian is told by the year. None if there is no such day."""
    if calendar == "gregorian":
        if year in _BUDDHIST_YEARS:
            year -= _BUDDHIST
        elif year in _JALALI_YEARS or year in _ISLAMIC_YEARS:
            calendar = "jalali" if year in _JALALI_YEARS else "islamic"
    elif year >= 1900:  # a Gregorian year behind a Jalali month: two dates run into each other
        return None
    try:
        if calendar == "jalali":
            converted: date = jdatetime.date(year, month, day).togregorian()
            return date(converted.year, converted.month, converted.day)
        if calendar == "islamic":
            return date(*Hijri(year, month, day).to_gregorian().datetuple())
        return date(year, month, day)
    except (ValueError, OverflowError):
        return None


def is_news_year(year: int) -> bool:
    """Whether the number can be the year of a news date in one of the calendars."""
    return 1900 <= year <= 2100 or year in _JALALI_YEARS or year in _ISLAMIC_YEARS or year in _BUDDHIST_YEARS
