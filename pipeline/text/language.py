"""Detects the language of an article from its text, its page and its feed, weighing the evidence.

The writing system decides if only one supported language uses it (Greek, Thai, Hangul, kana …). For others there are
two kinds of evidence in the text: langdetect, whose vote grows with the text's length, and letters and small words
(``voices``), which cover languages that langdetect lacks and distinguish similar ones. Claims of page and feed have a
fixed weight: they decide for a few words, but never against a paragraph. Only the first 800 characters are used (for
all of 258 pages, langdetect's answer is the same as for the whole text, in a third of the time).

langdetect draws random numbers. Its seed is fixed, each guess starts from it, and the profiles are loaded once, so a
guess depends on its text alone, whatever was guessed before. ``langdetect_fast`` does its work in a fifth of its time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pipeline.text import langdetect_fast, voices

MAX_CHARS = 800
MIN_LETTERS = 60

DecidedBy = Literal["text", "page", "feed", "none"]


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """``code`` is ISO 639-1 (None: undecided), ``confidence`` 0 to 1; 0.5 if a hint decided."""

    code: str | None
    confidence: float
    decided_by: DecidedBy


_ALIASES = {
    alias: code
    for code, aliases in {
        "am": "amh", "ar": "ara arb", "az": "aze azj azb", "be": "bel", "bg": "bul", "bn": "ben", "bs": "bos", "ca": "cat",
        "cs": "cze ces", "cy": "wel cym", "da": "dan", "de": "ger deu", "el": "gre ell", "en": "eng", "es": "spa",
        "et": "est ekk", "eu": "baq eus", "fa": "per fas pes prs", "fi": "fin", "fr": "fre fra", "ga": "gle", "gl": "glg",
        "gu": "guj", "ha": "hau", "he": "iw heb", "hi": "hin", "hr": "hrv scr", "hu": "hun", "hy": "arm hye", "id": "in ind",
        "is": "ice isl", "it": "ita", "ja": "jpn jp", "ka": "geo kat", "kk": "kaz", "ko": "kor", "ku": "kur ckb kmr sdh",
        "ky": "kir", "lb": "ltz", "lt": "lit", "lv": "lav lvs", "mk": "mac mkd", "mn": "mon khk", "mr": "mar",
        "ms": "may msa zsm",
        "mt": "mlt", "ne": "nep npi", "nl": "nld dut", "no": "nb nn nor nob nno", "pl": "pol", "ps": "pus pbu pbt", "pt": "por",
        "ro": "mo rum ron", "ru": "rus", "sd": "snd", "sk": "slo slk", "sl": "slv", "so": "som", "sq": "alb sqi als",
        "sr": "sh srp scc hbs", "sv": "swe", "sw": "swa swh", "ta": "tam", "tg": "tgk", "th": "tha", "tk": "tuk",
        "tl": "fil tgl", "tr": "tur", "tt": "tat", "ug": "uig", "uk": "ukr", "ur": "urd", "uz": "uzb uzn", "vi": "vie",
        "yi": "ji yid ydd", "zh": "zho chi cmn yue",
    }.items()
    for alias in aliases.split()
}  # fmt: skip

# One supported language per writing system. Several share Arabic, Cyrillic, Devanagari and Han, which need further evidence.
_SCRIPTS: tuple[tuple[str, str, str], ...] = (
    ("greek", "\u0370-\u03ff\u1f00-\u1fff", "el"),
    ("hebrew", "\u0590-\u05ff", ""),
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
    script: frozenset(codes.split())
    for script, codes in {
        "arabic": "ar fa ur ps ku ug sd",
        "cyrillic": "ru uk bg sr mk be kk ky mn tg tt uz az bs ba cv os ce",
        "hebrew": "he yi",
        "devanagari": "hi mr ne",
        "han": "zh ja",
    }.items()
}
_LATIN_EXCLUDED = {
    *_SCRIPT_LANGUAGE.values(),
    *"ar fa ur ps sd ug he yi ru uk be bg mk ky tg mn tt ba hi mr ne zh".split(),  # noqa: SIM905
}

CLAIM_POINTS: Mapping[DecidedBy, int] = {"page": 26, "feed": 20}
"""The weight of a claim in points of the text: about that of a word that only one language has."""
UNKNOWN_CLAIM_POINTS = 30
"""The lead of a claimed language without a voice over the best guess, since no template claims Zulu by default."""
SURE_POINTS = 24
"""With this lead, the text decides alone; with less, a claim that agrees counts as the decision."""
LEAST_POINTS = 6
"""A smaller lead does not count."""
LETTERS_A_POINT = 2
"""langdetect's vote has one point per this many letters, since it is as certain about two letters as about a page."""
UNDOUBTED_POINTS = 18
"""With this lead of a language that langdetect lacks, its vote counts a third, since it always names a language it knows."""
_CLOSER_POINTS = 10
_BY_CLAIM = 0.5
_FEW_LETTERS = 10
# Languages that differ little except by country: among these, a claim decides.
_CLOSE = tuple(frozenset(group.split()) for group in ("sr hr bs", "id ms", "da no"))
# A mail address is tried once per word, from its beginning.
_URL = re.compile(r"https?://\S+|(?<!\S)\S+@\S+|www\.\S+")


