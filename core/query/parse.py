"""Parses the text of a query into a tree. Every error has the position and what was expected, in the terms of the language.

Binding, tightest first: fields and functions, NEAR, NOT, AND (also two terms side by side), OR. Operators are upper
case and separate words; ``and`` is an ordinary word. The grammar is for lark's LALR parser, and is a string so that
this package reads no files. The lexer must be lark's "basic" one: the contextual one would treat a misplaced AND as a
word. LALR is linear and keeps its own stack, so long and deeply nested queries cost time but never raise
RecursionError. ``check_word`` and similar functions reject what a grammar can't: words that would silently mean
something other than intended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import combinations
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from core.errors import QueryError
from core.query.ast import (
    WHOLE_FIELDS,
    And,
    AtLeast,
    Cased,
    Exact,
    Field,
    FieldName,
    Lead,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    PlacedWords,
    Prefix,
    Query,
    Stemmed,
    Term,
    Wild,
    WordPattern,
    children,
)  # fmt: skip
from core.query.folding import INVISIBLE, SHORT, fold
from core.query.joints import ARABIC, HEBREW
from core.query.words import QueryWord, query_words
from core.saying import Said, saying

QUOTES = '"“”„‟«»＂‹›〝〞〟❝❞「」『』｢｣﹁﹂﹃﹄《》〈〉'
"""Quotation marks of all kinds except single ones, which are also apostrophes (``near_misses``)."""
_STANDS_ALONE = rf"(?=[{INVISIBLE}]*(?:[\s\u200b()（）{QUOTES}]|$))"
# The sign in Hebrew abbreviations is typed as a quotation mark: צה"ל.
_INNER = rf"(?<=[{HEBREW}])[\"“”„](?=[{HEBREW}])"
PHRASE = rf"[{QUOTES}](?:[^{QUOTES}]|{_INNER})*[{QUOTES}]"
BARE = rf"[^\s()（）{QUOTES}\u200b{INVISIBLE}](?:[^\s()（）{QUOTES}\u200b]|{_INNER})*"
FUNCTION = r"(?:ATLEAST|LEAD)/[0-9]+"
PREFIXES = ("title", "body", "source", "lang", "topic", "kind", "url", "author", "cs", "stem")
"""The prefixes with a colon, in lower case; in queries they may have any case."""

MAX_NUMBER = 1_000
"""Largest n in NEAR/n and ATLEAST/n; in LEAD/n it may be ten times that."""

_FIELD = re.compile(r"([^\W\d_]+):(?!//)")
_OPERATOR = re.compile(r"(O?NEAR|ATLEAST|LEAD)(?:/.*)?$", re.DOTALL)
_EXCLUDED = re.compile(r"[-!]\w")

MAX_LENGTH = 100_000
"""Length of the longest accepted query, in code points."""
MAX_DEPTH = 64
"""Most levels of AND within OR within NOT …; parentheses that add no level do not count."""
MAX_PIECES = 1_000
"""How many simple NEARs a NEAR between ANDs and NOTs may expand to."""

MAX_WILDCARDS = 32
"""Most wildcards in one word."""

_MOST_JOINED = 4
"""Most words of a phrase, and pieces of a word with half-spaces, for which other spellings are searched too."""
_ARABIC = re.compile(rf"[{ARABIC}]+")
_SHORT_HEBREW = re.compile(rf"[{HEBREW}]{{2}}")

_SHOWN = {"_AND": "AND", "_OR": "OR", "_NOT": "NOT", "_LPAR": '"("', "_RPAR": '")"'}

# A phrase ends at the next quote of any kind, since word processors pair them in all ways. A quote without a next one
# is the only character that no terminal accepts. Invisible marks come with pasted text: beside an operator they are
# white space, in a word they are ignored.
GRAMMAR = rf"""
?start: any
?any: all
    | all (_OR all)+            -> any_of
?all: unit
    | unit (_AND? unit)+        -> all_of
?unit: _NOT unit                -> negated
    | near
?near: single
    | near NEAR single           -> near
