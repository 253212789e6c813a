"""Whether a page shows only the beginning of its article, and the offer to pay that it shows in place of the rest."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.extraction.facts import PageFacts
from pipeline.extraction.wall_meaning import kind_of, meaning_of
from pipeline.extraction.wall_words import words_of_walls
from pipeline.extraction.walls import Signs, says
from pipeline.text.characters import count_letters

_ENDS_CUT = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\]|\(…\))[\"'”’»)\]]*$")
_SHORT_LETTERS = 1_500
_TEASER_LETTERS = 800

_OFFERS = frozenset({"subscription", "login", "app"})
_OFFER_CHARS = 200
_MOST_OFFER_LINES = 4
_SURELY, _PERHAPS = 400, 100
"""Odds (``wall_meaning``, hundredths) of a line at the end of a text. Of 820 such lines of real articles, none that quotes
nothing reaches 4 as an offer."""
_NO_OFFER = -100  # an article's sentence below an advertisement is far less of one
_PERHAPS_BY_WORDS, _SURELY_BY_WORDS, _NOT_AN_OFFER = 55, 120, -40
"""The same for the words of lines; together they must be sure. Of the last lines of 271 real pages, three have 55, none two."""
_QUOTED = re.compile(r"[\"“”„«»「」『』]")
# "残り812文字", "Il vous reste 82 % de cet article à lire", "Noch 600 Wörter": how much of the text is not shown.
_LEFT = (
    "left|remaining|remains?|reste(?:nt)?|noch|queda[n]?|falta[m]?|resta(?:no|m|n)?|rimane|осталось|залишилось|pozostało"
    "|zostało|zbývá|nog|återstår|gjenstår|kaldı|kalan|متبقي|باقی|残り|剩余|剩餘|还剩|還剩|尚余|남은|남음|남았"
)
_UNITS = "字|文字|자|글자|words|wörter|mots|palabras|parole|palavras|слов|слів|słów|slov|woorden|ord|kelime"
_AMOUNT = rf"\d[\d.,\s]{{0,7}}\s?(?:%|٪|{_UNITS})"
_HOW_MUCH_IS_LEFT = re.compile(
    rf"(?:^|\W)(?:{_LEFT})(?:\W.{{0,20}})?{_AMOUNT}|{_AMOUNT}.{{0,40}}(?:^|\W)(?:{_LEFT})(?:\W|$)", re.IGNORECASE
)
_OF_A_TEXT = re.compile(
    rf"\d\s?(?:{_UNITS})|arti[ck]|artykuł|artigo|článk|cikk|стат|матер[иі]ал|read|lire|lesen|leer|leggere|читат|читан|haber|yazı|مقال|مطلب"
    "|記事|文章|本文|全文|기사",
    re.IGNORECASE,
)
_LEFT_CHARS = 110


class Shown(NamedTuple):
    """The visible text of an article. ``partial``: it is not complete."""

    text: str
    partial: bool


def ends_cut(text: str) -> bool:
    """Whether the text breaks off with dots."""
    return _ENDS_CUT.search(text.rstrip()) is not None


def shown_of(signs: Signs, facts: PageFacts, text: str) -> Shown:
    """The text without an offer to subscribe or log in at its end, and whether the page shows only a part.

    It is a part if it breaks off with dots or at such an offer, or if it is short on a page that declares in its data
    or its text that the article must be paid for, unless its data declare it as free.
    """
    letters = count_letters(text, enough=_SHORT_LETTERS)
    if letters >= _SHORT_LETTERS:
        return Shown(text, partial=False)
    kept = _without_offer(text)
    partial = (
        kept != text
        or ends_cut(kept)
        or facts.free is False
        or (letters < _TEASER_LETTERS and facts.free is None and _offers_the_rest(signs, facts, kept))
    )
    return Shown(kept, partial)


def surely_offers(line: str) -> bool:
    """Whether a line at the end of a short text surely offers the rest of it, so that it makes the text partial."""
    return _offer_odds(line) >= _SURELY


def is_short(text: str) -> bool:
    """Whether a text may be only the beginning of its article."""
    return count_letters(text, enough=_SHORT_LETTERS) < _SHORT_LETTERS


def _offers_the_rest(signs: Signs, facts: PageFacts, text: str) -> bool:
    """Whether the page says that the rest is for subscribers. A single word ("subscription") says so only beside the text."""
    own = f"{text}\n{' '.join(facts.headlines)}"
    beside = "\n".join(line for line in signs.offers.split("\n") if line not in own)
    return says("subscription", beside) or says("subscription", text, words=2)


def _offer_odds(line: str) -> int:
    """The odds that a line at the end offers the rest: ``_SURELY`` if it says how much is left, 0 if it cannot be an offer."""
    if len(line) > _OFFER_CHARS or _QUOTED.search(line):
        return 0
    if len(line) <= _LEFT_CHARS and _says_how_much_is_left(line):
        return _SURELY
    meaning = meaning_of(line, least=_PERHAPS)
    return meaning.odds if meaning.kind in _OFFERS else 0


def _says_how_much_is_left(line: str) -> bool:
    return _HOW_MUCH_IS_LEFT.search(line) is not None and _OF_A_TEXT.search(line) is not None


def _without_offer(text: str) -> str:
    """The lines at the end that offer the rest for money or an account are cut off, if one of them surely does."""
    lines = text.split("\n")
    kept = _offers_at_end(lines, least=1)
    return "\n".join(lines[:kept])


def _offers_at_end(lines: list[str], *, least: int) -> int:
    """How many of the lines are left without the offers at their end; all if none of those surely is one."""
    surely, said, kept = False, 0, len(lines)
    for at in range(len(lines) - 1, max(least, len(lines) - _MOST_OFFER_LINES) - 1, -1):
        odds, by_words = _offer_odds(lines[at]), _odds_by_words(lines[at])
        # A call to pay may stand below the line that says that the text ends here.
        if odds < _PERHAPS and by_words < _PERHAPS_BY_WORDS and not (at == len(lines) - 1 and _may_offer(lines[at])):
            break
        said += max(by_words, 0)
        surely |= odds >= _SURELY or said >= _SURELY_BY_WORDS
        if odds >= _PERHAPS or by_words >= _PERHAPS_BY_WORDS or surely:
            kept = at
    return kept if surely else len(lines)


def offers_alone(text: str) -> str | None:
    """What a text offers, as a kind of wall, if it is nothing but offers to read the article otherwise; None if it is more."""
    lines = text.split("\n")
    if len(lines) > _MOST_OFFER_LINES or _offers_at_end(lines, least=0):
        return None
    return kind_of(text)


def _odds_by_words(line: str) -> int:
    """The odds of an offer by its words, for languages that the encoder does not know; 0 if it cannot be one."""
    if len(line) > _OFFER_CHARS or _QUOTED.search(line):
        return 0
    words = words_of_walls(line)
    return words.odds if words is not None and words.kind in _OFFERS else 0


def _may_offer(line: str) -> bool:
    """Whether both meaning and words of a line are nearest to an offer's, however far they are."""
    words = words_of_walls(line)
    return (
        len(line) <= _OFFER_CHARS
        and not _QUOTED.search(line)
        and words is not None
        and words.kind in _OFFERS
        and words.odds >= _NOT_AN_OFFER
        and (meaning := meaning_of(line, least=_NO_OFFER)).kind in _OFFERS
        and meaning.odds >= _NO_OFFER
    )