def detect(title: str, text: str, *, page_hint: str | None = None, feed_hint: str | None = None) -> LanguageGuess:
    """The language of an article. Hints are claims such as ``en-GB`` or ``pt_BR``. Never raises."""
    # Some headlines are in a different language than the text, so the text is first; the title helps if the text is short.
    sample = _URL.sub(" ", text[: MAX_CHARS * 2])[:MAX_CHARS]
    scripts = _scripts(sample)
    if scripts.total() < MIN_LETTERS:
        sample = f"{title[:MAX_CHARS]}\n{sample}"[:MAX_CHARS]
        scripts = _scripts(sample)
    script = _leading_script(scripts)
    claims: tuple[tuple[DecidedBy, str | None], ...] = (
        ("page", language_code(page_hint)),
        ("feed", language_code(feed_hint)),
    )
    fitting = [(by, code) for by, code in claims if code and _fits(code, script)]
    letters = scripts.total()
    if script in _SCRIPT_LANGUAGE and letters >= _FEW_LETTERS:
        return LanguageGuess(_SCRIPT_LANGUAGE[script], round(min(1.0, 0.7 + letters / 200), 3), "text")
    return _weighed(_by_text(sample, script, letters), fitting, script, sample)


def _weighed(
    said: Mapping[str, int], claims: Sequence[tuple[DecidedBy, str]], script: str, sample: str
) -> LanguageGuess:
    """The language that text and claims support. ``said``: language → points of the text."""
    best = max(said, key=lambda code: (said[code], code), default=None)
    totals = dict(said)
    for by, code in claims:
        if best is not None and code != best and _are_close(code, best):
            # The outlet distinguishes them more reliably than any text.
            return LanguageGuess(code, _BY_CLAIM, by)
        if code in said or best is None:
            totals[code] = totals.get(code, 0) + CLAIM_POINTS[by]
        elif not voices.is_plain(best, script, sample):
            # The best guess may only be the nearest language that has a voice.
            totals[code] = said[best] + UNKNOWN_CLAIM_POINTS
    if not totals:
        return LanguageGuess(None, 0.0, "none")
    # Among equals, the claimed language, then alphabetical order, which is the same on every machine.
    claimed = {code for _, code in claims}
    winner = max(totals, key=lambda code: (totals[code], code in claimed, code))
    others = (value for code, value in said.items() if code != winner and not _are_close(code, winner))
    lead = said.get(winner, 0) - max(others, default=0)
    if winner == best and lead >= SURE_POINTS:
        return LanguageGuess(winner, round(min(1.0, 0.5 + lead / (4 * SURE_POINTS)), 3), "text")
    for by, code in claims:
        if code == winner:
            return LanguageGuess(winner, _BY_CLAIM, by)
    if winner == best and lead >= LEAST_POINTS:
        return LanguageGuess(winner, _BY_CLAIM, "text")
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
    """A cache: character → its writing system, or "" if unknown. A text has few different characters."""

    def __missing__(self, char: str) -> str:
        found = _SCRIPT_OF.match(char)
        self[char] = script = (found.lastgroup or "") if found else ""
        return script


_script_of = _ScriptOf()


def _scripts(text: str) -> Counter[str]:
    """The number of letters of each writing system, in the order of their first occurrence."""
    scripts = Counter[str]()
    for char, number in Counter(text).items():
        if script := _script_of[char]:
            scripts[script] += number
    return scripts


def _leading_script(scripts: Counter[str]) -> str:
    """The script of most letters; Japanese and Korean use Han in addition to their own letters."""
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
    """Whether a claimed language is ever written in the detected script, since templates claim ``en`` for anything."""
    if script in _SCRIPT_LANGUAGE:
        return code == _SCRIPT_LANGUAGE[script]
    if script in _MIXED_LANGUAGES:
        return code in _MIXED_LANGUAGES[script]
    return not script or code not in _LATIN_EXCLUDED


def _are_close(one: str, other: str) -> bool:
    return any(one in group and other in group for group in _CLOSE)


@cache
def _detected() -> frozenset[str | None]:
    """The languages that langdetect knows."""
    return frozenset(map(language_code, langdetect_fast.profiles().languages))


def _by_text(sample: str, script: str, letters: int) -> dict[str, int]:
    """Language → integer points from the text, by letters, words and langdetect."""
    if script == "han":
        return {"zh": letters + LEAST_POINTS}  # Japanese in ideographs only is a headline
    said = voices.points(sample, script)
    code, confidence = _langdetect(sample)
    if code is None or not _fits(code, script):
        return said
    worth = int(confidence * 100) * (letters // LETTERS_A_POINT) // 100
    best = max(said, key=lambda one: (said[one], one), default=code)
    if best not in _detected():
        lead = said[best] - said.get(code, 0)
        if lead >= _CLOSER_POINTS and _are_close(best, code):
            code = best  # it knows only one of several similar languages
        elif lead >= UNDOUBTED_POINTS:
            worth //= 3
    said[code] = said.get(code, 0) + worth
    return said


def _langdetect(sample: str) -> tuple[str | None, float]:
    best = langdetect_fast.guess(sample)
    return (None, 0.0) if best is None else (language_code(best.language), round(best.probability, 3))
