"""Numbers written as words ("twelve", «двенадцать», "zwölf") in ten languages, as values with their places. Pure.

A number below ten counts only near a word of harm ("seven dead", "killed two"): elsewhere it is how people talk ("the two
sides"). Lengths of time are none ("twenty minutes"). Chinese numerals count before a measure word (三人, 五十枚).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from core.query.folding import fold

_HARM_BEFORE, _HARM_AFTER = 3, 4
_THOUSAND, _MILLION, _BILLION = 1_000, 1_000_000, 1_000_000_000


class Spoken(NamedTuple):
    """A number in words: code points ``start`` (in) to ``end`` (out), and its value."""

    start: int
    end: int
    value: int


class _Language(NamedTuple):
    """``numbers`` by the folded word; ``inner`` may stand within a number; ``harm`` and ``time`` are beginnings of words."""

    numbers: dict[str, int]
    inner: frozenset[str]
    harm: tuple[str, ...]
    time: tuple[str, ...]


# By value: the forms of the word. German writes what is below a million as one word: ``_german`` makes them.
_WORDS = {
    "en": """
        1 one; 2 two; 3 three; 4 four; 5 five; 6 six; 7 seven; 8 eight; 9 nine; 10 ten; 11 eleven; 12 twelve; 13
        thirteen; 14 fourteen; 15 fifteen; 16 sixteen; 17 seventeen; 18 eighteen; 19 nineteen; 20 twenty; 30 thirty;
        40 forty; 50 fifty; 60 sixty; 70 seventy; 80 eighty; 90 ninety; 100 hundred; 1000 thousand; 1000000 million;
        1000000000 billion""",
    "fr": """
        1 un une; 2 deux; 3 trois; 4 quatre; 5 cinq; 6 six; 7 sept; 8 huit; 9 neuf; 10 dix; 11 onze; 12 douze; 13
        treize; 14 quatorze; 15 quinze; 16 seize; 20 vingt vingts; 30 trente; 40 quarante; 50 cinquante; 60
        soixante; 70 septante; 90 nonante; 100 cent cents; 1000 mille; 1000000 million millions; 1000000000 milliard
        milliards""",
    "es": """
        1 uno una un; 2 dos; 3 tres; 4 cuatro; 5 cinco; 6 seis; 7 siete; 8 ocho; 9 nueve; 10 diez; 11 once; 12 doce;
        13 trece; 14 catorce; 15 quince; 16 dieciséis; 17 diecisiete; 18 dieciocho; 19 diecinueve; 20 veinte; 21
        veintiuno veintiún veintiuna; 22 veintidós; 23 veintitrés; 24 veinticuatro; 25 veinticinco; 26 veintiséis;
        27 veintisiete; 28 veintiocho; 29 veintinueve; 30 treinta; 40 cuarenta; 50 cincuenta; 60 sesenta; 70
        setenta; 80 ochenta; 90 noventa; 100 cien ciento; 200 doscientos doscientas; 300 trescientos trescientas;
        400 cuatrocientos cuatrocientas; 500 quinientos quinientas; 600 seiscientos seiscientas; 700 setecientos
        setecientas; 800 ochocientos ochocientas; 900 novecientos novecientas; 1000 mil; 1000000 millón millones""",
    "tr": """
        1 bir; 2 iki; 3 üç; 4 dört; 5 beş; 6 altı; 7 yedi; 8 sekiz; 9 dokuz; 10 on; 20 yirmi; 30 otuz; 40 kırk; 50
        elli; 60 altmış; 70 yetmiş; 80 seksen; 90 doksan; 100 yüz; 1000 bin; 1000000 milyon; 1000000000 milyar""",
    "ru": """
        1 один одна одного одной одну одним; 2 два две двух двум двумя двое двоих; 3 три трех трем тремя трое троих;
        4 четыре четырех четырем четырьмя четверо четверых; 5 пять пяти пятью пятеро пятерых; 6 шесть шести шестью
        шестеро шестерых; 7 семь семи семью семеро семерых; 8 восемь восьми восемью; 9 девять девяти девятью; 10
        десять десяти десятью; 40 сорок сорока; 90 девяносто девяноста; 100 сто ста; 200 двести двухсот; 300 триста
        трехсот; 400 четыреста четырехсот; 500 пятьсот пятисот; 600 шестьсот шестисот; 700 семьсот семисот; 800
        восемьсот восьмисот; 900 девятьсот девятисот; 1000 тысяча тысячи тысяч тысячу тысячам тыс; 1000000 миллион
        миллиона миллионов млн; 1000000000 миллиард миллиарда миллиардов млрд; 11 одиннадцать одиннадцати
        одиннадцатью; 12 двенадцать двенадцати двенадцатью; 13 тринадцать тринадцати тринадцатью; 14 четырнадцать
        четырнадцати четырнадцатью; 15 пятнадцать пятнадцати пятнадцатью; 16 шестнадцать шестнадцати шестнадцатью;
        17 семнадцать семнадцати семнадцатью; 18 восемнадцать восемнадцати восемнадцатью; 19 девятнадцать
        девятнадцати девятнадцатью; 20 двадцать двадцати двадцатью; 30 тридцать тридцати тридцатью; 50 пятьдесят
        пятидесяти; 60 шестьдесят шестидесяти; 70 семьдесят семидесяти; 80 восемьдесят восьмидесяти""",
    "uk": """
        1 один одна одного одної одну; 2 два дві двох двом двома двоє; 3 три трьох трьом трьома троє; 4 чотири
        чотирьох чотирьом четверо; 5 п'ять п'яти п'ятьох п'ятеро; 6 шість шести шістьох шестеро; 7 сім семи сімох
        семеро; 8 вісім восьми вісьмох; 9 дев'ять дев'яти дев'ятьох; 10 десять десяти десятьох; 40 сорок сорока; 90
        дев'яносто; 100 сто ста; 200 двісті двохсот; 300 триста трьохсот; 400 чотириста; 500 п'ятсот п'ятисот; 600
        шістсот; 700 сімсот; 800 вісімсот; 900 дев'ятсот; 1000 тисяча тисячі тисяч тисячу тис; 1000000 мільйон
        мільйона мільйонів млн; 1000000000 мільярд мільярда мільярдів млрд; 11 одинадцять одинадцяти одинадцятьох;
        12 дванадцять дванадцяти дванадцятьох; 13 тринадцять тринадцяти тринадцятьох; 14 чотирнадцять чотирнадцяти
        чотирнадцятьох; 15 п'ятнадцять п'ятнадцяти п'ятнадцятьох; 16 шістнадцять шістнадцяти шістнадцятьох; 17
        сімнадцять сімнадцяти сімнадцятьох; 18 вісімнадцять вісімнадцяти вісімнадцятьох; 19 дев'ятнадцять
        дев'ятнадцяти дев'ятнадцятьох; 20 двадцять двадцяти двадцятьох; 30 тридцять тридцяти тридцятьох; 50
        п'ятдесят п'ятдесяти; 60 шістдесят шістдесяти; 70 сімдесят сімдесяти; 80 вісімдесят вісімдесяти""",
    "ar": """
        1 واحد واحدة; 2 اثنان اثنين اثنا اثني إثنان اثنتان اثنتين; 3 ثلاثة ثلاث; 4 أربعة أربع; 5 خمسة خمس; 6 ستة ست;
        7 سبعة سبع; 8 ثمانية ثماني ثمان; 9 تسعة تسع; 10 عشرة عشر; 11 أحد إحدى; 20 عشرون عشرين; 30 ثلاثون ثلاثين; 40
        أربعون أربعين; 50 خمسون خمسين; 60 ستون ستين; 70 سبعون سبعين; 80 ثمانون ثمانين; 90 تسعون تسعين; 100 مئة مائة;
        200 مئتان مئتين مائتان مائتين; 300 ثلاثمئة ثلاثمائة; 400 أربعمئة أربعمائة; 500 خمسمئة خمسمائة; 600 ستمئة
        ستمائة; 700 سبعمئة سبعمائة; 800 ثمانمئة ثمانمائة; 900 تسعمئة تسعمائة; 1000 ألف آلاف ألفا; 2000 ألفان ألفين;
        1000000 مليون ملايين; 1000000000 مليار مليارات""",
    "fa": """
        1 یک; 2 دو; 3 سه; 4 چهار; 5 پنج; 6 شش; 7 هفت; 8 هشت; 9 نه; 10 ده; 11 یازده; 12 دوازده; 13 سیزده; 14 چهارده;
        15 پانزده; 16 شانزده; 17 هفده; 18 هجده; 19 نوزده; 20 بیست; 30 سی; 40 چهل; 50 پنجاه; 60 شصت; 70 هفتاد; 80
        هشتاد; 90 نود; 100 صد یکصد; 200 دویست; 300 سیصد; 400 چهارصد; 500 پانصد; 600 ششصد; 700 هفتصد; 800 هشتصد; 900
        نهصد; 1000 هزار; 1000000 میلیون; 1000000000 میلیارد""",
    "de": """
        1 ein; 2 zwei; 3 drei; 4 vier; 5 fünf; 6 sechs; 7 sieben; 8 acht; 9 neun; 10 zehn; 11 elf; 12 zwölf; 13
        dreizehn; 14 vierzehn; 15 fünfzehn; 16 sechzehn; 17 siebzehn; 18 achtzehn; 19 neunzehn; 20 zwanzig; 30
        dreißig; 40 vierzig; 50 fünfzig; 60 sechzig; 70 siebzig; 80 achtzig; 90 neunzig""",
}
_INNER = {"en": "and", "fr": "et", "es": "y", "fa": "و"}
_HARM = {
    "en": "kill dead die death wound injur hurt missing arrest detain captur hostage casualt victim fatal shot",
    "fr": "mort tué blessé disparu arrêté interpellé victime otage décès décédé",
    "de": "getötet tot verletz verwund festgenommen vermiss opfer gestorben verhaft geisel",
    "es": "muert herid desaparecid detenid víctima asesinad falleci rehen murieron",
    "tr": "ölü öldü öldür yaralı yaralan kayıp gözaltı tutukla hayatını şehit rehin",
    "ru": "убит погиб ранен пострадал задержа арест пропал жертв умер скончал заложн",
    "uk": "вбит убит загин загиб поранен постражда затрима зник жертв помер заручн",
    "ar": "قتل قتيل مقتل شهيد شهداء استشهد جريح جرح أصيب إصابة مصاب مفقود اعتقال اعتقل ضحايا وفاة رهائن",
    "fa": "کشته زخمی مجروح مفقود بازداشت قربانی شهید جان گروگان",
}
_TIME = {
    "en": "second minute hour day week month year decade centur",
    "fr": "seconde minute heure jour semaine mois an ans année décennie siècle",
    "de": "sekunde minute stunde tag woche monat jahr",
    "es": "segundo minuto hora día semana mes año década siglo",
    "tr": "saniye dakika saat gün hafta ay yıl",
    "ru": "секунд минут час день дня дней недел месяц год лет",
    "uk": "секунд хвилин годин день дні днів тиж місяц рік рок",
    "ar": "ثانية ثوان دقيقة دقائق ساعة ساعات يوم أيام أسبوع أسابيع شهر أشهر سنة سنوات عام أعوام",
    "fa": "ثانیه دقیقه ساعت روز هفته ماه سال",
}
_EXACT_TIME = frozenset({"an", "ans", "mes", "ay", "год", "час", "лет"})
_TOKEN = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*")
_STOP = re.compile(r"[.;:!?؟؛،。\n(]")
_ZH = re.compile(
    r"(?<![第〇零一二两三四五六七八九十百千万亿])(?P<number>[〇零一二两三四五六七八九十百千万亿]+)(?:多|余)?(?:人|名|位|枚|架|辆|艘|座|所|例|起|吨|美元|欧元)"
)
_ZH_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_SCALES = {"十": 10, "百": 100, "千": 1_000}


def numbers_in(text: str, language: str | None) -> Iterator[Spoken]:
    """The numbers in words of a text in ``language`` (ISO 639-1; of another one, or None, none), in reading order."""
    if language == "zh":
        yield from (Spoken(*found.span("number"), _chinese(found["number"])) for found in _ZH.finditer(text))
    elif (known := _language(language)) is not None:
        tokens = [(*found.span(), fold(found[0])) for found in _TOKEN.finditer(text)]
        sentences = [found.start() for found in _STOP.finditer(text)]
        at = 0
        while at < len(tokens):
            if (taken := _taken(text, tokens, at, known)) is None:
                at += 1
                continue
            value, behind = taken
            start, end = tokens[at][0], tokens[behind - 1][1]
            after = bisect_left(sentences, end)
            low = sentences[bisect_left(sentences, start) - 1] if bisect_left(sentences, start) else 0
            high = sentences[after] if after < len(sentences) else len(text)
            before = [word for begin, _, word in tokens[max(0, at - _HARM_BEFORE) : at] if begin >= low]
            if _counts(value, before, [w for s, _, w in tokens[behind : behind + _HARM_AFTER] if s < high], known):
                yield Spoken(start, end, value)
            at = behind


_Tokens = list[tuple[int, int, str]]


def _taken(text: str, tokens: _Tokens, first: int, known: _Language) -> tuple[int, int] | None:
    """The number that begins with this token, and the token behind it."""
    if tokens[first][2] not in known.numbers:
        return None
    total, current, at, behind = 0, known.numbers[tokens[first][2]], first + 1, first + 1
    if current >= _THOUSAND:
        total, current = current, 0
    while at < len(tokens) and text[tokens[at - 1][1] : tokens[at][0]] in (" ", "-", "\u00a0", "\u200c"):
        word = tokens[at][2]
        if word in known.inner:
            at += 1
            continue
        value = known.numbers.get(word)
        if value is None and word[:1] == "و":
            value = known.numbers.get(word[1:])
        if value is None or (grown := _joined(total, current, value)) is None:
            break
        total, current = grown
        at = behind = at + 1
    return total + current, behind


def _joined(total: int, current: int, value: int) -> tuple[int, int] | None:
    """A number so far with one more word; None where the word begins another number ("two three")."""
    if value in (_THOUSAND, _MILLION, _BILLION):
        if not current and total:
            return None
        return (total + max(current, 1) * value, 0) if not total or total % (value * 1_000) == 0 else None
    if value == 100 and 1 < current < 10:
        return total, current * 100
    if value == 20 and current % 100 == 4:  # quatre-vingts
        return total, current + 76
    if value == 10 and current in range(1, 10):  # ثلاثة عشر
        return total, current + 10
    if 20 <= value < 100 and 0 < current % 100 < 10 and value % 10 == 0:  # واحد وعشرون
        return total, current + value
    if value < 10 and current % 10 == 0 and (current or total):
        return total, current + value
    if value < 20 and current % 100 in (0, 60, 80) and (current or total):
        return total, current + value
    if value < 100 and current % 100 == 0 and (current or total):
        return total, current + value
    if value < 1_000 and current == 0 and total:
        return total, value
    return None


def _counts(value: int, before: list[str], after: list[str], known: _Language) -> bool:
    """Whether a number between these words of its sentence is news. Pure."""
    if after and (after[0] in _EXACT_TIME or (len(after[0]) > 2 and after[0].startswith(known.time))):
        return False
    if value >= 10:
        return True
    near = after[:1] if value == 1 else [*before, *after]
    return any(word.startswith(known.harm) for word in near)


def _chinese(number: str) -> int:
    total = section = digit = 0
    for char in number:
        if char in _ZH_DIGITS:
            digit = _ZH_DIGITS[char]
        elif char in _ZH_SCALES:
            section += (digit or 1) * _ZH_SCALES[char]
            digit = 0
        else:
            total = (total + section + digit or 1) * (10_000 if char == "万" else 100_000_000)
            section = digit = 0
    return total + section + digit


@cache
def _language(name: str | None) -> _Language | None:
    if name not in _HARM:
        return None
    numbers = {word: value for value, words in _table(name).items() for word in words.split()}
    if name == "de":
        numbers = _german(numbers)
    inner = frozenset(map(fold, _INNER.get(name, "").split()))
    harm, time = (tuple(map(fold, table[name].split())) for table in (_HARM, _TIME))
    folded = {fold(word): value for word, value in numbers.items()}
    return _Language(folded, inner, harm, tuple(one for one in time if len(one) > 2))


def _table(language: str) -> dict[int, str]:
    rows = (" ".join(row.split()).partition(" ") for row in _WORDS[language].split(";"))
    return {int(value): words for value, _, words in rows}


def _german(simple: dict[str, int]) -> dict[str, int]:
    units = [word for word, value in simple.items() if value < 10]
    tens = {word: value for word, value in simple.items() if value >= 20}
    below = dict(simple)
    below |= {f"{unit}und{ten}": value + simple[unit] for ten, value in tens.items() for unit in units}
    hundreds = {f"{unit}hundert": 100 * simple[unit] for unit in units} | {"hundert": 100}
    below |= hundreds | {
        many + word: hundred + value for many, hundred in hundreds.items() for word, value in below.items()
    }
    thousands = {f"{word}tausend": value * _THOUSAND for word, value in below.items()} | {"tausend": _THOUSAND}
    ones = dict.fromkeys(("eine", "einen", "einer", "einem", "eins"), 1)
    millions = {"Million": _MILLION, "Millionen": _MILLION, "Milliarde": _BILLION, "Milliarden": _BILLION}
    return below | thousands | ones | millions
