"""Queries and documents over a small vocabulary, so that they often meet."""

from __future__ import annotations

from hypothesis import strategies as st

_WORDS = [
    "Syria",
    "syria",
    "Syrien",
    "Élysée",
    "elysee",
    "al-Tanf",
    "al",
    "tanf",
    "Iran's",
    "IRAN",
    "U.S.",
    "us",
    "don't",
    "don",
    "İran",
    "Iran",
    "straße",
    "STRASSE",
    "3.5",
    "2024",
    "سوريا",
    "سُورِيّا",
    "سوريـــا",
    "إيران",
    "ايران",
    "السورية",
    "آتش\u200cبس",
    "آتش",
    "٢٠٢٤",
    "Сирия",
    "сирийский",
    "Зеленський",
    "зв'язок",
    "обʼєкт",
    "ёлка",
    "елка",
    "мой",
    "叙利亚",
    "叙利",
    "利亚",
    "亚",
    "伊朗和沙特",
    "シリア",
    "시리아의",
    "シ",
    "हिन्दी",
    "ประเทศไทย",
    "Việt",
    "co\xadop",
    "élan",
    "naïve",
]
_QUERY_WORDS = (*_WORDS, "syr*", "s?ria", "سور*", "сири*", "a*", "al-t*", "叙利*", "i*n", "s*y*a", "e?y*")
_GLUE = (" ", " ", " ", ", ", ". ", "\n", "-", "/", "，", "", "'")

texts = st.lists(st.tuples(st.sampled_from(_WORDS), st.sampled_from(_GLUE)), max_size=14).map(
    lambda pairs: "".join(word + glue for word, glue in pairs)
)
wild_texts = st.text(
    st.sampled_from("aAbé ıİ'’.,-_*سوًـی\u200c\u200d叙利亚あアｶﾞกำ가\u0301\u064e\u00ad3٣²🙂\u200bß") | st.characters(),
    max_size=40,
)

_term = st.sampled_from(_QUERY_WORDS)
_phrase = st.lists(_term, min_size=1, max_size=3).map(lambda words: '"' + " ".join(words) + '"')
queries = st.recursive(
    _term | _phrase,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " ", " NOT ", " OR NOT "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("NOT {}".format),
        st.tuples(inner, inner, inner).map(" OR ".join),
    ),
    max_leaves=7,
)
