"""Where a query mixes OR with AND and no parentheses say which of them was meant to hold its terms together."""

from __future__ import annotations

import re

from core.query.grammar import PREFIXES, QUOTES

_PIECE = re.compile(rf"[{QUOTES}][^{QUOTES}]*[{QUOTES}]|[(（]|[)）]|[^\s()（）{QUOTES}\u200b]+")
# NEAR ties two operands into one; a field or function alone belongs to the operand behind it.
_NEAR = re.compile(r"O?NEAR/[0-9]+")
_BEFORE = re.compile(rf"(?i:(?:(?:{'|'.join(PREFIXES)}):)+)|(?:ATLEAST|LEAD)/[0-9]+")


class _Side:
    """What stands between two ORs of a level. ``several``: it holds an AND, written or not."""

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
    """Places where OR stands beside AND at one level, and ``query`` with the parentheses that its reading amounts to.

    ``query`` must parse. The text that comes back parses to the same tree; without such places it is ``query``.
    """
    levels: list[list[_Side]] = [[_Side()]]
    closed: list[list[_Side]] = []
    for found in _PIECE.finditer(query):
        piece, side = found[0], levels[-1][-1]
        if piece in ")）":
            closed.append(levels.pop())
            levels[-1][-1].end = found.end()
        elif piece == "OR":
            levels[-1].append(_Side())
        elif piece == "AND":
            side.several, side.tied = True, False
        else:
            side.cover(*found.span())
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
