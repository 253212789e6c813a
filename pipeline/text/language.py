"""Which language an article is in.

The writing system decides if only one supported language uses it (Greek, Hebrew, Thai, Hangul, kana …). Arabic and
Cyrillic letters that only one language has correct langdetect, which mistakes Persian for Arabic, Urdu for Persian and
Ukrainian for Russian in short texts. langdetect decides the rest, on the first 800 characters (the same answer as on the
whole text for all of 258 pages, in a third of the time). For a text of fewer than 60 letters the page's or the feed's claim
decides, if there is one.

langdetect draws random numbers. Its seed is fixed, each guess starts from it, and the profiles are loaded once, so a
guess depends on its text alone, whatever was guessed before. ``langdetect_fast`` does its work in a fifth of its time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.package_data import package_toml
from pipeline.text import langdetect_fast

MAX_CHARS = 800
MIN_LETTERS = 60
MIN_CONFIDENCE = 0.5
SURE = 0.9

DecidedBy = Literal["text", "page", "feed", "none"]


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """``code`` is ISO 639-1 (None: undecided), ``confidence`` 0 to 1; 0.5 if a hint decided."""

    code: str | None
    confidence: float
    decided_by: DecidedBy


_ALIASES = {
    "iw": "he", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "mo": "ro", "sh": "sr", "tl": "tl", "fil": "tl",
    "eng": "en", "ger": "de", "deu": "de", "fre": "fr", "fra": "fr", "spa": "es", "rus": "ru", "ukr": "uk", "ara": "ar",
    "per": "fa", "fas": "fa", "tur": "tr", "zho": "zh", "chi": "zh", "jpn": "ja", "kor": "ko", "por": "pt", "ita": "it",
    "pes": "fa", "prs": "fa", "cmn": "zh", "arb": "ar", "heb": "he", "pol": "pl", "nld": "nl", "dut": "nl", "hin": "hi",
}  # fmt: skip

# One language of ours per writing system; several share Arabic, Cyrillic, Devanagari and Han, which are looked into further.
_SCRIPTS: tuple[tuple[str, str, str], ...] = (
    ("greek", "\u0370-\u03ff\u1f00-\u1fff", "el"),
    ("hebrew", "\u0590-\u05ff", "he"),
    ("thai", "\u0e00-\u0e7f", "th"),
    ("georgian", "\u10a0-\u10ff", "ka"),
    ("armenian", "\u0530-\u058f", "hy"),
    ("hangul", "\u1100-\u11ff\uac00-\ud7af", "ko"),
    ("kana", "\u3040-\u30ff", "ja"),
    ("bengali", "\u0980-\u09ff", "bn"),
    ("gurmukhi", "\u0a00-\u0a7f", "pa"),
    ("gujarati", "\u0a80-\u0aff", "gu"),
    ("tamil", "\u0b80-\u0bff", "ta"),
    ("telugu", "\u0c00-\u0c7f", "te"),
    ("kannada", "\u0c80-\u0cff", "kn"),
    ("malayalam", "\u0d00-\u0d7f", "ml"),
    ("sinhala", "\u0d80-\u0dff", "si"),
    ("khmer", "\u1780-\u17ff", "km"),
    ("lao", "\u0e80-\u0eff", "lo"),
    ("burmese", "\u1000-\u109f", "my"),
    ("ethiopic", "\u1200-\u137f", "am"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefe", ""),
    ("cyrillic", "\u0400-\u052f", ""),
    ("devanagari", "\u0900-\u097f", ""),
    ("han", "\u3400-\u9fff\uf900-\ufaff", ""),
    ("latin", "A-Za-z\u00c0-\u024f\u0259\u1e00-\u1eff", ""),
)
_SCRIPT_OF = re.compile("|".join(f"(?P<{name}>[{chars}])" for name, chars, _ in _SCRIPTS))
_SCRIPT_LANGUAGE = {name: language for name, _, language in _SCRIPTS if language}
_MIXED_LANGUAGES = {
    "arabic": {"ar", "fa", "ur", "ps", "ku", "ug", "sd"},
    "cyrillic": {"ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg", "tt", "uz", "az", "bs"},
    "devanagari": {"hi", "mr", "ne"},
    "han": {"zh", "ja"},
}
_LATIN_EXCLUDED = {
    *_SCRIPT_LANGUAGE.values(),
    *("ar", "fa", "ur", "ps", "sd", "ug", "ru", "uk", "be", "bg", "mk", "ky", "tg", "mn", "tt", "hi", "mr", "ne", "zh"),
}
_DATA = package_toml("pipeline.text", "language.toml")
_WORDS = {code: frozenset(listed.split()) for code, listed in _DATA["words"].items()}
_CLOSE = [frozenset(group.split()) for group in _DATA["close"]]
_TOKEN = re.compile(r"[^\W\d_]+")
_MIN_TOKENS, _MIN_SHARE = 8, 0.18
# An address of mail is tried once a word, from its beginning.
_URL = re.compile(r"https?://\S+|(?<!\S)\S+@\S+|www\.\S+")


def detect(title: str, text: str, *, page_hint: str | None = None, feed_hint: str | None = None) -> LanguageGuess:
    """The language of an article. Hints are claims such as ``en-GB`` or ``pt_BR``. Never raises."""
    # Some pages set their headline in another language than their text: the text goes first, the title helps a short one.
    sample = _URL.sub(" ", text[: MAX_CHARS * 2])[:MAX_CHARS]
    scripts = _scripts(sample)
    if scripts.total() < MIN_LETTERS:
        sample = f"{title[:MAX_CHARS]}\n{sample}"[:MAX_CHARS]
        scripts = _scripts(sample)
    letters = scripts.total()
    hints: tuple[tuple[DecidedBy, str | None], ...] = (
        ("page", language_code(page_hint)),
        ("feed", language_code(feed_hint)),
    )
    script = _leading_script(scripts)
    if script in _SCRIPT_LANGUAGE and letters >= 10:
        return LanguageGuess(_SCRIPT_LANGUAGE[script], round(min(1.0, 0.7 + letters / 200), 3), "text")
    fitting = [(by, code) for by, code in hints if code and _fits(code, script)]
    # An ideograph says as much as a syllable or two: 20 of them are a long sentence.
    enough = MIN_LETTERS // 3 if script == "han" else MIN_LETTERS
    if letters < enough and fitting:
        return LanguageGuess(fitting[0][1], 0.5, fitting[0][0])
    code, confidence, told = _by_text(sample, script)
    # langdetect is sure of itself on two letters too.
    if letters < enough and (letters < enough // 3 or confidence < SURE):
        code = None
    unknown = next(
        ((by, hint) for by, hint in fitting if script == "latin" and hint not in langdetect_fast.profiles().languages),
        None,
    )
    # No template's default: a claim of Zulu beats langdetect's Swahili, as it doesn't know Zulu; but not plain English.
    if unknown and (code is None or _are_close(unknown[1], code) or not (told or _is_plain(code, sample))):
        return LanguageGuess(unknown[1], 0.5, unknown[0])
    if code is not None and confidence >= MIN_CONFIDENCE:
        return LanguageGuess(code, confidence, "text")
    if fitting:
        return LanguageGuess(fitting[0][1], 0.5, fitting[0][0])
    return LanguageGuess(None, 0.0, "none")


def language_code(hint: str | None) -> str | None:
    """The ISO 639-1 code of a claim such as ``en-GB``, ``zh_Hant``, ``ger``; None if it is not one."""
    if not hint:
        return None
    found = re.match(r"\s*([A-Za-z]{2,3})(?![A-Za-z])", hint)
    if not found:
        return None
    code = _ALIASES.get(found[1].lower(), found[1].lower())
    return code if len(code) == 2 else None


class _ScriptOf(dict[str, str]):
    """Character → its writing system, "" for an unknown one. A cache: a text has few different characters."""

    def __missing__(self, char: str) -> str:
        found = _SCRIPT_OF.match(char)
        self[char] = script = (found.lastgroup or "") if found else ""
        return script


_script_of = _ScriptOf()


def _scripts(text: str) -> Counter[str]:
    """How many letters of each writing system there are, in the order of their first letters."""
    scripts = Counter[str]()
    for char, number in Counter(text).items():
        if script := _script_of[char]:
            scripts[script] += number
    return scripts


def _leading_script(scripts: Counter[str]) -> str:
    """The script of most letters; Japanese and Korean use Han beside their own letters."""
    if not scripts:
        return ""
    letters = scripts.total()
    for own in ("kana", "hangul"):
        if (
            scripts[own] >= letters * (0.08 if own == "kana" else 0.3)
            and scripts[own] + scripts["han"] >= letters * 0.4
        ):
            return own
    return scripts.most_common(1)[0][0]


def _fits(code: str, script: str) -> bool:
    """Whether a claimed language is ever written in the script found: templates claim ``en`` for anything."""
    if script in _SCRIPT_LANGUAGE:
        return code == _SCRIPT_LANGUAGE[script]
    if script in _MIXED_LANGUAGES:
        return code in _MIXED_LANGUAGES[script]
    return not script or code not in _LATIN_EXCLUDED


def _are_close(one: str, other: str) -> bool:
    return any(one in group and other in group for group in _CLOSE)


def _is_plain(code: str, sample: str) -> bool:
    """Whether the sample has as many small words of the language as only its texts have."""
    tokens = _TOKEN.findall(sample.lower())
    words = _WORDS.get(code)
    return (
        words is not None
        and len(tokens) >= _MIN_TOKENS
        and sum(one in words for one in tokens) >= len(tokens) * _MIN_SHARE
    )


def _by_text(sample: str, script: str) -> tuple[str | None, float, bool]:
    """Language, confidence, and whether letters that only it has told it."""
    if script == "han":
        return "zh", 0.95, True
    by_letters: Callable[[str], str | None] | None = {
        "arabic": _arabic,
        "cyrillic": _cyrillic,
        "latin": _latin,
    }.get(script)
    told = by_letters(sample) if by_letters else None
    code, confidence = _langdetect(sample)
    if told is not None and told != code:
        return told, 0.9, True
    if code is not None and not _fits(code, script):
        return None, 0.0, False
    return code, confidence, told is not None


def _latin(sample: str) -> str | None:
    """Languages in Latin letters that langdetect lacks, by letters that hardly any other has."""
    lower = sample.lower()
    letters = sum(char.isalpha() for char in lower)
    if letters < 20:
        return None
    if lower.count("ə") > letters * 0.01:
        return "az"
    if _UZBEK.search(lower):
        tokens = _TOKEN.findall(lower)
        if sum(one in _UZBEK_WORDS for one in tokens) >= len(tokens) * _UZBEK_SHARE:
            return "uz"
    return None


_UZBEK = re.compile("[og][\u02bb\u02bc\u2018\u2019`'](?=[a-z])")
_UZBEK_WORDS = frozenset(_DATA["uzbek"].split())
_UZBEK_SHARE = 0.08


def _arabic(sample: str) -> str | None:
    """Distinguish languages in Arabic letters by the letters that the others lack, as shares of the Arabic letters."""
    count = Counter(sample)
    letters = sum(number for char, number in count.items() if "\u0600" <= char <= "\u06ff")
    if letters < 20:
        return None
    if sum(count[char] for char in "ٹڈڑےںہھۓ") > letters * 0.02:
        return "ur"
    if sum(count[char] for char in "ټډړږښڼې") > letters * 0.01:
        return "ps"
    if sum(count[char] for char in "ڕڵۆێە") > letters * 0.04:
        return "ku"
    persian = sum(count[char] for char in "پچژگیک")
    arabic = sum(count[char] for char in "ةيىكإأؤ")
    # Persian typed on an Arabic keyboard has ي and ك, but still پ, چ, ژ, گ; Arabic has ة and hardly those.
    if persian > arabic and sum(count[char] for char in "پچژگ") > letters * 0.005:
        return "fa"
    if count["ة"] > letters * 0.005 and arabic > persian:
        return "ar"
    return None


def _cyrillic(sample: str) -> str | None:
    count = Counter(sample.lower())
    letters = sum(number for char, number in count.items() if "\u0400" <= char <= "\u04ff")
    if letters < 20:
        return None
    central = sum(count[char] for char in "әғқңөұүһҷҳӣӯ")
    if central > letters * 0.01:
        return _central_asian(count)
    if count["ў"] > letters * 0.004:
        return "be"
    if sum(count[char] for char in "ѓќѕ") > letters * 0.002:
        return "mk"
    if sum(count[char] for char in "ђћџ") > letters * 0.002:
        return "sr"
    if count["ј"] > letters * 0.01:
        return _serbian_or_macedonian(sample)
    ukrainian, russian = sum(count[char] for char in "іїєґ"), sum(count[char] for char in "ыэъё")
    if ukrainian > russian and ukrainian > letters * 0.01:
        return "uk"
    # Bulgarian has ъ all over, but neither ы nor э.
    if count["ы"] + count["э"] > letters * 0.004 and russian > ukrainian:
        return "ru"
    if count["ъ"] > letters * 0.01:
        return "bg"
    return None


def _central_asian(count: Counter[str]) -> str | None:
    """Among the languages with Cyrillic letters of their own beyond the Slavic ones."""
    if count["ҷ"] or count["ӣ"] or count["ӯ"]:
        return "tg"
    if count["ў"] and count["ҳ"] + count["қ"] + count["ғ"]:
        return "uz"
    if count["ә"] and (count["җ"] or not count["қ"] + count["ғ"] + count["ұ"]):
        return "tt"
    if count["ә"] + count["ұ"] + count["қ"] + count["ғ"] + count["і"]:
        return "kk"
    if count["ң"]:
        return "ky"
    return "mn" if count["ү"] and count["ө"] else None


_SERBIAN = frozenset(_DATA["serbian"].split())
_MACEDONIAN = frozenset(_DATA["macedonian"].split())


def _serbian_or_macedonian(sample: str) -> str | None:
    tokens = _TOKEN.findall(sample.lower())
    serbian, macedonian = (sum(one in words for one in tokens) for words in (_SERBIAN, _MACEDONIAN))
    return None if serbian == macedonian else "sr" if serbian > macedonian else "mk"


def _langdetect(sample: str) -> tuple[str | None, float]:
    best = langdetect_fast.guess(sample)
    return (None, 0.0) if best is None else (language_code(best.language), round(best.probability, 3))
