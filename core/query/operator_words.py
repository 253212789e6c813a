"""Words that people write for AND, OR and NOT: synonyms and other languages' words, in lower case."""

from __future__ import annotations

ENGLISH = {"or": "OR", "and": "AND", "not": "NOT"}

SYNONYMS = {
    "without": "NOT", "except": "NOT", "excluding": "NOT", "exclude": "NOT", "minus": "NOT", "nor": "AND NOT",
    "but": "AND", "plus": "AND", "xor": "OR",
}  # fmt: skip
"""English words that count in capitals only."""

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
"""Of these only what stands in capitals among words that don't: in lower case they are other languages' ordinary words."""
_SHORT = "e y ed et ve va ir ei nu ne pas u"
SHORT = frozenset(_SHORT.split())
"""These are never more than a note: abbreviations and names are written so."""
PAIRS = {("ya", "da"): "OR", ("ou", "bien"): "OR", ("o", "bien"): "OR", ("lub", "też"): "OR"}
"""Two words that are one operator together."""
