"""Countries named in articles: their names by language, the query that finds one, and the tile map. Pure.

Names are from Unicode CLDR, through Babel, and a few from ``countries.toml``. A country counts if its name is among the first
``LEAD`` words of the title or the text, in the article's own language and in any inflection that the language's stemmer knows.
Ambiguous names (Jordan, Georgia, Chad) count as countries; names of inhabitants and capitals do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from core.query import Document, QueryIndex, parse
from core.topics.terms import country_names as cldr_names
from desk.language import SOURCE, current

LEAD = 40
"""Words of a text's beginning: about its first paragraph."""
_WORD = re.compile(r"\w+")


class Tile(NamedTuple):
    """A country on the map. Column and row count from 0."""

    code: str
    column: int
    row: int


@cache
def tiles() -> tuple[Tile, ...]:
    """The tiles of the map, row by row from the north-west."""
    return tuple(
        Tile(code, column, row)
        for row, line in enumerate(_data().map.split("\n"))
        for column, code in enumerate(line.split())
        if code != ".."
    )


@cache
def country_names(language: str) -> Mapping[str, tuple[str, ...]]:
    """Names of the map's countries in a language (ISO 639-1), the usual name first; empty for a language that CLDR lacks."""
    also = _data().also.get(language, {})
    each = {tile.code: (*cldr_names(tile.code, language), *also.get(tile.code, ())) for tile in tiles()}
    return {code: tuple(dict.fromkeys(names)) for code, names in each.items() if names}


def country_name(code: str) -> str:
    """The country's name in the current language, else in English; the code if CLDR has none."""
    return (country_names(current()).get(code) or country_names(SOURCE).get(code) or (code,))[0]


@cache
def query_in(code: str, language: str) -> str:
    """The query that finds a country in articles in a language; empty if the language has no name for it."""
    names = country_names(language)
    mine = names.get(code, ())
    if not mine:
        return ""
    query = _lead(mine)
    # Papua New Guinea does not mean Guinea, nor South Sudan Sudan.
    longer = [one for other, theirs in names.items() if other != code for one in theirs if _within(mine, one)]
    return f"({query} NOT {_lead(longer)})" if longer else query


def country_query(code: str, languages: Iterable[str]) -> str:
    """The search query that finds a country in articles in these languages; empty if there is none."""
    parts = [f"(lang:{language} {query})" for language in sorted(set(languages)) if (query := query_in(code, language))]
    return " OR ".join(parts)


class CountryFinder:
    """Finds the countries that articles name. Use an instance from one thread only."""

    def __init__(self) -> None:
        self._indexes: dict[str, QueryIndex[str]] = {}

    def countries(self, title: str, text: str, language: str | None) -> list[str]:
        """Codes of countries named in the title or at the beginning of the text, in the order of the map."""
        if not language:
            return []
        index = self._indexes.get(language)
        if index is None:
            index = self._indexes[language] = QueryIndex()
            for code in country_names(language):
                index.add(code, parse(query_in(code, language)))
        # More characters than LEAD words have, but not all of a long text.
        return list(index.decide(Document(title[:2_000], text[: LEAD * 30], language=language)).matching)


def _lead(names: Iterable[str]) -> str:
    return f"LEAD/{LEAD}({' OR '.join(map(_term, names))})"


def _term(name: str) -> str:
    initials = _letters(name).isupper() and len(_letters(name)) < 4
    return f'{"cs" if initials else "stem"}:"{name}"'


def _letters(name: str) -> str:
    return "".join(char for char in name if char.isalpha())


def _within(mine: Iterable[str], longer: str) -> bool:
    words = _WORD.findall(longer.casefold())
    return any(
        len(part) < len(words) and any(words[at : at + len(part)] == part for at in range(len(words)))
        for part in _word_lists(mine)
    )


def _word_lists(names: Iterable[str]) -> Iterator[list[str]]:
    for name in names:
        if part := _WORD.findall(name.casefold()):
            yield part


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    map: str
    also: dict[str, dict[str, tuple[str, ...]]]


@cache
def _data() -> _Data:
    return msgspec.toml.decode(files("desk.views").joinpath("countries.toml").read_bytes(), type=_Data)
