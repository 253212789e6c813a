"""The tables of ``pipeline/text/calendars.toml`` out of CLDR (babel), with what CLDR lacks. Run it to write them again."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError

from pipeline.text.calendars import Mark, Month, key

FILE = Path(__file__).parents[3] / "pipeline" / "text" / "calendars.toml"
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


# With the letters that sound alike written either way.
_ETHIOPIC = (
    "መስከረም", "ጥቅምት", "ኅዳር ህዳር ሕዳር", "ታኅሣሥ ታህሣሥ ታሕሣሥ ታህሳስ ታኅሳስ ታሕሳስ ታህሳሥ", "ጥር", "የካቲት", "መጋቢት", "ሚያዝያ ሚያዚያ",
    "ግንቦት", "ሰኔ", "ሐምሌ ሀምሌ ኀምሌ", "ነሐሴ ነሀሴ ነኀሴ", "ጳጉሜን ጳጉሜ",
)  # fmt: skip

# Nepal's, in the spellings of its outlets.
_BIKRAM = (
    "वैशाख बैशाख वैसाख baisakh", "जेठ ज्येष्ठ जेष्ठ jestha", "असार आषाढ अषाढ asar ashadh", "साउन श्रावण shrawan saun",
    "भदौ भाद्र bhadra", "असोज आश्विन अशोज असौज ashwin asoj", "कात्तिक कार्तिक kartik", "मंसिर मङ्सिर मंसीर मार्ग mangsir",
    "पुस पुष पौष पूस poush", "माघ magh", "फागुन फाल्गुन फाल्गुण falgun phalgun", "चैत चैत्र chaitra",
)  # fmt: skip


@cache
def months() -> Mapping[str, Month]:
    """Every name of a month, by its key."""
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
    for number, listed in enumerate(_ETHIOPIC, 1):
        for one in listed.split():
            found.setdefault(key(one), Month(number, "ethiopic"))
    for number, listed in enumerate(_BIKRAM, 1):
        for one in listed.split():
            found.setdefault(key(one), Month(number, "bikram"))
    return found


@cache
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name)
    except UnknownLocaleError:  # an older CLDR
        return Locale("en")


# Fewer than for months: a weekday stands alone, and in some language nearly every short word is one ("anna", "senin", "joi").
_WEEKDAY_LOCALES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "pl", "cs", "sk", "bg", "el", "sr", "hr", "uk", "ru", "be",
    "tr", "ar", "fa", "hi", "ko", "ja", "zh",
)  # fmt: skip
# Forms that CLDR lacks, Monday first: cases, short names, other spellings.
_MORE_DAYS = (
    "monday måndagen понедельника понедельнику понеділка الإثنين اثنین 周一 週一 礼拜一",
    "вторника вторнику вівторка ثلاثاء 周二 週二 礼拜二",
    "среду среды среде середу середи середі środę środy أربعاء 周三 週三 礼拜三",
    "четверга четвергу خميس 周四 週四 礼拜四",
    "пятницу пятницы п’ятницю п’ятниці جمعة 周五 週五 礼拜五",
    "субботу субботы суботу суботи sobotę soboty sonnabend سبت 周六 週六 礼拜六",
    "воскресенья неділю неділі niedzielę أحد 周日 週日 星期天 周天 礼拜天",
)


@cache
def weekdays() -> Mapping[str, int]:
    """Every name of a day of the week, by its key: 1 is Monday."""
    found: dict[str, int] = {}
    for name in _WEEKDAY_LOCALES:
        for context in _locale(name).days.values():
            for number, day in context.get("wide", {}).items():
                if len(flat := key(str(day))) > 2:
                    found.setdefault(flat, number + 1)
    for number, listed in enumerate(_MORE_DAYS, 1):
        for one in listed.split():
            found.setdefault(key(one), number)
    return found


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
        "ق ظ": "am", "ب ظ": "pm", "π μ": "am", "μ μ": "pm", "ch": "pm",
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


def written() -> str:
    """The file's text."""
    groups: dict[tuple[str, int], list[str]] = {}
    for name, month in months().items():
        groups.setdefault((month.calendar, month.number), []).append(name)
    lines = [
        "# Names of months and marks of the half of the day, in the form of calendars.key(). Made from CLDR by",
        "# tests/pipeline/text/cldr.py; a test compares. Loading babel's own data takes half a second in every process.",
        "",
    ]
    for calendar in ("gregorian", "jalali", "islamic", "ethiopic", "bikram"):
        lines.append(f"[{calendar}]")
        last = max(number for name, number in groups if name == calendar)
        lines.extend(_entry(str(number), groups[calendar, number]) for number in range(1, last + 1))
        lines.append("")
    lines.append("[weekdays]")
    lines.extend(
        _entry(str(number), [name for name, one in weekdays().items() if one == number]) for number in range(1, 8)
    )
    lines.append("")
    lines.append("[marks]")
    lines.extend(
        _entry(kind, [name for name, one in day_marks().items() if one == kind])
        for kind in ("am", "pm", "noon", "night")
    )
    return "\n".join(lines) + "\n"


def _entry(name: str, listed: list[str]) -> str:
    wrapped = textwrap.wrap(" | ".join(sorted(listed)), 118, break_long_words=False, break_on_hyphens=False)
    return f'{name} = """\n' + "\n".join(wrapped) + '\n"""'


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