?single: FIELD single            -> fielded
    | FUNCTION _LPAR any _RPAR   -> function
    | WORD                       -> word
    | PHRASE                     -> phrase
    | _LPAR any _RPAR            -> group

_AND.2: /AND{_STANDS_ALONE}/
_OR.2: /OR{_STANDS_ALONE}/
_NOT.2: /NOT{_STANDS_ALONE}/
NEAR.2: /O?NEAR\/[0-9]+{_STANDS_ALONE}/
FUNCTION.2: /(?:ATLEAST|LEAD)\/[0-9]+(?=[\s\u200b{INVISIBLE}]*[(（])/
FIELD.2: /(?:{"|".join(PREFIXES)}):/i
_LPAR: /[(（]/
_RPAR: /[)）]/
PHRASE.1: /{PHRASE}/
WORD: /{BARE}/
%ignore /[\s\u200b{INVISIBLE}]+/
"""

AN_OPERAND = saying('a term, a "phrase" or (')
OPERAND = str(AN_OPERAND)
_AN_OPERATOR = saying("AND, OR, NOT, NEAR/n, another term or the end of the query")


class ParseProblem(Exception):
    """A problem that ``parse`` turns into a QueryError with the query's text."""

    def __init__(self, position: int, problem: Said, expected: Said) -> None:
        super().__init__(str(problem))
        self.position, self.problem, self.expected = position, problem, expected


def nearest_field(name: str) -> str | None:
    """The field that ``name`` probably means."""
    known = {"site": "url", "domain": "url", "text": "body", "headline": "title", "hd": "title", "intitle": "title",
             "language": "lang", "by": "author", "byline": "author", "publication": "source", "case": "cs",
             "label": "kind"}  # fmt: skip
    close = get_close_matches(name.lower(), PREFIXES, n=1)
    return known.get(name.lower()) or (close[0] if close else None)


def check_word(text: str, start: int) -> None:
    """Raise ParseProblem if the bare word ``text`` looks like an operator or field that does not exist."""
    if field := _FIELD.match(text):
        meant = nearest_field(field[1])
        known = f"{meant}:" if meant else ", ".join(f"{name}:" for name in PREFIXES)
        raise ParseProblem(
            start,
            saying('unknown field "%(name)s"', name=field[0]),
            saying("a term or a field (%(known)s); words with a colon in quotes", known=known),
        )
    if operator := _OPERATOR.match(text):
        name = operator[1]
        if name.endswith("NEAR"):
            raise ParseProblem(
                start,
                saying("%(text)s is not an operator", text=text),
                saying("%(name)s/5 with spaces around it, or in lower case for the word", name=name),
            )
        raise ParseProblem(
            start,
            saying("%(text)s is not a function", text=text),
            saying("%(name)s/5(...), or in lower case for the word", name=name),
        )
    if _EXCLUDED.match(text):
        raise ParseProblem(
            start,
            saying('"%(mark)s" excludes nothing here', mark=text[0]),
            saying("NOT before the term that must be absent"),
        )
    if set(text) <= {"&", "|", "!"}:
        raise ParseProblem(start, saying("%(text)s is not an operator", text=text), saying("AND, OR or NOT"))


def number_of(token: Token, least: int) -> int:
    """The n in ``NEAR/n`` and similar operators. Raises ParseProblem."""
    name, _, digits = str(token).partition("/")
    most = 10 * MAX_NUMBER if name == "LEAD" else MAX_NUMBER
    # The length is checked first: Python does not parse numbers of thousands of digits.
    if len(digits) > 9 or not least <= int(digits) <= most:
        shown = digits if len(digits) < 12 else f"{digits[:9]}..."
        raise ParseProblem(
            token.start_pos or 0,
            saying("%(name)s/%(shown)s is out of range", name=name, shown=shown),
            saying("%(name)s/n with n from %(least)s to %(most)s", name=name, least=str(least), most=str(most)),
        )
    return int(digits)


def raise_for_wildcard(node: Node) -> None:
    """Raise ParseProblem for the first word below ``node`` with a wildcard."""
    if isinstance(node, Term | Phrase):
        words = (node.word,) if isinstance(node, Term) else tuple(word for _, word in node.words)
        if not all(isinstance(word, Exact) for word in words):
            raise ParseProblem(
                node.start,
                saying("stem: already finds inflections, so %(text)s can't have a wildcard", text=node.text),
                saying("%(operand)s without wildcards", operand=AN_OPERAND),
            )
    for part in children(node):
        raise_for_wildcard(part)


def check_whole(node: Node) -> None:
    """Raise ParseProblem for a value that can't be compared below a field of whole values, which are folded as a whole."""
    if isinstance(node, Term | Phrase):
        pattern_of(fold(node.text), node.start)
    for part in children(node):
        # A field inside was already checked, and its values don't belong to this one.
        if not isinstance(part, Field):
            check_whole(part)


class _Part(NamedTuple):
    """A node with its height and the number of pieces into which a NEAR splits it (1: it has places of its own).

    With these, flattening and both limits need no traversal of the tree.
    """

    node: Node
    height: int
    pieces: int


def pattern_of(key: str, position: int) -> WordPattern:
    """The pattern for a folded word with wildcards. Raises ParseProblem with ``position``."""
    if not key.strip("*?"):
        raise ParseProblem(
            position, saying("%(text)s stands alone", text=key), saying("a letter or digit before the wildcard")
        )
    if key[0] in "*?":
        raise ParseProblem(
            position, saying("a word can't begin with a wildcard"), saying("a letter or digit before the wildcard")
        )
    key = re.sub(r"\*+", "*", key)
    if (number := key.count("*") + key.count("?")) > MAX_WILDCARDS:
        raise ParseProblem(
            position,
            saying("a word with %(count)s wildcards", count=number),
            saying("at most %(count)s in one word", count=MAX_WILDCARDS),
        )
    if key.endswith("*") and not set(key[:-1]) & {"*", "?"}:
        return Prefix(key[:-1])
    return Wild(key) if set(key) & {"*", "?"} else Exact(key)


class _ReadWords(NamedTuple):
    """The words of a term or phrase, and their other spellings."""

    words: PlacedWords
    spellings: tuple[PlacedWords, ...]


@lru_cache(maxsize=1 << 14)
def _placed(text: str) -> _ReadWords | tuple[int, Said, Said]:
    """The words of a term or phrase with their offsets, or (position in ``text``, problem, expectation)."""
    words = query_words(text)
    placed: list[tuple[int, WordPattern]] = []
    for i, word in enumerate(words):
        if word.unspaced:
            placed.append((word.offset, Exact(word.key, word.width)))
            continue
        if i and words[i - 1].unspaced and not word.key.strip("*?"):
            return (
                word.start,
                saying("a wildcard can't be inside words that are written without spaces"),
                saying("the characters themselves, or AND between the parts"),
            )
        try:
            placed.append((word.offset, pattern_of(word.key, word.start)))
        except ParseProblem as problem:
            return problem.position, problem.problem, problem.expected
    return _ReadWords(tuple(placed), spellings_of(words))


def spellings_of(words: Sequence[QueryWord]) -> tuple[PlacedWords, ...]:
    """Other spellings of the words of a term or phrase in Hebrew or Arabic script.

    A phrase that begins with a Hebrew word of two letters is also found after particles: ``"תל אביב"`` as ``בתל אביב``.

    A word with a half-space is also found as separate words: ``آتش‌بس`` as ``آتش بس``. In a phrase of up to four words,
    two adjacent ones are also found joined: ``"عبد الله"`` as ``عبدالله``. So a half-space, a space and nothing between
    are equivalent, unless the query has nothing between, which does not show where to split.
    """
    if len(words) > 1 and _SHORT_HEBREW.fullmatch(words[0].key):
        with suppress(ParseProblem):
            others = [(word.offset, pattern_of(word.key, word.start)) for word in words[1:]]
            return (((0, Exact(SHORT + words[0].key)), *others),)
    pieces = [[fold(piece) for piece in word.pieces] or [word.key] for word in words]
    halves = sum(len(each) - 1 for each in pieces)
    joins = halves < 2 and len(words) <= _MOST_JOINED
    if any(word.unspaced for word in words) or halves > _MOST_JOINED - 1 or not (halves or (joins and len(words) > 1)):
        return ()
    atoms = [atom for each in pieces for atom in each]
    inside = [place for place, each in enumerate(pieces) for _ in each]
    half = [gap for gap in range(len(atoms) - 1) if inside[gap] == inside[gap + 1]]
    wide = [
        gap
        for gap in range(len(atoms) - 1)
        if joins
        and inside[gap] != inside[gap + 1]
        and _ARABIC.fullmatch(atoms[gap])
        and _ARABIC.fullmatch(atoms[gap + 1])
    ]
    found: dict[PlacedWords, None] = {}
    for closed in (set(some) for count in range(len(half), -1, -1) for some in combinations(half, count)):
        for more in (set(), *({gap} for gap in wide)):
            with suppress(ParseProblem):
                found[_written_with(atoms, closed | more)] = None
    with suppress(ParseProblem):
        found.pop(_written_with(atoms, set(half)), None)
    return tuple(found)


def _written_with(atoms: list[str], closed: set[int]) -> PlacedWords:
    """The words with the gaps in ``closed`` removed. Raises ParseProblem."""
    words = [atoms[0]]
    for gap, atom in enumerate(atoms[1:]):
        if gap in closed:
            words[-1] += atom
        else:
            words.append(atom)
    return tuple((offset, pattern_of(word, 0)) for offset, word in enumerate(words))


def _words(text: str, start: int, end: int, inside: int) -> Term | Phrase:
    """The node for a bare word or the inside of a phrase, which starts at ``inside``; the node spans ``start`` to ``end``."""
    read = _placed(text)
    if not isinstance(read, _ReadWords):
        position, problem, expected = read
        raise ParseProblem(inside + position, problem, expected)
    if not read.words:
        raise ParseProblem(inside, saying("no letter or digit in %(text)s", text=text), AN_OPERAND)
    written = " ".join(text.split())
    if len(read.words) == 1:
        return Term(read.words[0][1], written, read.spellings, start=start, end=end)
    return Phrase(read.words, written, read.spellings, start=start, end=end)


@v_args(inline=True)
class _Builder(Transformer[Token, _Part]):
    """Called by the parser at each reduction, from the leaves up, so no tree is traversed."""

    def word(self, token: Token) -> _Part:
        text, start, end = str(token), token.start_pos or 0, token.end_pos or 0
        check_word(text, start)
        return _Part(_words(text, start, end, start), 1, 1)

    def phrase(self, token: Token) -> _Part:
        start, end = token.start_pos or 0, token.end_pos or 0
        inside = str(token)[1:-1]
        if not inside.strip():
            raise ParseProblem(start, saying("nothing between the quotes"), saying("words between the quotes"))
        return _Part(_words(inside, start, end, start + 1), 1, 1)

    def group(self, part: _Part) -> _Part:
        return part

    def fielded(self, token: Token, part: _Part) -> _Part:
        name, start = str(token)[:-1].lower(), token.start_pos or 0
        node, place = part.node, {"start": start, "end": part.node.end}
        if name == "cs":
            return _raised(Cased(node, **place), part.height, part.pieces)
        if name == "stem":
            raise_for_wildcard(node)
            return _raised(Stemmed(node, **place), part.height, part.pieces)
        if name in WHOLE_FIELDS and not isinstance(node, Field):
            check_whole(node)
        return _raised(Field(cast("FieldName", name), node, **place), part.height, part.pieces)

    def function(self, token: Token, part: _Part) -> _Part:
        start, node = token.start_pos or 0, part.node
        count = number_of(token, 1)
        kind = AtLeast if str(token).startswith("ATLEAST") else Lead
        pieces = part.pieces + 1 if kind is AtLeast else part.pieces
        return _raised(kind(count, node, start=start, end=node.end), part.height, pieces)

    def near(self, left: _Part, token: Token, right: _Part) -> _Part:
        distance, ordered = number_of(token, 0), str(token).startswith("O")
        pieces = left.pieces * right.pieces
        if pieces > MAX_PIECES:
            raise ParseProblem(
                token.start_pos or 0,
                saying("this NEAR expands to %(count)s simple ones, since both sides contain AND or NOT", count=pieces),
                saying("terms, phrases, OR or NEAR on at least one side"),
            )
        node = Near(left.node, right.node, distance, ordered, start=left.node.start, end=right.node.end)
        return _raised(node, max(left.height, right.height), pieces)

    def negated(self, part: _Part) -> _Part:
        if isinstance(part.node, Not):
            return _Part(part.node.part, part.height - 1, part.pieces)
        return _raised(Not(part.node, start=part.node.start, end=part.node.end), part.height, max(part.pieces, 2))

    def all_of(self, *parts: _Part) -> _Part:
        return _joined(And, parts)

    def any_of(self, *parts: _Part) -> _Part:
        return _joined(Or, parts)


def _joined(kind: type[And] | type[Or], parts: tuple[_Part, ...]) -> _Part:
    nodes: list[Node] = []
    for part in parts:
        nodes.extend(part.node.parts if isinstance(part.node, kind) else (part.node,))
    height = max(part.height - isinstance(part.node, kind) for part in parts)
    # Parts of an OR with places of their own stay together as one piece.
    pieces = sum(part.pieces for part in parts if kind is And or part.pieces > 1)
    if kind is Or:
        pieces += any(part.pieces == 1 for part in parts)
    return _raised(kind(tuple(nodes), start=nodes[0].start, end=nodes[-1].end), height, pieces)


def _raised(node: Node, below: int, pieces: int) -> _Part:
    if below >= MAX_DEPTH:
        problem = saying("AND, OR, NOT, NEAR and functions are nested more than %(count)s levels deep", count=MAX_DEPTH)
        raise ParseProblem(node.start, problem, saying("fewer levels of parentheses"))
    return _Part(node, below + 1, pieces)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=False)


