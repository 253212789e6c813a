"""Names of persons as written: capitals, surname first, small words, attached roles; names of agencies."""

from __future__ import annotations

import re

from core.normal import normalized
from core.package_data import package_toml
from pipeline.extraction.values import phrases_of
from pipeline.text.agencies import AGENCIES
from pipeline.text.characters import folded

_DATA = package_toml("pipeline.extraction", "names.toml")
PARTICLES = frozenset(
    [
        "de",
        "van",
        "von",
        "der",
        "den",
        "la",
        "le",
        "bin",
        "ibn",
        "al",
        "el",
        "da",
        "do",
        "dos",
        "das",
        "di",
        "du",
        "del",
        "della",
        "ter",
        "ten",
        "af",
        "av",
        "zu",
        "zum",
        "y",
        "i",
        "e",
        "bint",
        "abu",
        "ben",
        "dela",
        "mc",
        "o",
    ]
)
_AGENCIES = frozenset(folded(form) for _, forms in AGENCIES for form in forms)
_ARTICLES = frozenset({"the", "la", "le", "el", "il", "die", "de", "η", "a", "az", "o"})
_DESKS = phrases_of(_DATA["desks"])
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_TURKISH = re.compile("[İĞŞığş]")
_LETTERS = re.compile(r"[^\W\d_]+")
_MIN_SHOUTED = 4
_NUMERALS = frozenset({"II", "III", "IV", "JR", "SR"})
_VOWELS = frozenset("AEIOUYÄÖÜÅÆØÁÉÍÓÚАЕЁИОУЫЭЮЯІЇЄΑΕΗΙΟΥΩ")


# "ソウル＝田中太郎": where he wrote from, and a name in Chinese letters.
_FROM_A_TOWN = re.compile("^[\u30a0-\u30ff\u3400-\u9fff]{2,10}[＝=](?=[\u3400-\u9fff])")


def _listed(name: str) -> str:
    return "|".join(re.escape(one.strip()) for one in sorted(_DATA[name].split("|"), key=len, reverse=True))


_ONTO_BEFORE = re.compile(
    rf"^(?:{_listed('onto_before')})(?:[\s:：／/・＝=]+|(?=[\u3400-\u9fff]{{2,4}}(?:$|[\s／/（(])))"
)
_ONTO_BEHIND = re.compile(rf"(?<=[\u3400-\u9fff])(?:[\s／/]+[\u3400-\u9fff]{{0,6}})?(?:{_listed('onto_behind')})$")


def is_agency(name: str) -> bool:
    """Whether the name is a news agency's."""
    return folded(name) in _AGENCIES


def begins_with_agency(line: str) -> bool:
    """Whether the line begins with the name of a news agency, perhaps after an article ("the Associated Press")."""
    words = [word.strip(" ,;.()") for word in line.split(maxsplit=5)[:5]]
    if words and folded(words[0]) in _ARTICLES:
        words = words[1:]
    return any(is_agency(" ".join(words[:count])) for count in range(1, len(words) + 1))


def is_desk(name: str) -> bool:
    """Whether the name is a desk's: one of its words, alone or at either end ("Redazione Corriere", "The Post Newsroom")."""
    words = folded(name).split()
    if len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return any(
        " ".join(part) in _DESKS
        for count in range(1, min(2, len(words)) + 1)
        for part in (words[:count], words[-count:])
    )


def is_capitalised(line: str) -> bool:
    """Whether the line's words begin with capitals, save small ones of names, in a script that has them."""
    words = line.split()
    return words[0][:1].isupper() and all(word[:1].isupper() or word.lower() in PARTICLES for word in words)


def has_unspaced(line: str) -> bool:
    """Whether Chinese or Japanese letters stand in the line."""
    return _UNSPACED.search(line) is not None


def without_onto(line: str) -> str:
    """A Chinese or Japanese name without the role before it, and without that he reports, and from where, behind it."""
    line = _FROM_A_TOWN.sub("", line.strip(), count=1)
    for _ in range(2):
        line = _ONTO_BEFORE.sub("", line.strip(), count=1)
    return _ONTO_BEHIND.sub("", line).strip()


def in_order(name: str) -> str:
    """Ann Keel for "Keel, Ann". A comma before anything other than one given name, or between agencies, stays."""
    surname, comma, given = name.partition(",")
    words, given = surname.split(), given.strip()
    if (
        not comma
        or not words
        or "," in given
        or not given
        or len(given.split()) > 2
        or is_agency(given)
        or is_agency(surname)
    ):
        return name
    inner = words[:-1]
    is_surname = len(words) <= 4 and all(word.lower() in PARTICLES for word in inner)
    return f"{given} {surname.strip()}" if is_surname and given[0].isupper() else name


def in_small_letters(name: str) -> str:
    """A name in capitals, converted to normal case; initials, numerals and other proper capitals stay."""
    words = name.split()
    letters = [word for word in words if any(char.isalpha() for char in word)]
    if len(letters) < 2 or name != name.upper() or name == name.lower() or is_agency(name):
        return name
    if not any(len(word) >= _MIN_SHOUTED for word in letters):
        return name
    if any(
        len(word) > 2 and word.isalpha() and not _VOWELS & set(normalized("NFD", word)) and word not in _NUMERALS
        for word in letters
    ):
        return name  # "MDR SACHSEN-ANHALT"
    turkish = _TURKISH.search(name) is not None
    return " ".join(
        word.lower()
        if place and word.lower() in PARTICLES
        else _LETTERS.sub(lambda one: _small(one[0], turkish=turkish), word)
        if "." not in word and not _is_initials(word)
        else word
        for place, word in enumerate(words)
    )


def _is_initials(word: str) -> bool:
    return word.strip(",") in _NUMERALS or (len(word) <= 2 and (not _VOWELS & set(word) or word.endswith("J")))


def _small(word: str, *, turkish: bool) -> str:
    rest = word[1:]
    if turkish:
        rest = rest.replace("I", "ı").replace("İ", "i")
    if word.startswith("MC") and len(word) > _MIN_SHOUTED:
        return f"Mc{word[2]}{rest[2:].lower()}"
    return word[0] + rest.lower()
