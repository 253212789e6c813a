"""Figures of a text: its numbers, in digits or words, except times, places and ordinals. Pure.

A figure is its value (with currency and "%"), whatever is around it and however it is written: "12", "twelve", "1,204",
"1.2 million". Not figures are years, dates, times of day, "5 minutes ago", ages, scores, telephone numbers, counts of comments
and readers, numbers of laws, flights and addresses, and numbers joined to letters.

Numbers in words (``number_words.toml``: ten languages) below ten count only near a word of harm ("seven dead", "killed two"):
elsewhere they are figures of speech ("the two sides"). Durations don't count ("twenty minutes"). Chinese numerals count
before a measure word (三人, 五十枚). ``of_harm`` decides which figures of a lead are more than background.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from functools import cache
from typing import NamedTuple

from core.memo import kept
from core.package_data import package_toml
from core.query.folding import fold
from pipeline.stories.scales import scale_after
from pipeline.stories.words import SIGNS
from pipeline.text.calendars import is_month
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
# No run of digits, dots or letters may be scanned from each of its places, since texts are hostile and no time limit applies.
_COUNT = r"(?<!\d)\d{1,12}"
# Tried first, since almost no place of a text can begin any of the many alternatives below. They begin with a digit or one of
# four signs, or with a word that a digit follows at most 20 characters later; only three words have tails of any length.
_MAY_BEGIN = r"""
    (?: (?=[\d+(.,]) | (?<!\w)(?=\D{1,20}+\d|телефон|резолюци|стать) | (?=https?://|www\.) | (?<!\S)(?=[^\s@]{1,64}+@) )
    """
_NONE = re.compile(
    rf"""{_MAY_BEGIN}
    (?: https?://\S+ | www\.\S+ | (?<!\S)[^\s@]{{1,64}}@[^\s@]{{1,255}}\.\w+
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
    | (?<!\w)(?:at|um|à|at|в|о|об|ob|alle|las)\s[012]?\d[.]\d\d(?![\d%]|\s?%)
    | (?<![\d.,])[012]?\d[.]\d\d(?=\s(?:годин|час|hod|óra))
    | {_COUNT}\s?[时時点點](?:{_COUNT}\s?分)? | (?<!\w)(?:godz(?:in\w)?|hod|kl)\.?\s\d{{1,2}}(?:[.:]\d\d)?(?!\d)
    # which one of several
    | (?<![\w.,])\d{{1,4}}-(?:[йяехм]|[ыои]й|[ао]я|[ыо]е|[гт]о|му|та|т[іи]|ма)(?!\w)
    | (?<![\w.,])\d{{1,3}}\.(?=\s(?-i:[a-zà-öø-ÿāăąćčďęěğıłńňőřśšťůűźżžа-џ]))
    # how long ago, ages, scores
    | {_COUNT}\s?(?:seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)\s(?:ago|earlier)
    | (?<!\w)(?:vor|il\sy\sa|hace|منذ|قبل)\s\d+\s{_LONG_AGO}(?!\w) | {_COUNT}\s\w{{1,40}}\s(?:назад|тому|önce|پیش)(?!\w)
    | {_COUNT}\s?(?:秒|分钟|分鐘|小时|小時|天|周|个月|年)前
    | \d{{1,3}}[-–\s]year[-–\s]olds? | (?<!\w)aged?\s\d{{1,3}}(?!\w) | (?<!\w)âgée?s?\sde\s\d{{1,3}}(?!\w)
    | \d{{1,3}}-?(?:jährig|летн|річн|годиш|lat(?:ek|k)|letni|letn[íýáé]|let[ýáé]|ročn)\w*
    | \d{{1,3}}\s?(?:岁|歲|ساله)
    | \d{{1,3}}\syaşında\w* | \d{{1,3}}\s(?:años\sde\sedad|ans,) | (?<=[^\W\d],\s)\d{{1,2}}(?=,\s)
    | (?<![\d.,])\d{{1,3}}(?:\s?[-–—]\s?|\s?:\s?|\s?比\s?)\d{{1,3}}(?![\d.,]?\d)
    # counters, identifiers
    | (?<![\d.,])[\d.,]{{1,20}}\s?[kK]?\s?(?:comments?|shares?|views?|likes?|reactions?|readers|kommentare?|aufrufe
    |commentaires?|vues|partages|comentarios|lecturas
      |комментари\w*|просмотр\w*|коментар\w*|перегляд\w*|yorum|görüntülenme|تعليق\w*|مشاهد\w*|بازدید|评论|阅读)
    | {_COUNT}[\s-]?min(?:ute)?s?\.?[\s-](?:read|lesezeit|de\slecture|de\slectura)
    | (?<!\w)(?:resolution|article|artikel|section|paragraph|§|route|highway|boeing|airbus|flight|chapter|no\.|nr\.|№
    |\#|резолюци\w+|стать\w+|قرار|المادة|第)\s?\d+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Days and the word after them, which may be a month's name in any language.
_DAYS_BEFORE = re.compile(
    r"(?<![\w.,:/–-])\d{1,2}\.?(?:(?:\s?[-–—/,]\s?|\s[^\W\d_]{1,3}\s)\d{1,2}\.?){0,3}\s(?:de\s)?(?P<word>(?:[^\W\d_]|["
    + SIGNS
    + r"]){3,20})"
)
_SCALES = {
    "%": "%|percent\\b|per\\s?cent\\b|prozent\\b|pour\\scent\\b|por\\sciento\\b|процент\\w*|відсот\\w*",
    "3": "thousand\\b|тыс\\b|тысяч\\w*|тис\\b|тисяч\\w*|tausend\\b|mille\\b|mil\\b(?!\\smillones)|bin\\b|ألف|آلاف|هزار",
    "6": "million\\w*|mn\\b|млн\\b|mio\\b|millones\\b|milyon\\b|миллион\\w*|мільйон\\w*|مليون|ملايين|میلیون",
    "9": "billion\\w*|bn\\b|млрд\\b|mrd\\b|milliard\\w*|mil\\smillones\\b|milyar\\b|миллиард\\w*|мільярд\\w*|مليار|میلیارد",
    "5": "lakhs?\\b|lacs?\\b",
    "7": "crores?\\b",
    "4": "万|萬",
    "8": "亿|億",
}
_SCALE = "|".join(f"(?P<s{number}>{words})" for number, words in enumerate(_SCALES.values()))
_GROUPED = r"\d{1,2}(?:,\d\d)+,\d{3}(?!\d)|\d+(?:[.,\u00a0\u202f ]\d{3}(?!\d))*(?:[.,]\d+)?"
"""Digits in groups: of two but for the last three, as in India (1,20,000), or of three."""
_CRORE = 7
_INDIAN = re.compile(r"\s?crores?\b", re.IGNORECASE)
_FIGURE = re.compile(
    rf"(?<![\w.,:/\-–])(?P<money>[$€£¥₽₺₴₹])?\s?(?P<number>{_GROUPED})\s?(?:{_SCALE})?(?![\w]|[.,:/\-–]\d)",
    re.IGNORECASE,
)
_FIGURE_UNSPACED = re.compile(
    rf"(?<![\d.,:])(?P<money>[$€£¥])?(?P<number>\d+(?:[.,]\d+)*)(?:{_SCALE}|(?![\d:：]))(?![:：])", re.IGNORECASE
)
_HIDDEN = "\ufffc"  # not part of a word, and not a reason to refuse a figure beside it
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER_WORDS = package_toml("pipeline.stories", "number_words.toml")
_HARM_BEFORE, _HARM_AFTER = 3, 4
_HARM_UNSPACED, _HARM_CHARS = re.compile("死|亡|伤|傷|杀|殺|失踪|失蹤|失联|遇难|罹难|遇害|被捕|逮捕|行方不明"), 10
_THOUSAND, _MILLION, _BILLION = 1_000, 1_000_000, 1_000_000_000
_TWO_DIGITS = Context(prec=2, rounding=ROUND_DOWN)
_MOST_ROUNDED = Decimal("0.03")
"""1,204 is told as 1,200; 1,290 is another figure than 1,200."""
_EXACT_TIME = frozenset({"an", "ans", "mes", "ay", "год", "час", "лет"})
_TOKEN = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*")
_STOP = re.compile(r"[.;:!?؟؛،。\n(]")
_ZH = re.compile(
    r"(?<![第〇零一二两三四五六七八九十百千万亿])(?P<number>[〇零一二两三四五六七八九十百千万亿]+)(?:多|余)?(?:人|名|位|枚|架|辆|艘|座|所|例|起|吨|美元|欧元)"
)
_ZH_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_SCALES = {"十": 10, "百": 100, "千": 1_000}


class FigureSpan(NamedTuple):
    """A figure's place (code points, end exclusive) and its key, which is equal for equal values.

    ``near``: the key of its value in two digits, whatever the currency, since others may round the same figure. ``rounds``:
    whether these two digits are so near the value that they are no other figure.
    """

    start: int
    end: int
    key: int
    near: int
    rounds: bool = True


class Spoken(NamedTuple):
    """A number in words: code points ``start`` (inclusive) to ``end`` (exclusive), and its value."""

    start: int
    end: int
    value: int


class _Language(NamedTuple):
    """Words of a language. ``numbers``: by folded word; ``inner``: allowed within a number; ``harm``, ``time``: prefixes."""

    numbers: dict[str, int]
    inner: frozenset[str]
    harm: tuple[str, ...]
    time: tuple[str, ...]


def figures_in(text: str, language: str | None = None) -> Iterator[FigureSpan]:
    """The figures of ``text``, those in digits first; those in words only if ``language`` (ISO 639-1) is one of ten."""
    plain = _DAYS_BEFORE.sub(_without_days, _NONE.sub(lambda found: _HIDDEN * len(found[0]), text))
    written = _written(plain, language, unspaced=is_unspaced(text))
    for one in written:
        yield _span(one.start, one.end, one.value, one.percent)
        plain = plain[: one.start] + _HIDDEN * (one.end - one.start) + plain[one.end :]
    # "30 thousand" is one figure.
    for spoken in numbers_in(plain, language):
        yield _span(spoken.start, spoken.end, Decimal(spoken.value), "")


def _span(start: int, end: int, value: Decimal, percent: str) -> FigureSpan:
    rounded = _rounded(value)
    rounds = value - rounded <= value * _MOST_ROUNDED
    return FigureSpan(start, end, _key("", value, percent), _key("", rounded, percent), rounds)


class _Written(NamedTuple):
    """A figure in digits. ``power``: that of its scale, 0 without one."""

    start: int
    end: int
    value: Decimal
    power: int
    money: str
    percent: str


def _written(plain: str, language: str | None, *, unspaced: bool) -> list[_Written]:
    """The figures in digits; "3 crore 40 lakh" and "2亿5000万" are one each."""
    made: list[_Written] = []
    for found in (_FIGURE_UNSPACED if unspaced else _FIGURE).finditer(plain):
        value, end, money = _value(found["number"]), found.end(), found["money"] or ""
        scale = next((power for at, power in enumerate(_SCALES) if found[f"s{at}"]), "")
        power = int(scale) if scale not in ("", "%") else 0
        before = made[-1] if made else None
        behind = before is not None and before.power > 0 and not plain[before.end : found.start()].strip()
        if scale != "%":
            # "1.2 lakh crore", "5万亿", "3 nghìn tỷ": powers of ten one after the other.
            while (more := _next_scale(plain, end, power, language))[0]:
                power, end = power + more[0], more[1]
        if not (scale or power or money or behind) and len(found["number"]) == 4 and _YEAR.fullmatch(str(value)):
            continue
        value *= 10**power
        one = _Written(found.start(), end, value, power, money, "%" if scale == "%" else "")
        # "3 crore 40 lakh"; without a scale of its own, the rest of "1万2000" stands directly behind it.
        tail = power > 0 or (unspaced and before is not None and before.end == one.start and not one.percent)
        if before is not None and behind and before.power > power and tail:
            made[-1] = one._replace(start=before.start, value=before.value + value, money=before.money)
        else:
            made.append(one)
    return made


def _next_scale(plain: str, end: int, power: int, language: str | None) -> tuple[int, int]:
    """The next power of ten behind a number and its first ones, 0 if there is none, and the end of the figure."""
    found = scale_after(plain, end, language)
    if not found[0] and power and (indian := _INDIAN.match(plain, end)) is not None:
        return _CRORE, indian.end()
    return found


def _without_days(found: re.Match[str]) -> str:
    word = found["word"]
    # "May" is also a verb, and "set", "jan" or "out" are also other words.
    sure = len(word) > 3 or not word.isascii()
    days = found.start("word") - found.start()
    return _HIDDEN * days + word if sure and is_month(word) else found[0]


def knows_harm(text: str, language: str | None) -> bool:
    """Whether the words of harm of this text's language are known."""
    return is_unspaced(text) or _language(language) is not None


def of_harm(text: str, language: str | None, figures: Sequence[FigureSpan]) -> list[FigureSpan]:
    """The figures of the text near a word of harm in their sentence: dead, wounded, missing, arrested.

    Returns all figures for a language whose words of harm are unknown.
    """
    if is_unspaced(text):
        return [
            one
            for one in figures
            if _HARM_UNSPACED.search(text, max(0, one.start - _HARM_CHARS), one.end + _HARM_CHARS)
        ]
    if (known := _language(language)) is None:
        return list(figures)
    tokens = _tokens(text)
    starts = [start for start, _, _ in tokens]
    stops = [found.start() for found in _STOP.finditer(text)]
    near = []
    for one in figures:
        stop = bisect_left(stops, one.start)
        low = stops[stop - 1] if stop else 0
        behind = bisect_left(stops, one.end)
        high = stops[behind] if behind < len(stops) else len(text)
        first, last = bisect_left(starts, one.start), bisect_left(starts, one.end)
        beside = [*tokens[max(0, first - _HARM_BEFORE) : first], *tokens[last : last + _HARM_AFTER]]
        if any(low <= start < high and word.startswith(known.harm) for start, _, word in beside):
            near.append(one)
    return near


def _value(number: str) -> Decimal:
    # 1,204 and 1.204 and 1 204 are one number; 3.5 and 3,5 are another.
    groups = re.split(r"[.,\u00a0\u202f ]", number)
    digits = ["".join(str(unicodedata.digit(char, "")) for char in group) or "0" for group in groups]
    if len(groups) > 1 and len(groups[-1]) != 3:
        return Decimal("".join(digits[:-1]) + "." + digits[-1])
    return Decimal("".join(digits))


def _key(money: str, value: Decimal, percent: str) -> int:
    return zlib.crc32(f"#\0{money}\0{value.normalize():f}\0{percent}".encode())


def _rounded(value: Decimal) -> Decimal:
    return _TWO_DIGITS.create_decimal(value) if value >= _THOUSAND else value


def numbers_in(text: str, language: str | None) -> Iterator[Spoken]:
    """The numbers in words of a text in ``language`` (ISO 639-1), in reading order; none for another language or None."""
    if language == "zh":
        yield from (Spoken(*found.span("number"), _chinese(found["number"])) for found in _ZH.finditer(text))
    elif (known := _language(language)) is not None:
        tokens = _tokens(text)
        sentences = [found.start() for found in _STOP.finditer(text)]
        behind = 0
        for at in _begin_numbers(tokens, known):
            if at < behind:
                continue
            value, behind = _taken(text, tokens, at, known)
            start, end = tokens[at][0], tokens[behind - 1][1]
            after = bisect_left(sentences, end)
            low = sentences[bisect_left(sentences, start) - 1] if bisect_left(sentences, start) else 0
            high = sentences[after] if after < len(sentences) else len(text)
            before = [word for begin, _, word in tokens[max(0, at - _HARM_BEFORE) : at] if begin >= low]
            if _counts(value, before, [w for s, _, w in tokens[behind : behind + _HARM_AFTER] if s < high], known):
                yield Spoken(start, end, value)


def spoken_numbers(text: str, language: str | None) -> Iterator[Spoken]:
    """All numbers in words from two up, in reading order, including small ones and durations; see ``numbers_in``."""
    if language in ("zh", "ja"):
        yield from (Spoken(*found.span("number"), _chinese(found["number"])) for found in _ZH.finditer(text))
    elif (known := _language(language)) is not None:
        tokens = _tokens(text)
        behind = 0
        for at in _begin_numbers(tokens, known):
            if at < behind:
                continue
            value, behind = _taken(text, tokens, at, known)
            if value > 1:
                yield Spoken(tokens[at][0], tokens[behind - 1][1], value)


_Tokens = list[tuple[int, int, str]]

# The same words come in many articles.
_folded = kept(fold, most=32_768, longest=40)


def _tokens(text: str) -> _Tokens:
    """The words of a text: start, end, folded form."""
    return [(*found.span(), _folded(found[0])) for found in _TOKEN.finditer(text)]


def _begin_numbers(tokens: _Tokens, known: _Language) -> list[int]:
    """The indices of the tokens that can begin a number."""
    numbers = known.numbers
    return [at for at, (_, _, word) in enumerate(tokens) if word in numbers]


def _taken(text: str, tokens: _Tokens, first: int, known: _Language) -> tuple[int, int]:
    """The number that begins with this token, which can begin one, and the index of the token after it."""
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
    """A number so far with one more word; None if the word begins another number ("two three")."""
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
    """Whether a number between these words of its sentence counts."""
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
    if name not in _NUMBER_WORDS:
        return None
    table = _NUMBER_WORDS[name]
    rows = (" ".join(row.split()).partition(" ") for row in table.get("numbers", "").split(";") if row)
    numbers = {word: int(value) for value, _, words in rows for word in words.split()}
    if name == "de":
        numbers = _german(numbers)
    inner = frozenset(map(fold, table.get("inner", "").split()))
    harm, time = (tuple(map(fold, table.get(part, "").split())) for part in ("harm", "time"))
    folded = {fold(word): value for word, value in numbers.items()}
    return _Language(folded, inner, harm, tuple(one for one in time if len(one) > 2))


def _german(simple: dict[str, int]) -> dict[str, int]:
    # German writes numbers below a million as one word.
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
