"""The reader's language: sentences from the catalogues, and numbers, dates and lists in the form of that language.

English is the source: its sentences are in the code and in the templates. Every folder in ``languages`` holds the catalogue
of another language (gettext's ``.po``). A request, or the code that writes a message to a person, sets the language once; all
functions here use it. Elsewhere, in logs and in the API, the language is English. CONTRIBUTING.md says how to write sentences.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale
from babel.dates import format_datetime, format_skeleton
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from core.errors import WirewatchError
from core.saying import Said

SOURCE = "en"
_SAMPLES = (*range(200), *(10**power for power in range(3, 10)))
"""Counts that include every plural category that a whole number can have in any language."""
FOLDER = Path(__file__).parent / "languages"
LANGUAGES: tuple[str, ...] = (SOURCE, *sorted(path.parent.name for path in FOLDER.glob("*/desk.po")))
"""Codes of the available languages, the source first."""

_CURRENT: ContextVar[str] = ContextVar("language", default=SOURCE)
# The desk writes hours from 0 to 23 and the day before the month, as British English does.
_LOCALES = {SOURCE: "en_GB"}


def current() -> str:
    """The code of the current language."""
    return _CURRENT.get()


def speak(code: str) -> None:
    """Use this language for the rest of the task or thread; English if it has no catalogue."""
    _CURRENT.set(code if code in LANGUAGES else SOURCE)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Use this language within the ``with`` block; English if it has no catalogue."""
    before = _CURRENT.set(code if code in LANGUAGES else SOURCE)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def preferred(accepted: str, otherwise: str = SOURCE) -> str:
    """The best available language for an ``Accept-Language`` header; ``otherwise`` if it names none of them.

    A regional variant (``de-AT``) counts as its language. Entries that can't be parsed are ignored.
    """
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:1_000].split(",")):
        name, _, weight = part.strip().partition(";")
        code = name.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            ranked.append((-_quality(weight), place, code))
    best = min(ranked, default=None)
    return best[2] if best is not None and best[0] < 0 else otherwise


def _quality(weight: str) -> float:
    try:
        return float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


@cache
def locale_of(code: str) -> Locale:
    """Babel's locale of a language, which formats numbers, dates and lists."""
    return Locale.parse(_LOCALES.get(code, code))


def locale() -> Locale:
    """Babel's locale of the current language."""
    return locale_of(current())


def own_name(code: str) -> str:
    """A language's name in that language, for a list to choose from: English, Deutsch."""
    return capitalised(Locale.parse(code).display_name or code)


def capitalised(text: str) -> str:
    """A text with its first letter in upper case; the rest stays, unlike with Jinja's ``capitalize``."""
    return text[:1].upper() + text[1:]


def direction() -> str:
    """The writing direction of the current language: ``ltr`` or ``rtl``."""
    return str(locale().text_direction)


def read_catalogue(code: str) -> Catalog:
    """The catalogue of a language as translators edit it."""
    with (FOLDER / code / "desk.po").open("rb") as source:
        return read_po(source, locale=code)


@cache
def catalogue(code: str) -> NullTranslations:
    """The sentences of a language, compiled from its ``.po`` at first use; English has none."""
    if code == SOURCE:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(code))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def script_words(code: str) -> Mapping[str, str | Mapping[str, str]]:
    """The sentences that the pages' scripts use: English → translation, or English → plural category → form."""
    if code == SOURCE:
        return {}
    # Scripts use CLDR's categories, a catalogue the forms of its header: French has three categories and two forms.
    category = locale_of(code).plural_form
    samples = {category(count): count for count in reversed(_SAMPLES)}
    said = catalogue(code)
    found: dict[str, str | Mapping[str, str]] = {}
    for message in read_catalogue(code):
        if message.string and any(path.endswith(".js") for path, _ in message.locations):
            if isinstance(message.id, str):
                found[message.id] = str(message.string)
            else:
                one, many = message.id
                found[one] = {name: said.ngettext(one, many, count) for name, count in samples.items()}
    return found


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a sentence of a table for the catalogues; ``gettext`` translates it when it is shown."""
    return message


def as_written(values: Mapping[str, object]) -> dict[str, object]:
    """The values of a sentence, with numbers formatted for the current language."""
    return {
        name: number(one) if isinstance(one, int | float) and not isinstance(one, bool) else one
        for name, one in values.items()
    }


def gettext(message: str, **values: object) -> str:
    """The sentence in the current language, with ``%(name)s`` filled in and numbers formatted for the language.

    A literal % is written twice, here and in the functions below.
    """
    return catalogue(current()).gettext(message) % as_written(values)


def known(text: str) -> str:
    """A stored text in the current language if it is a marked sentence; any other text unchanged."""
    return catalogue(current()).gettext(text) if text else ""


def said(message: str | Said) -> str:
    """A sentence with its values (``core.saying``) in the current language; plain text unchanged."""
    if isinstance(message, str):
        return message
    if message.plain is not None and current() == SOURCE:
        return message.plain
    values = {name: _said_value(one) for name, one in message.values.items()}
    if message.plural is not None:
        return ngettext(message.sentence, message.plural.many, message.plural.count, **values)
    return gettext(message.sentence, **values)


def _said_value(value: object) -> object:
    match value:
        case Said():
            return said(value)
        case tuple():
            return listed(_said_value(one) for one in value)
        case datetime():
            return f"{day(value, year=True)} {hour_and_minute(value)} UTC"
    return value


def said_error(error: WirewatchError) -> str:
    """An error's message and next step, in the current language if its sentences are in the catalogue."""
    return f"{said(error.said)} — {error.hint}" if error.hint else said(error.said)


def in_words(table: Mapping[str, str | Said], key: str) -> str:
    """The word for a key of a table of marked sentences, in the current language; an unknown key unchanged."""
    if (word := table.get(key)) is None:
        return key
    return said(word) if isinstance(word, Said) else gettext(word)


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The form of the sentence for this count; ``%(num)s`` is the count, formatted for the language."""
    return catalogue(current()).ngettext(one, many, count) % as_written({"num": count, **values})


def pgettext(context: str, message: str, **values: object) -> str:
    """The sentence translated for a context, for words that other languages distinguish by meaning."""
    return catalogue(current()).pgettext(context, message) % as_written(values)


def number(value: float, digits: int | None = None) -> str:
    """A number formatted for the language, always with Western digits; ``digits``: how many after the decimal point."""
    pattern = None if digits is None else f"#,##0.{'0' * digits}" if digits else "#,##0"
    return format_decimal(value, pattern, locale=locale())


def percent(value: float) -> str:
    """0.25 as 25%, in the form of the language."""
    return format_percent(value, locale=locale())


def listed(items: Iterable[object]) -> str:
    """Items of a list, without a conjunction before the last: a, b, c."""
    return pgettext("between items of a list", ", ").join(str(item) for item in items)


def hour_and_minute(moment: datetime) -> str:
    """14:05, without seconds, in the moment's own time zone."""
    return format_datetime(moment, "HH:mm", locale=locale())


def day(moment: datetime, *, year: bool = False, weekday: bool = False) -> str:
    """30 Nov, with ``year`` and ``weekday`` if requested, in the moment's own time zone."""
    pattern = f"{'y' if year else ''}MMM{'E' if weekday else ''}d"
    return format_skeleton(pattern, moment, locale=locale())
