"""Finds errors and probable mistakes in a query. A finding has the position and, if possible, a better query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from core.errors import QueryError
from core.query.ast import (
    WHOLE_FIELDS,
    And,
    AtLeast,
    Cased,
    Field,
    Lead,
    Near,
    Node,
    Not,
    Phrase,
    Prefix,
    Query,
    Term,
    Wild,
    WordPattern,
    children,
    walk,
)
from core.query.budget import MOST_STEPS
from core.query.compile import compile_node
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, Never, NoneOf
from core.query.cost import REFUSED_STEPS, WARNED_STEPS, WORDS, estimated_steps
from core.query.folding import INVISIBLE, fold
from core.query.near_misses import mended, near_misses
from core.query.parse import BARE, PHRASE, PREFIXES, QUOTES, nearest_field, parse
from core.query.required_terms import guessed_weight, required_terms
from core.query.terms import Leaf
from core.query.word_notes import notes_on
from core.saying import Said, counting, saying

SHORTEST_PREFIX = 3
"""Least letters before a ``*``; fewer (``a*``) match a tenth of all words. Two are enough outside ASCII."""

_CURLY = re.compile(f"[{QUOTES.replace(chr(34), '')}]")
_LANGUAGE = re.compile(r"[a-z]{2}")

_PIECE = re.compile(rf"{PHRASE}|[(（]|[)）]|{BARE}")
# NEAR joins two operands into one; a field or function belongs to the operand after it.
_NEAR = re.compile(r"O?NEAR/[0-9]+")
_BEFORE = re.compile(rf"(?i:(?:(?:{'|'.join(PREFIXES)}):)+)|(?:ATLEAST|LEAD)/[0-9]+")

_UNSEEN = re.compile(rf"(?<![{INVISIBLE}])[{INVISIBLE}]+\Z")

Severity = Literal["error", "warning", "note"]


class LintFinding(msgspec.Struct, frozen=True, order=True):
    """An error or a probable mistake. ``position``: 0-based code point of the query.

    ``suggestion``: a whole query to use instead, or None. An "error" can't run, never matches or costs too much; a "warning" is
    probably a mistake, or expensive; a "note" is about form. ``confirm``: so likely to be a mistake that saving the query
    unchanged requires a confirmation.
    """

    position: int
    severity: Severity
    message: Said
    suggestion: str | None = None
    confirm: bool = False


def lint(query: str) -> list[LintFinding]:
    """Findings on ``query``, sorted by position. Never raises, whatever the query contains."""
    findings = list(_quotes(query))
    try:
        parsed = parse(query)
    except QueryError as error:
        straight = _straight(query)
        meant = mended(query, near_misses(query))
        several = (straight, straight.rstrip() + '"', _fields(query), meant, _fields(meant))
        repaired = next((one for one in map(_parses, several) if one), None)
        findings.append(LintFinding(error.position, "error", error.finding, repaired))
        return _sorted(findings)
    findings += _near_misses(query)
    findings += _grouping(query)
    findings += _words(parsed.root, None, cased=False)
    findings += _logic(parsed)
    findings += cost_findings(parsed)
    return _sorted(findings)


def _sorted(findings: list[LintFinding]) -> list[LintFinding]:
    return sorted(set(findings), key=lambda one: (one.position, one.severity, str(one.message)))


def _parses(query: str) -> str | None:
    try:
        parse(query)
    except QueryError:
        return None
    return query


def _straight(query: str) -> str:
    return _CURLY.sub('"', query)


def _fields(query: str) -> str:
    """``query`` with unknown fields replaced by the ones probably meant."""
    return re.sub(r"(?<!\w)([^\W\d_]+):(?!//)", lambda found: f"{nearest_field(found[1]) or found[1]}:", query)


def _quotes(query: str) -> Iterator[LintFinding]:
    if found := _CURLY.search(query):
        message = saying("quote %(mark)s: read as a straight one", mark=found[0])
        yield LintFinding(found.start(), "note", message, _parses(_straight(query)))


def _near_misses(query: str) -> Iterator[LintFinding]:
    """Probable operators, phrases and groups, all with the same corrected query."""
    found = near_misses(query)
    better = _parses(mended(query, found)) if found else None
    noted: set[Said] = set()
    for one in found:
        severity: Severity = "warning" if one.certain else "note"
        # Of a long list with commas, the first one is enough.
        if severity == "note" and one.message in noted:
            continue
        noted.add(one.message)
        yield LintFinding(one.start, severity, one.message, better, one.certain)


def _grouping(query: str) -> Iterator[LintFinding]:
    """OR and AND at one level. The suggestion shows how the query is read, so that a different intention becomes visible."""
    places, better = mixed(query)
    for place in places:
        message = saying(
            "OR and AND without parentheses: AND, and words side by side, bind tighter; use ( ) to show what you mean"
        )
        yield LintFinding(place, "warning", message, _parses(better))


def _words(node: Node, scope: str | None, *, cased: bool) -> Iterator[LintFinding]:
    match node:
        case Term(word=word, text=text, start=start):
            yield from _word(word, text, start, scope)
            if scope == "lang" and not isinstance(word, Prefix | Wild) and not _LANGUAGE.fullmatch(text.lower()):
                message = saying("lang: takes two-letter codes such as en or ar, not %(text)s", text=text)
                yield LintFinding(start, "warning", message)
            yield from _notes(node, scope, cased=cased)
        case Phrase(words=words, text=text, start=start) if scope not in WHOLE_FIELDS:
            for _, word in words:
                yield from _word(word, text, start, scope)
            yield from _notes(node, scope, cased=cased)
        case Field(name=name, part=part):
            yield from _words(part, name, cased=cased)
        case _:
            for part in children(node):
                yield from _words(part, scope, cased=cased or isinstance(node, Cased))


def _notes(node: Term | Phrase, scope: str | None, *, cased: bool) -> Iterator[LintFinding]:
    if scope in (None, "title", "body"):
        for warned, message in notes_on(node, cased=cased):
            yield LintFinding(node.start, "warning" if warned else "note", message)


def _word(word: WordPattern, text: str, start: int, scope: str | None) -> Iterator[LintFinding]:
    if isinstance(word, Prefix | Wild):
        shown = f"{word.key}*" if isinstance(word, Prefix) else word.pattern
        literal = re.split(r"[*?]", shown, maxsplit=1)[0]
        enough = SHORTEST_PREFIX if literal.isascii() else SHORTEST_PREFIX - 1
        if len(literal) < enough and scope not in WHOLE_FIELDS:
            part = shown if fold(text) == shown else saying("%(part)s in %(text)s", part=shown, text=text)
            message = counting(
                "%(part)s has %(num)s letter before its wildcard and matches very many words",
                "%(part)s has %(num)s letters before its wildcard and matches very many words",
                len(literal),
                part=part,
            )
            yield LintFinding(start, "warning", message)


def _logic(query: Query) -> Iterator[LintFinding]:
    compiled = compile_node(query.root)
    root = query.root
    if _never(compiled):
        message = saying("can never match: it requires something and its opposite, or two fields at once")
        yield LintFinding(root.start, "error", message)
    elif isinstance(root, Not):
        message = saying("only NOT: matches every article without it, and shows no words")
        yield LintFinding(root.start, "warning", message)
    elif (terms := required_terms(compiled, guessed_weight)) is None:
        message = saying("no word is required for a match, so this query is tried on every article")
        yield LintFinding(root.start, "warning", message)
    elif any(term.startswith(("lang:", "kind:")) or term.endswith(":*") for term in terms):
        message = saying(
            "this query requires only a language, a label or a wildcard in a field, so it is tried on very many articles"
        )
        yield LintFinding(root.start, "warning", message)
    for node in walk(root):
        if isinstance(node, Near | AtLeast):
            yield from _inside(node)
        elif (
            node is not root
            and isinstance(node, And | Near | Field | Lead)
            and _never(compile_node(node))
            and not _never(compiled)
        ):
            yield LintFinding(node.start, "warning", saying("this part can never match"))


def _inside(node: Near | AtLeast) -> Iterator[LintFinding]:
    sides = (node.left, node.right) if isinstance(node, Near) else (node.part,)
    name = "NEAR" if isinstance(node, Near) else "ATLEAST"
    for side in sides:
        if isinstance(side, Not):
            message = saying("%(name)s with NOT: also matches if neither word occurs", name=name)
            yield LintFinding(side.start, "warning", message)
        elif isinstance(side, And):
            message = saying("%(name)s with AND inside requires %(name)s for each part", name=name)
            yield LintFinding(side.start, "note", message)


def _never(compiled: Compiled) -> bool:
    """Whether no document can match, as far as the form of the query shows."""
    match compiled:
        case Never():
            return True
        case AnyOf(parts=parts):
            return all(map(_never, parts))
        case AllOf(parts=parts):
            if any(map(_never, parts)):
                return True
            refused: set[Compiled] = set().union(*map(_refused, parts))
            return any(
                part in refused or (isinstance(part, AnyOf) and refused.issuperset(part.parts)) for part in parts
            )
        case Close(left=left, right=right):
            return _never(left) or _never(right) or _scopes(left).isdisjoint(_scopes(right))
        case Counted(part=part):
            return _never(part)
        case Leaf(words=words, lead=lead):
            return bool(lead) and words[-1][0] >= lead
    return False


def _refused(part: Compiled) -> set[Compiled]:
    """Nodes that must not match if ``part``, a NOT, does."""
    if not isinstance(part, NoneOf):
        return set()
    below = part.part
    return {below, *below.parts} if isinstance(below, AnyOf) else {below}


def _scopes(compiled: Compiled) -> set[str]:
    """The fields in which the words of a positional node may occur."""
    match compiled:
        case Leaf(scope=None):
            return {"title", "body"}
        case Leaf(scope=scope):
            return {scope or ""}
        case AnyOf(parts=parts):
            return set().union(*map(_scopes, parts))
        case Close(left=left, right=right):
            return _scopes(left) & _scopes(right)
    return set()


def cost_findings(query: Query) -> Iterator[LintFinding]:
    """Findings on the cost of the query on an article, at the innermost NEAR that exceeds a limit by itself."""
    # A warning is for what may happen, a refusal for what is certain.
    bound, deviations = REFUSED_STEPS, 0.0
    if (steps := estimated_steps(compile_node(query.root))) < REFUSED_STEPS:
        bound, deviations = WARNED_STEPS, 2.0
        steps = estimated_steps(compile_node(query.root), deviations)
    if steps < bound:
        return
    start = query.root.start
    for node in walk(query.root):
        if isinstance(node, Near) and estimated_steps(compile_node(node), deviations) >= bound:
            start = node.start
    values = {
        "steps": steps,
        "words": WORDS,
        "most": MOST_STEPS,
        "better": saying("use smaller distances, fewer terms in a chain of NEAR, or more letters before a wildcard"),
    }
    if bound == REFUSED_STEPS:
        message = saying(
            "takes about %(steps)s steps on an article of %(words)s words, and the limit is %(most)s; it can't be saved: "
            "%(better)s",
            **values,
        )
        yield LintFinding(start, "error", message)
    else:
        message = saying(
            "takes about %(steps)s steps on an article of %(words)s words; if it takes more than %(most)s it is not decided, "
            "which counts as no match: %(better)s",
            **values,
        )
        yield LintFinding(start, "warning", message)


class _Side:
    """The part between two ORs of a level. ``several``: it contains an AND, explicit or implied."""

    def __init__(self) -> None:
        self.start = self.end = -1
        self.several = self.filled = self.tied = False

    def cover(self, start: int, end: int) -> None:
        self.start = start if self.start < 0 else self.start
        self.end = end

    def operand(self) -> None:
        self.several |= self.filled and not self.tied
        self.filled, self.tied = True, False


def mixed(query: str) -> tuple[list[int], str]:
    """Positions at which OR is beside AND on one level, and ``query`` with parentheses that show how it is read.

    ``query`` must parse. The returned text parses to the same tree; without such positions, it is ``query``.
    """
    levels: list[list[_Side]] = [[_Side()]]
    closed: list[list[_Side]] = []
    for found in _PIECE.finditer(query):
        piece, side = _UNSEEN.sub("", found[0]), levels[-1][-1]
        if piece in ")）":
            closed.append(levels.pop())
            levels[-1][-1].end = found.end()
        elif piece == "OR":
            levels[-1].append(_Side())
        elif piece == "AND":
            side.several, side.tied = True, False
        else:
            side.cover(found.start(), found.end())
            if piece == "NOT":
                side.several |= side.filled
            elif _NEAR.fullmatch(piece):
                side.tied = True
            else:
                side.operand()
                side.tied = _BEFORE.fullmatch(piece) is not None
            if piece in "(（":
                levels.append([_Side()])
    wrong = [[side for side in level if side.several] for level in [*closed, *levels] if len(level) > 1]
    wrong = [sides for sides in wrong if sides]
    marks = [mark for sides in wrong for one in sides for mark in ((one.end, 0, ")"), (one.start, 1, "("))]
    better = query
    for place, _, sign in sorted(marks, reverse=True):
        better = better[:place] + sign + better[place:]
    return sorted(sides[0].start for sides in wrong), better
