"""The language that a person reads: sentences from the catalogues, numbers, dates and lists as people write them in it.

English is the source: its sentences are in the code and in the templates. Every folder of ``languages`` holds the catalogue
of another language (gettext's ``.po``). A request, or the work on a message for someone, sets its language once; all functions
here follow it. Outside of these, in logs and in the API, it is English. CONTRIBUTING.md says how sentences are written.
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
"""Counts among which every plural category of a language that a whole number can have occurs."""
FOLDER = Path(__file__).parent / "languages"
LANGUAGES: tuple[str, ...] = (SOURCE, *sorted(path.parent.name for path in FOLDER.glob("*/desk.po")))
"""Codes of the languages that there are, the source first."""

_CURRENT: ContextVar[str] = ContextVar("language", default=SOURCE)
# The desk writes hours from 0 to 23 and the day before the month, as British English does.
_LOCALES = {SOURCE: "en_GB"}


def current() -> str:
    """The code of the language that is being spoken."""
    return _CURRENT.get()


def speak(code: str) -> None:
    """Use this language for the rest of the task or thread; one without a catalogue counts as English."""
    _CURRENT.set(code if code in LANGUAGES else SOURCE)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Use this language for a while; one without a catalogue counts as English."""
    before = _CURRENT.set(code if code in LANGUAGES else SOURCE)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def preferred(accepted: str, otherwise: str = SOURCE) -> str:
    """The best of our languages for an ``Accept-Language`` header; ``otherwise`` if it names none of them.

    A regional variant (``de-AT``) counts as its language. What can't be read is ignored.
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
    """How the language writes numbers, dates and lists."""
    return Locale.parse(_LOCALES.get(code, code))


def locale() -> Locale:
    """The same of the current language."""
    return locale_of(current())


def own_name(code: str) -> str:
    """What a language calls itself, as in a list to choose from: English, Deutsch."""
    name = Locale.parse(code).display_name or code
    return name[:1].upper() + name[1:]


def direction() -> str:
    """``ltr`` or ``rtl``."""
    return str(locale().text_direction)


def read_catalogue(code: str) -> Catalog:
    """The catalogue of a language as translators edit it."""
    with (FOLDER / code / "desk.po").open("rb") as source:
        return read_po(source, locale=code)


@cache
def catalogue(code: str) -> NullTranslations:
    """The sentences of a language, compiled from its ``.po`` when they are first wanted; English needs none."""
    if code == SOURCE:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(code))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def script_words(code: str) -> Mapping[str, str | Mapping[str, str]]:
    """The sentences that scripts of pages say: by the English one its translation, or its forms by their plural category."""
    if code == SOURCE:
        return {}
    # Scripts know CLDR's categories, a catalogue the forms of its header: French has three of those and two of these.
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
    """Values of a sentence, numbers among them as the current language writes them."""
    return {
        name: number(one) if isinstance(one, int | float) and not isinstance(one, bool) else one
        for name, one in values.items()
    }


def gettext(message: str, **values: object) -> str:
    """The sentence in the current language, its ``%(name)s`` filled, numbers as it writes them.

    A % of the sentence is written twice, in all of these.
    """
    return catalogue(current()).gettext(message) % as_written(values)


def known(text: str) -> str:
    """A stored text that may be a marked sentence, in the current language; any other as it is."""
    return catalogue(current()).gettext(text) if text else ""


def said(message: str | Said) -> str:
    """A sentence that was carried with its values (``core.saying``) in the current language; plain text as it is."""
    if isinstance(message, str):
        return message
    values = {name: said(one) if isinstance(one, Said) else one for name, one in message.values.items()}
    return gettext(message.sentence, **values)


def said_error(error: WirewatchError) -> str:
    """What an error says to a person, with the next step, in the current language as far as its words are known."""
    return f"{said(error.said)} — {error.hint}" if error.hint else said(error.said)


def in_words(table: Mapping[str, str], key: str) -> str:
    """The word of a table of marked sentences, in the current language; a key that the table does not have as it is."""
    return gettext(table[key]) if key in table else key


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The form of the sentence for this count; ``%(num)s`` is the count as the language writes it."""
    return catalogue(current()).ngettext(one, many, count) % as_written({"num": count, **values})


def pgettext(context: str, message: str, **values: object) -> str:
    """The sentence as it is meant in a context, for words that other languages tell apart."""
    return catalogue(current()).pgettext(context, message) % as_written(values)


def number(value: float, digits: int | None = None) -> str:
    """1,234.5 as the language writes it, with Western digits in all of them; ``digits``: so many behind the point."""
    pattern = None if digits is None else f"#,##0.{'0' * digits}" if digits else "#,##0"
    return format_decimal(value, pattern, locale=locale())


def percent(value: float) -> str:
    """0.25 as 25 %."""
    return format_percent(value, locale=locale())


def listed(items: Iterable[object]) -> str:
    """Items of a list, without a word before the last: a, b, c."""
    return pgettext("between items of a list", ", ").join(str(item) for item in items)


def hour_and_minute(moment: datetime) -> str:
    """14:05; seconds are left out. The moment's own time zone holds, here and below."""
    return format_datetime(moment, "HH:mm", locale=locale())


def day(moment: datetime, *, year: bool = False, weekday: bool = False) -> str:
    """30 Nov, with the year and the day of the week if they are wanted."""
    pattern = f"{'y' if year else ''}MMM{'E' if weekday else ''}d"
    return format_skeleton(pattern, moment, locale=locale())