def _unexpected(error: UnexpectedToken, query: str) -> ParseProblem:
    kind = str(error.token.type)
    at_end = kind == "$END"
    position = len(query) if at_end else error.token.start_pos or 0
    if "WORD" in error.expected and "_AND" not in error.expected:  # an operand must come next
        found = saying("found %(text)s", text=_SHOWN.get(kind, str(error.token)))
        return ParseProblem(position, saying("the query ends here") if at_end else found, AN_OPERAND)
    if at_end:
        return ParseProblem(
            _unclosed(query), saying('this "(" is never closed'), saying('")" before the end of the query')
        )
    return ParseProblem(position, saying('this ")" has no matching "("'), _AN_OPERATOR)


def _unclosed(query: str) -> int:
    """Position of the innermost parenthesis that is still open at the end of ``query``."""
    opened: list[int] = []
    for token in _parser().lex(query):
        if token.type == "_LPAR":
            opened.append(token.start_pos or 0)
        elif token.type == "_RPAR":
            opened.pop()
    return opened[-1]


def parse(query: str) -> Query:
    """The tree of ``query``. Raises QueryError, whose position is in code points from 0.

    ``a NOT b`` is ``a AND NOT b``; ``NOT NOT a`` is ``a``. A query with only NOT is valid: it matches every document
    without the word, and shows no matches. Errors in words and in syntax are reported in reading order.
    """
    if not query.strip():
        raise QueryError(saying("the query is empty"), query=query, position=0, expected=AN_OPERAND)
    if len(query) > MAX_LENGTH:
        problem = saying("the query has %(count)s characters", count=len(query))
        expected = saying("at most %(count)s characters", count=MAX_LENGTH)
        raise QueryError(problem, query=query, position=MAX_LENGTH, expected=expected)
    try:
        part = cast("_Part", _parser().parse(query))  # the transformer's result, not a tree
    except ParseProblem as problem:
        found = problem
    except UnexpectedToken as error:
        found = _unexpected(error, query)
    except UnexpectedCharacters as error:
        found = ParseProblem(error.pos_in_stream or 0, saying("this quote is never closed"), saying("a closing quote"))
    else:
        return Query(query, part.node)
    raise QueryError(found.problem, query=query, position=found.position, expected=found.expected)
