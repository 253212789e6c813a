"""Words that people write for AND, OR and NOT: synonyms and words of other languages, in lower case."""

from __future__ import annotations

ENGLISH = {"or": "OR", "and": "AND", "not": "NOT"}

SYNONYMS = {
    "without": "NOT", "except": "NOT", "excluding": "NOT", "exclude": "NOT", "minus": "NOT", "nor": "AND NOT",
    "but": "AND", "plus": "AND", "xor": "OR",
}  # fmt: skip
"""English words that only count in capitals."""

_OR = """oder ou o oppure of eller tai lub albo nebo alebo vagy sau veya или либо або чи ili ή أو او یا או या অথবা বা 或 或者
    または 또는 หรือ hoặc atau ան կամ немесе yoki ose arba või eða edo அல்லது"""
_AND = """und et y e ed en och og oraz és ve и та й і και و اور और এবং 和 与 及 以及 及び および 및 และ và և და va dhe ir"""
_NOT = """nicht ohne außer ausser pas sans sauf non no sin senza tranne não nao sem niet zonder inte utan ikke uden uten nie
    bez nem değil degil hariç haric не нет без кроме ні окрім όχι δεν χωρίς ليس ليست لا غير بدون نه نیست بدون לא ללא בלי नहीं
    نہیں 非 不 没有 不是 không tidak bukan tanpa ei nu ne"""
FOREIGN = {word: operator for operator, words in (("AND", _AND), ("OR", _OR), ("NOT", _NOT)) for word in words.split()}
"""Words of other languages → the operator."""

_CAPITALS_WORDS = """of en no non sin sem ir va ei nu ne tai ose edo pas sans nie og sau bez ed utan inte uten
    uden nem"""
CAPITALS = frozenset(_CAPITALS_WORDS.split())
"""These count only in capitals among words that aren't: in lower case they are ordinary words of other languages."""
_SHORT = "e y ed et ve va ir ei nu ne pas u"
SHORT = frozenset(_SHORT.split())
"""These never give more than a note, since they are also abbreviations and names."""
PAIRS = {("ya", "da"): "OR", ("ou", "bien"): "OR", ("o", "bien"): "OR", ("lub", "też"): "OR"}
"""Pairs of words that form one operator."""
