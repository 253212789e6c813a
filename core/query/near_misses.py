"""Finds words that were probably meant as an operator, a phrase or a group: near-misses of the language's signs.

Each has the text that was probably meant in its place; replacing them gives the corrected query. Text in double quotes
is never checked: ``"or"`` means the word. It works on the text, whether it parses or not, in linear time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

import regex  # type: ignore[import-untyped]

from core.normal import normalized
from core.query.folding import INVISIBLE
from core.query.operator_words import CAPITALS, ENGLISH, FOREIGN, PAIRS, SHORT, SYNONYMS
from core.query.parse import BARE, FUNCTION, PHRASE, PREFIXES
from core.saying import Said, saying

_PIECE = re.compile(
    rf"(?P<phrase>{PHRASE})|(?P<field>(?i:{'|'.join(PREFIXES)}):)|(?P<open>[(（])|(?P<close>[)）])|(?P<word>{BARE})"
)
_OPERATOR = re.compile(r"AND|OR|NOT|O?NEAR/[0-9]+")
_FUNCTION = re.compile(FUNCTION)
_INVISIBLES = re.compile(f"[{INVISIBLE}]+")
_UNSEEN = re.compile(rf"(?<![{INVISIBLE}])[{INVISIBLE}]+\Z")
_LOOKALIKES = str.maketrans("АΑОΟՕ0ТΤЕΕΝΝRꓣАа", "AAOOOOTTEENNRRAA")
"""Letters of other alphabets, and the digit, that look like letters of AND, OR and NOT."""

_NEARISH = re.compile(
    r"(?P<name>o?near|within|around|adj|next|pre|w|n|p)(?P<sign>[/\\:(~_–-]?)(?P<number>[0-9]{1,4})\)?", re.IGNORECASE
)
_COUNTED = re.compile(r"(?P<name>atleast|lead)[/\\:_–-]?(?P<number>[0-9]{1,5})", re.IGNORECASE)
_COMPOUND = {
    "andnot": "AND NOT", "butnot": "AND NOT", "ornot": "OR NOT", "andor": "OR", "orand": "OR", "notand": "AND NOT",
    "undnicht": "AND NOT", "odernicht": "OR NOT", "etpas": "AND NOT",
}  # fmt: skip
_COMMAS = ",،、;；؛"
_SEPARATOR = f"[/／{_COMMAS}]"
_SEVERAL = r"(?:[^\W\d_]{3,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2,})"
_SEPARATED = re.compile(rf"{_SEVERAL}(?:{_SEPARATOR}{_SEVERAL})+")
_COMMA_MEANS = " OR"
"""What a comma between two words probably means."""
_LISTED = re.compile(rf"\w(?P<comma>[{_COMMAS}])")
_INVISIBLE_SPACE = regex.compile(
    r"(?<=[[\p{L}\p{M}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]])\u200b+(?=\p{L})",
    regex.V1,
)
_SIGN = re.compile(r"\|+|&&+|[¦∨∧⋁⋀]")
_SIGNS = {
    "|": "OR", "¦": "OR", "∨": "OR", "⋁": "OR", "&": "AND", "∧": "AND", "⋀": "AND", "+": "AND", "¬": "NOT", "!": "NOT",
    "~": "NOT", "-": "NOT", "–": "NOT", "—": "NOT", "−": "NOT", ",": "OR", ";": "OR", "/": "OR",
}  # fmt: skip
_DASHED = re.compile(r"[-!–—−¬！](?=\w)")
_GLUED = re.compile(r"(NOT|O?NEAR/[0-9]{1,4})(?:[-–_.:]|(?<=[0-9]))(?=[^\W\d])")
_FORWARD = re.compile(r"NEAR/([0-9]{1,4})[fF]")
_DISTANCE = re.compile(r"/? ?([0-9]{1,4})")
_PROXIMITY = re.compile(r"[~～∼]([0-9]{1,4})")
_FIELD = re.compile(rf"({'|'.join(PREFIXES)})[=:﹕꞉](?=\w|$)", re.IGNORECASE)
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_OPENING, _CLOSING = "[{［｛【〔", "]}］｝】〕"

_QUOTE = "'‘‚‛`´′‵＇"
_SINGLE = re.compile(
    rf"(?<![\w{_QUOTE}’])[{_QUOTE}]{{1,2}}(?=\w)"
    rf"(?P<inside>[^{_QUOTE}’()（）\"“”„«»]*+(?:(?<=\w)[’'](?=\w)[^{_QUOTE}’()（）\"“”„«»]*+)*+)"
    rf"(?<=[\w.!?*])[{_QUOTE}’]{{1,2}}(?!\w)"
)

_MARKED = re.compile(r"(?P<mark>&(?:quot|#0*34|#[xX]0*22);|(?<!\d)[″ʺ˝])(?P<inside>[^\"“”„«»&″ʺ˝]*+)(?P=mark)")
"""Double quotes as HTML writes them, or marks for inches and seconds, which stand behind a number there."""


class NearMiss(NamedTuple):
    """A stretch of a query, in code points, with its probable meaning.

    ``certain``: so likely a mistake that saving the query unchanged requires a confirmation.
    """

    start: int
    end: int
    meant: str
    message: Said
    certain: bool = True


class _Piece(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _piece(found: re.Match[str]) -> _Piece:
    # As in the parser, invisible marks at the end of a word are not part of it.
    text = _UNSEEN.sub("", found[0])
    return _Piece(found.lastgroup or "", text, found.start(), found.start() + len(text))


def near_misses(query: str) -> list[NearMiss]:
    """The near-misses of a query, by position, none overlapping."""
    found: list[NearMiss] = []
    blank = query
    for kind in (_marked, _singles):
        for one in kind(blank):
            found.append(one)
            # From here on, its words are a phrase.
            blank = f'{blank[: one.start]}"{"x" * (one.end - one.start - 2)}"{blank[one.end :]}'
    pieces = [_piece(one) for one in _PIECE.finditer(blank)]
    found += _brackets(pieces)
    found += _divided(blank)
    taken = {one.start for one in found}
    alike = _all_capitals(pieces)
    for number, piece in enumerate(pieces):
        if piece.kind == "word" and piece.start not in taken:
            found += _of_word(pieces, number, alike)
    return sorted(_with_commas(found, pieces))


def mended(query: str, found: Sequence[NearMiss]) -> str:
    """The query with the probable meanings; less certain ones only if none is certain."""
    chosen = [one for one in found if one.certain] or list(found)
    for one in sorted(chosen, reverse=True):
        query = query[: one.start] + one.meant + query[one.end :]
    return query


def _with_commas(found: Sequence[NearMiss], pieces: Sequence[_Piece]) -> list[NearMiss]:
    """Commas, as in "a, b or c", are as certain as an OR of their bracket group, or directly beside that."""
    groups = _groups(pieces)
    number_at = {mark: number for number, piece in enumerate(pieces) for mark in (piece.start, piece.end - 1)}
    listing: set[int] = set()
    for one in found:
        if one.certain and one.meant == "OR":
            first, last = number_at[one.start], number_at[one.end - 1]
            before = takewhile(lambda at: pieces[at].kind == "close", range(first - 1, -1, -1))
            after = takewhile(lambda at: _leads(pieces[at]), range(last + 1, len(pieces)))
            listing.update(groups[at] for at in (first, *before, *after))
    return [
        one._replace(certain=True) if one.meant == _COMMA_MEANS and groups[number_at[one.start]] in listing else one
        for one in found
    ]


def _leads(piece: _Piece) -> bool:
    """Whether a piece is a bracket, or what may stand before one."""
    return piece.kind in ("field", "open") or _FUNCTION.fullmatch(piece.text) is not None


def _groups(pieces: Sequence[_Piece]) -> list[int]:
    """The bracket group of each piece; for a bracket, the one that it begins or ends."""
    groups: list[int] = []
    opened, last = [0], 0
    for piece in pieces:
        if piece.kind == "open":
            last += 1
            opened.append(last)
        groups.append(opened[-1])
        if piece.kind == "close" and len(opened) > 1:
            opened.pop()
    return groups


def _singles(query: str) -> Iterator[NearMiss]:
    """Phrases in single quotes. A single word is the same with and without."""
    for one in _outside_phrases(_SINGLE, query):
        if len(inside := one["inside"].split()) > 1:
            phrase = f'"{" ".join(inside)}"'
            message = saying(
                "single quotes do not make a phrase: the words are searched for anywhere; the phrase is %(phrase)s",
                phrase=phrase,
            )
            yield NearMiss(*one.span(), phrase, message)


def _outside_phrases(pattern: re.Pattern[str], query: str) -> Iterator[re.Match[str]]:
    """The matches of ``pattern`` that no phrase overlaps."""
    quoted = [one.span() for one in _PIECE.finditer(query) if one.lastgroup == "phrase"]
    place = 0
    for one in pattern.finditer(query):
        while place < len(quoted) and quoted[place][1] <= one.start():
            place += 1
        if place >= len(quoted) or quoted[place][0] >= one.end():
            yield one


def _marked(query: str) -> Iterator[NearMiss]:
    """Phrases in marks that only look like double quotes."""
    for one in _outside_phrases(_MARKED, query):
        if inside := one["inside"].split():
            phrase = f'"{" ".join(inside)}"'
            message = saying(
                "%(mark)s is not a quotation mark; the phrase is %(phrase)s", mark=one["mark"], phrase=phrase
            )
            yield NearMiss(*one.span(), phrase, message)


def _brackets(pieces: Sequence[_Piece]) -> Iterator[NearMiss]:
    """Square and curly brackets around several words, which do not group."""
    opened: list[_Piece] = []
    pairs: list[tuple[_Piece, _Piece]] = []
    for piece in pieces:
        if piece.kind != "word":
            continue
        if piece.text[0] in _OPENING and piece.text[-1] not in _CLOSING:
            opened.append(piece)
        elif piece.text[-1] in _CLOSING and piece.text[0] not in _OPENING and opened:
            pairs.append((opened.pop(), piece))
    for first, last in pairs:
        message = saying("%(marks)s do not group; use ( )", marks=f"{first.text[0]} {last.text[-1]}")
        yield NearMiss(first.start, first.end, f"({first.text[1:]}", message)
        yield NearMiss(last.start, last.end, f"{last.text[:-1]})", message)


def _divided(query: str) -> Iterator[NearMiss]:
    """Invisible spaces within a word, which a page had for its line breaks. Scripts written without spaces need them."""
    for one in _INVISIBLE_SPACE.finditer(query):
        message = saying("an invisible space divides this word into two, which may be anywhere in the text")
        yield NearMiss(one.start(), one.end(), "", message)


def _of_word(pieces: Sequence[_Piece], number: int, all_capitals: bool) -> Iterator[NearMiss]:
    piece = pieces[number]
    text = piece.text
    if _OPERATOR.fullmatch(text) or _FUNCTION.fullmatch(text):
        return
    before, after = _left(pieces, number), _right(pieces, number)
    plain = _INVISIBLES.sub("", normalized("NFKC", text))
    core = _with_western_digits(plain.strip(".,;:!?+-–—*_/\\|&<>[]{}#=~^'\""))

    def miss(meant: str, certain: bool = True) -> NearMiss:
        message = saying(
            '"%(text)s" is searched for as a word; the operator is %(meant)s; put the word in quotes if you mean it',
            text=text,
            meant=meant,
        )
        return NearMiss(piece.start, piece.end, meant, message, certain)

    pair = (text.lower(), pieces[number + 1].text.lower()) if number + 1 < len(pieces) else ("", "")
    if before and pair in PAIRS and _right(pieces, number + 1):
        message = saying(
            '"%(text)s" is searched for as two words; the operator is %(meant)s', text=" ".join(pair), meant=PAIRS[pair]
        )
        yield NearMiss(piece.start, pieces[number + 1].end, PAIRS[pair], message)
    elif not re.search(r"\w", plain):
        # The parser rejects it; this is the probable meaning.
        if len(set(plain)) == 1 and (meant := _SIGNS.get(plain[0])) and len(plain) < 4:
            yield miss(meant)
    elif re.search(r"\w[*?]+$", plain) and plain[0] not in "*?":
        return
    elif (near := _near(core, plain, piece, pieces, number)) is not None:
        yield near
    elif forward := _FORWARD.fullmatch(text):
        yield miss(f"ONEAR/{int(forward[1])}")
    elif glued := _GLUED.match(text):
        yield miss(f"{glued[1]} {text[glued.end() :]}")
    elif (known := _named(core, before=before, after=after, all_capitals=all_capitals)) is not None:
        yield miss(*known)
    elif _SIGN.search(plain):
        yield _split(piece, plain, alone=len(pieces) == 1)
    elif _SEPARATED.fullmatch(text):
        inner = re.sub(_SEPARATOR, " OR ", text)
        meant = inner if len(pieces) == 1 else f"({inner})"
        message = saying(
            "the words of %(text)s must be side by side; for any of them, write %(meant)s", text=text, meant=meant
        )
        yield NearMiss(piece.start, piece.end, meant, message, certain=False)
    elif (listed := _LISTED.fullmatch(text[-2:])) and _is_operand(pieces, number):
        message = saying(
            '"%(mark)s" does not separate alternatives: all of these words are required; for any of them, write OR',
            mark=listed["comma"],
        )
        yield NearMiss(piece.end - 1, piece.end, _COMMA_MEANS, message, certain=False)
    elif dashed := _DASHED.match(text):
        message = saying("%(mark)s excludes nothing; the operator is NOT", mark=dashed[0])
        yield NearMiss(piece.start, piece.start + 1, "NOT ", message)
    elif len(plain) == len(text) and (field := _FIELD.match(plain)) and (len(text) > len(field[0]) or after):
        # Full-width letters and colons are one character in either form.
        meant = f"{field[1].lower()}:"
        message = saying(
            "%(text)s is not a field, and is searched for as a word; the field is %(meant)s",
            text=text[: len(field[0])],
            meant=meant,
        )
        yield NearMiss(piece.start, piece.start + len(field[0]), meant, message)
    elif text[0] in ":：" and number and pieces[number - 1].text.lower() in PREFIXES:
        name = pieces[number - 1]
        message = saying("the field %(name)s: must not have a space before its colon", name=name.text)
        yield NearMiss(name.start, piece.start + 1, f"{name.text.lower()}:", message)


def _with_western_digits(text: str) -> str:
    return _FOREIGN_DIGIT.sub(lambda one: str(unicodedata.decimal(one[0])), text)


def _near(core: str, plain: str, piece: _Piece, pieces: Sequence[_Piece], number: int) -> NearMiss | None:
    """Distances in other notations: ``near/5``, ``NEAR5``, ``w/5``, ``"black sea"~5``."""
    phrase = pieces[number - 1] if number else piece
    if (close := _PROXIMITY.fullmatch(plain)) and (phrase.end == piece.start or phrase.kind == "phrase"):
        words = phrase.text[1:-1].split()
        if phrase.kind == "phrase" and len(words) > 1:
            meant = f"({f' NEAR/{int(close[1])} '.join(words)})"
            message = saying(
                "%(text)s is searched for as a word; a distance is %(meant)s", text=piece.text, meant=meant
            )
            return NearMiss(phrase.start, piece.end, meant, message)
        message = saying(
            "%(number)s of %(text)s is searched for as a word; a distance is %(meant)s between two terms",
            number=close[1],
            text=piece.text,
            meant=f"NEAR/{int(close[1])}",
        )
        return NearMiss(piece.start, piece.end, "", message)
    found, kind = _NEARISH.fullmatch(core), ""
    if found:
        name = found["name"].lower()
        if len(name) == 1 and found["sign"] != "/":
            return None
        # "next5", "pre-2024" and so on are ordinary words.
        if name not in ("near", "onear") and (found["sign"] not in ("/", "\\") and not core.isupper()):
            return None
        kind = "ONEAR" if name in ("onear", "pre", "p") else "NEAR"
    elif found := _COUNTED.fullmatch(core):
        kind = found["name"].upper()
        if number + 1 >= len(pieces) or pieces[number + 1].kind != "open":
            return None
    elif core in ("near", "onear"):
        return NearMiss(piece.start, piece.end, f"{core.upper()}/5", _of_distance(piece.text, f"{core.upper()}/5"))
    elif core in ("NEAR", "ONEAR"):
        behind = pieces[number + 1] if number + 1 < len(pieces) else None
        given = _DISTANCE.fullmatch(behind.text) if behind is not None else None
        meant = f"{core}/{int(given[1]) if given else 5}"
        end = behind.end if given and behind is not None else piece.end
        return NearMiss(piece.start, end, meant, _of_distance(piece.text, meant))
    if not found:
        return None
    meant = f"{kind}/{int(found['number'])}"
    return NearMiss(piece.start, piece.end, meant, _of_distance(piece.text, meant))


def _of_distance(text: str, meant: str) -> Said:
    return saying('"%(text)s" is searched for as a word; the operator is %(meant)s', text=text, meant=meant)


def _named(core: str, *, before: bool, after: bool, all_capitals: bool) -> tuple[str, bool] | None:
    """The operator that a word probably means, and whether that is certain; None for ordinary words."""
    low = core.lower()
    upper = core == core.upper() != low
    squeezed = re.sub(r"[-_+./\\&|–]", "", low)
    if (meant := _COMPOUND.get(squeezed)) and (squeezed != low or low in ("andnot", "butnot")) and after:
        return meant, True
    if squeezed in ("andor", "orand") and squeezed == low:
        return None
    english = ENGLISH.get(low) or ENGLISH.get(core.translate(_LOOKALIKES).lower())
    if english is not None:
        if core == low and core.isascii():
            return english, True
        return (english, True) if after and (before or english == "NOT") else None
    if not (after and before):
        return None
    if upper and low in SYNONYMS:
        return SYNONYMS[low], not all_capitals
    if (meant := FOREIGN.get(low)) is None:
        return None
    cased = core.upper() != low
    if not cased:
        return meant, len(core) > 1 or meant != "AND"
    stands_out = upper and not all_capitals
    if low in CAPITALS:
        return (meant, low not in SHORT) if stands_out else None
    if low in SHORT:
        return meant, False
    if core == low:
        return meant, True
    return meant, stands_out


def _split(piece: _Piece, plain: str, *, alone: bool) -> NearMiss:
    """Signs between words without spaces: ``syria|iraq``."""
    meant = _SIGN.sub(lambda one: f" {_SIGNS[one[0][0]]} ", plain)
    inner = " ".join(meant.split())
    both = not _SIGN.match(plain) and not _SIGN.fullmatch(plain[-1])
    shown = f"({inner})" if both and not alone else inner
    signs = " ".join(dict.fromkeys(_SIGN.findall(plain)))
    message = saying(
        "%(signs)s is not an operator here, but separates words like a hyphen; write %(shown)s",
        signs=signs,
        shown=shown,
    )
    return NearMiss(piece.start, piece.end, shown, message)


def _is_operand(pieces: Sequence[_Piece], number: int) -> bool:
    """Whether the piece after this one begins an operand, and is not a word for an operator."""
    if number + 1 >= len(pieces) or pieces[number + 1].kind == "close":
        return False
    one = pieces[number + 1]
    word = one.text.strip(_COMMAS)
    return one.kind != "word" or not (
        _OPERATOR.fullmatch(word) or _named(word, before=True, after=True, all_capitals=False)
    )


def _left(pieces: Sequence[_Piece], number: int) -> bool:
    """Whether an operand precedes the piece, on its level."""
    if not number:
        return False
    one = pieces[number - 1]
    return one.kind in ("phrase", "close") or (one.kind == "word" and not _OPERATOR.fullmatch(one.text))


def _right(pieces: Sequence[_Piece], number: int) -> bool:
    """Whether an operand, or its NOT, follows the piece."""
    if number + 1 >= len(pieces):
        return False
    one = pieces[number + 1]
    return one.kind != "close" and (one.kind != "word" or one.text == "NOT" or not _OPERATOR.fullmatch(one.text))


def _all_capitals(pieces: Sequence[_Piece]) -> bool:
    """Whether no word other than operators has a small letter; then capitals mean nothing."""
    return not any(
        piece.kind in ("word", "phrase") and not _OPERATOR.fullmatch(piece.text) and piece.text.upper() != piece.text
        for piece in pieces
    ) and any(piece.kind == "word" and piece.text.lower() != piece.text for piece in pieces)
