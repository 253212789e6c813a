"""The grammar of queries, for lark's LALR parser. It is a string here, not a file, so that this package reads no files.

Binding, tightest first: fields and functions, NEAR, NOT, AND (also two terms side by side), OR. Operators are upper case and
stand alone; ``and`` is an ordinary word. The lexer must be lark's "basic" one: the contextual one would take an AND out of
place for a word. LALR is linear and keeps its own stack, so long and deeply nested queries cost time, never a RecursionError.
"""

from __future__ import annotations

QUOTES = '"“”„‟«»＂'
_STANDS_ALONE = rf"(?=[\s\u200b()（）{QUOTES}]|$)"
PREFIXES = ("title", "body", "source", "lang", "topic", "url", "author", "cs", "stem")
"""What may stand before a colon, in lower case; the query may write it in any case."""

# A phrase ends at the next quote of any kind, since word processors pair them in every way. A quote without
# a next one is the only character that no terminal takes.
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
FUNCTION.2: /(?:ATLEAST|LEAD)\/[0-9]+(?=[\s\u200b]*[(（])/
FIELD.2: /(?:{"|".join(PREFIXES)}):/i
_LPAR: /[(（]/
_RPAR: /[)）]/
PHRASE.1: /[{QUOTES}][^{QUOTES}]*[{QUOTES}]/
WORD: /[^\s()（）{QUOTES}\u200b]+/
%ignore /[\s\u200b]+/
"""

OPERAND = 'a term, a "phrase" or ('
OPERATOR = "AND, OR, NOT, NEAR/n, another term or the end of the query"
