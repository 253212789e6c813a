"""Stems of words by the document's language: Snowball's stemmers, and a table of lemmas for Ukrainian, which Snowball lacks.

If the language is unknown, words are stemmed by their script: English for Latin, Russian for Cyrillic and so on. Words
in a script other than the language's own are not stemmed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import Stemmer  # type: ignore[import-not-found]

from core.query.folding import as_written, fold, without_particles
from core.query.joints import forms_of

_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_SCRIPTS = {
    "Cyrillic": (("\u0400", "\u052f"), ("ru", "uk", "sr")),
    "Arabic": (("\u0600", "\u06ff"), ("ar", "fa")),
    "Greek": (("\u0370", "\u03ff"), ("el",)),
    "Armenian": (("\u0530", "\u058f"), ("hy",)),
    "Devanagari": (("\u0900", "\u097f"), ("hi", "ne")),
    "Tamil": (("\u0b80", "\u0bff"), ("ta",)),
    "Hebrew": (("\u0590", "\u05ff"), ("yi",)),
}
"""Script → its letters, and the languages that are stemmed in it, first the one for an unknown language."""
_OTHERS = frozenset(language for _, languages in _SCRIPTS.values() for language in languages)
_LATIN = ("en", *sorted((set(_SNOWBALL) - _OTHERS | {"sr"}) - {"en"}))
_KEPT = 1 << 16


def languages_of(word: str) -> tuple[str, ...]:
    """Languages (ISO 639-1) that stem words in the script of ``word``, first the one for an unknown language."""
    for (low, high), languages in _SCRIPTS.values():
        if any(low <= char <= high for char in word):
            return languages
    return _LATIN if any(char.isalpha() and char < "\u0250" for char in word) else ()


class _Stems(dict[str, tuple[str, ...]]):
    """Word as written → its stems in one language, computed on first use."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._stem: Callable[[str], str]
        if language == "uk":
            import simplemma  # its tables take a tenth of a second to load, so only on the first Ukrainian word

            self._stem = lambda word: simplemma.lemmatize(word, lang="uk")
        else:
            self._stem = Stemmer.Stemmer(_SNOWBALL[language]).stemWord

    def __missing__(self, word: str) -> tuple[str, ...]:
        # Turkish: İ lower-cases to two code points, of which the second is a mark unknown to stemmers.
        lower = as_written(word).replace("İ", "i").lower()
        found = {fold(self._stem(lower)): None}
        if self._language in ("ar", "fa"):
            key = fold(word)
            readings = (key, *without_particles(key)) if self._language == "ar" else (key,)
            found.update((fold(self._stem(reading)), None) for reading in readings)
        found.pop("", None)
        if len(self) >= _KEPT:
            self.clear()
        self[word] = stems = tuple(found)
        return stems


@cache
def _stems_in(language: str) -> _Stems:
    return _Stems(language)


class _Named(dict[str, tuple[str, ...]]):
    """Word as written → ``stems`` in a document of one language (None: unknown)."""

    def __init__(self, language: str | None) -> None:
        self._language = language

    def __missing__(self, word: str) -> tuple[str, ...]:
        languages = languages_of(word)
        stemmed_in = languages[0] if languages and self._language is None else self._language
        found: tuple[str, ...] = ()
        if stemmed_in is not None and stemmed_in in languages:
            found = tuple(f"{stemmed_in}~{stem}" for stem in _stems_in(stemmed_in)[word])
        if len(self) >= _KEPT:
            self.clear()
        self[word] = found
        return found


@lru_cache(maxsize=256)
def stems_in(language: str | None) -> dict[str, tuple[str, ...]]:
    """Word as written → its folded stems in a document of ``language``, each as ``language~stem``; none without a stemmer."""
    return _Named(language)


class _OfText(dict[str, tuple[str, ...]]):
    """Word as written in a text → the stems of the word and of its pieces (``joints.forms_of``)."""

    def __init__(self, language: str | None) -> None:
        self._stems = stems_in(language)

    def __missing__(self, word: str) -> tuple[str, ...]:
        forms = forms_of(word)
        found = self._stems[word]
        if len(forms) > 1:
            found = tuple(dict.fromkeys(stem for form in forms for stem in self._stems[form]))
        if len(self) >= _KEPT:
            self.clear()
        self[word] = found
        return found


@lru_cache(maxsize=256)
def stems_in_text(language: str | None) -> dict[str, tuple[str, ...]]:
    """``stems_in`` for the words of a text, which may have pieces."""
    return _OfText(language)


def stems(word: str, language: str | None) -> tuple[str, ...]:
    """``stems_in`` for a single word."""
    return stems_in(language)[word]


def all_stems(word: str) -> frozenset[str]:
    """``stems`` in every language."""
    return frozenset(stem for language in languages_of(word) for stem in stems(word, language))
