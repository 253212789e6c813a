"""Queries and documents over a small vocabulary, so that they often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.core.query.oracle import Meta

WORDS = [
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
    "وسوريا",
    "للسورية",
    "переговоров",
    "переговорами",
    "переговори",
    "negotiated",
    "négociations",
    "BEST",
    "Best",
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
    "Sana'a",
    "Sanaa",
    "O’Brien",
    "brien",
    "she'd",
    "shed",
    "l'air",
    "lair",
    "Shi`ite",
    "آتش بس",
    "آتشبس",
    "می\u200cخواسته\u200cاند",
    "عبد الله",
    "عبدالله",
    "صه",
    'צה"ל',
    "צהל",
    "בצה״ל",
    "ג'נין",
    "סוריה",
    "ובסוריה",
    "ﾀﾞﾏ",
    "ダマ",
    "\u1109\u1175\u1105\u1175",
]
_QUERY_WORDS = (
    *WORDS,
    "syr*",
    "s?ria",
    "سور*",
    "сири*",
    "a*",
    "al-t*",
    "叙利*",
    "i*n",
    "s*y*a",
    "e?y*",
    "u.s*",
    "sana'*",
    "o'br*",
    "آتش\u200cب*",
    "سوري\u200cه",
)
GLUE = (" ", " ", " ", ", ", ". ", "\n", "-", "/", "，", "", "'")

texts = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GLUE)), max_size=14).map(
    lambda pairs: "".join(word + glue for word, glue in pairs)
)
wild_texts = st.text(
    st.sampled_from("aAbé ıİ'’.,-_*سوًـی\u200c\u200d叙利亚あアｶﾞกำ가\u0301\u064e\u00ad3٣²🙂\u200bß") | st.characters(),
    max_size=40,
)

_METADATA = ("source:reuters", "source:reut*", "lang:ar", "lang:(en OR ar)", "topic:syria", "topic:iran-saudi", "topic:iran*",
             "kind:state", "kind:(state OR agency)", 'kind:"public broadcaster"', "kind:s*", "kind:(state NEAR/1 agency)",
             "url:example.org/world", "url:world", 'author:"jane doe"', "author:d?e", "author:(jane NEAR/0 doe)")  # fmt: skip
_STEMMED = ("stem:переговоры", "stem:переговор", "stem:negotiate", "stem:négociation", 'stem:"سوريا"', "stem:叙利亚",
            "stem:syria", "stem:(مفاوضات OR переговори)")  # fmt: skip
metadata = st.builds(
    Meta,
    source=st.sampled_from([None, "reuters.com", "AFP"]),
    language=st.sampled_from([None, "en", "ar", "ru", "uk", "fr", "fa", "zh", "he", "xx"]),
    topics=st.sampled_from([(), ("syria",), ("iran-saudi", "syria")]),
    url=st.sampled_from([None, "https://example.org/world/syria-1", "http://x.test"]),
    authors=st.sampled_from([(), ("Jane Doe",), ("Jane", "Doe Roe")]),
    labels=st.sampled_from([(), (), ("state",), ("agency", "state"), ("public broadcaster",)]),
)

_term = st.sampled_from(_QUERY_WORDS)
_phrase = st.lists(_term, min_size=1, max_size=3).map(lambda words: '"' + " ".join(words) + '"')
_cased = st.sampled_from(_QUERY_WORDS).map('cs:"{}"'.format)
_near = st.sampled_from([" NEAR/0 ", " NEAR/2 ", " NEAR/9 ", " ONEAR/0 ", " ONEAR/3 "])
_around = st.sampled_from(
    ["({})", "title:({})", "body:({})", "cs:({})", "ATLEAST/2({})", "ATLEAST/1({})", "LEAD/3({})", "LEAD/6({})"]
)
queries = st.recursive(
    _term | _term | _phrase | _cased | st.sampled_from(_METADATA) | st.sampled_from(_STEMMED),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " ", " NOT ", " OR NOT "]), inner).map("".join),
        st.tuples(st.just("("), inner, st.just(")"), _near, st.just("("), inner, st.just(")")).map("".join),
        st.tuples(_term, _near, _term, _near, _term).map("".join),
        st.tuples(_around, inner).map(lambda pair: pair[0].format(pair[1])),
        inner.map("NOT ({})".format),
        st.tuples(inner, inner, inner).map(" OR ".join),
    ),
    max_leaves=7,
)
