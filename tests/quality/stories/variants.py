"""Copies and near misses made from real texts, the same ones each time: gold for the copy gate.

A family is one text and what editors and software make of it. Negatives look alike and are different articles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

AGENCY_LINES = {
    "de": "BERLIN (dpa) - ",
    "ru": "МОСКВА, 14 мая. /ТАСС/. ",
    "fr": "PARIS (AFP) - ",
    "ja": "【共同通信】",
    "tr": "ANKARA (AA) - ",
}
NEW_WORDS = {
    "ru": ["однако", "между", "тем", "снова", "вскоре", "прежде", "заметно", "почти", "вместе", "далее", "иначе"],
    "de": ["jedoch", "inzwischen", "erneut", "bald", "zuvor", "deutlich", "beinahe", "gemeinsam", "ferner", "anders"],
    "ja": ["また", "一方", "さらに", "今回", "同日", "当初"],
    "ko": ["그러나", "한편", "다시", "곧", "이전", "거의", "함께", "달리"],
}
OTHER_NEW_WORDS = ["however", "meanwhile", "again", "shortly", "earlier", "notably", "almost", "together", "further"]
UNSPACED = frozenset({"ja"})


@dataclass(frozen=True)
class Made:
    """One article of the gate. ``family``: articles of one family are copies of each other. ``kind`` says how it was made."""

    family: str
    kind: str
    source: str
    title: str
    text: str
    language: str


@dataclass(frozen=True)
class Base:
    """A real text to start from."""

    name: str
    source: str
    title: str
    text: str
    language: str


def copies(base: Base) -> list[Made]:
    """The original and five copies of it."""
    dice = Random(base.name)
    text = base.text
    made = {
        "original": text,
        "syndicated": AGENCY_LINES.get(base.language, "LONDON (AP) — ") + text,
        "cut to 60 %": first_part(text, 0.6, base.language),
        "teaser": first_part(text, 1 / 3, base.language) + " …",
        "lightly edited": edited(text, base.language, dice, drop=0.05, words=0.02, own=0),
        "heavily edited": edited(text, base.language, dice, drop=0.25, words=0.05, own=2),
    }
    titles = {"original": base.title, "teaser": base.title}
    return [
        Made(
            base.name,
            kind,
            base.source if kind == "original" else f"{kind}.{base.name}",
            titles.get(kind, f"{kind}: {dice.choice(OTHER_NEW_WORDS)} {' '.join(text.split()[:3])}"),
            changed,
            base.language,
        )
        for kind, changed in made.items()
    ]


def first_part(text: str, share: float, language: str) -> str:
    if language in UNSPACED:
        return text[: round(len(text) * share)]
    end = [found.end() for found in re.finditer(r"\S+", text)]
    return text[: end[max(round(len(end) * share), 1) - 1]]


def sentences(text: str) -> list[str]:
    """Sentences with the white space behind them."""
    return re.findall(r".*?(?:[.!?…]['\"“”»)]*(?:\s+|$)|[。！？]|\n+|$)", text, re.DOTALL)[:-1] or [text]


def edited(text: str, language: str, dice: Random, *, drop: float, words: float, own: int) -> str:
    """Sentences dropped, words replaced by others, sentences of their own put in; the first sentence stays somewhere."""
    parts = [part for place, part in enumerate(sentences(text)) if place == 0 or dice.random() >= drop]
    new = NEW_WORDS.get(language, OTHER_NEW_WORDS)
    if language in UNSPACED:
        parts = ["".join(dice.choice(new)[0] if dice.random() < words else char for char in part) for part in parts]
    else:
        parts = [
            re.sub(r"[^\W\d_]{2,}", lambda found: dice.choice(new) if dice.random() < words else found[0], part)
            for part in parts
        ]
    gap = "" if language in UNSPACED else " "
    for _ in range(own):
        parts.insert(
            dice.randrange(1, len(parts) + 1), gap.join(dice.choice(new) for _ in range(16)).capitalize() + "." + gap
        )
    return "".join(parts)


def same_subject(base: Base) -> list[Made]:
    """Two articles of one outlet on one subject: other sentences, the same names, one paragraph of background in both."""
    parts = sentences(base.text)
    background = "".join(parts[-2:])
    halves = (parts[:-2:2], parts[1:-2:2])
    return [
        Made(
            f"{base.name} subject {side}",
            "same subject",
            base.source,
            base.title,
            "".join(half) + " " + background,
            base.language,
        )
        for side, half in enumerate(halves)
    ]


def with_footer(bases: Sequence[Base], footer: str, words: int) -> list[Made]:
    """Short texts of one outlet above the same footer."""
    return [
        Made(
            f"{base.name} footer",
            "long footer",
            "footer.example",
            base.title,
            " ".join(base.text.split()[:words]) + "\n\n" + footer,
            base.language,
        )
        for base in bases
    ]


TEMPLATES = {
    "en": (
        "Shares of {name} closed at {a} pence on {place}'s exchange after a move of {b} per cent during the "
        "session. The company, which employs {c} people and is led by {person}, reported a turnover of {d} "
        "million for the quarter, compared with {e} million a year earlier. Analysts had expected {f} "
        "million. The volume traded was {g} shares. The highest price of the past 52 weeks was {h} pence. "
        "This report was generated automatically from exchange data and checked by nobody before it appeared "
        "on this page. {name} will publish its next figures in the coming quarter, {person} said in the "
        "statement."
    ),
    "de": (
        "Im Spiel der Kreisliga hat der {name} am Sonntag gegen die Mannschaft aus {place} mit {a} zu {b} "
        "gewonnen. Vor {c} Zuschauern traf zunächst {person} in der {d}. Minute, bevor die Gäste in der {e}. "
        "Minute ausglichen. Nach der Pause entschied erneut {person} die Partie in der {f}. Minute. Der "
        "{name} steht damit nach {g} Spieltagen bei {h} Punkten. Dieser Bericht wurde automatisch aus den "
        "Angaben der Vereine erstellt und vor der Veröffentlichung nicht von der Redaktion geprüft."
    ),
    "ru": (
        "Сейсмологи зафиксировали землетрясение магнитудой {a},{b} в районе населённого пункта {place}. "
        "Эпицентр находился в {c} километрах от посёлка {name}, очаг залегал на глубине {d} километров. "
        "Толчки ощущались силой до {e} баллов. По словам дежурного {person}, жертв и разрушений нет, "
        "проверено {f} домов и {g} социальных объектов. Всего с начала месяца в этом районе отмечено {h} "
        "подземных толчков. Сообщение составлено автоматически по данным сети станций наблюдения."
    ),
    "ar": (
        "سجل سعر صرف العملة اليوم في سوق {place} {a} ليرة للشراء و{b} ليرة للمبيع، بحسب نشرة شركة {name} "
        "للصرافة. وبلغ سعر غرام الذهب من العيار الأول {c} ليرة ومن العيار الثاني {d} ليرة. وقال مدير الشركة "
        "{person} إن حجم التداول وصل إلى {e} عملية بقيمة {f} مليون ليرة، مقابل {g} عملية في الجلسة السابقة. "
        "وأعد هذا التقرير آليا من بيانات السوق، ولم يراجعه المحررون قبل نشره، ويصدر في نهاية كل جلسة تداول "
        "عند الساعة المعتادة. وبلغ عدد الشركات المشاركة {h} شركة."
    ),
    "ja": (
        "{place}の気象台によると、{name}地方の最高気温は{a}度、最低気温は{b}度だった。"
        "降水量は{c}ミリで、平年の{d}パーセントにあたる。"
        "最大瞬間風速は毎秒{e}メートルを観測した。"
        "担当の{person}予報官は、今後も天気の急な変化に注意するよう呼びかけている。"
        "積雪は{f}センチ、湿度は{g}パーセントだった。"
        "この記事は観測データから自動で作成されたもので、編集者の確認を経ていない。"
        "次の発表は{h}時間後の予定。"
    ),
}
_NAMES = {
    "en": ["Alderbrook", "Crossfell", "Dunmere", "Eastlock", "Farrowgate", "Greyhollow", "Hartsea", "Inverwick"],
    "de": ["Ahlersbach", "Brunnhofen", "Dorlingen", "Eschenrode", "Falkwitz", "Grünheim", "Hohenlau", "Ilmstedt"],
    "ru": ["Берёзовка", "Глинское", "Дальнее", "Еловка", "Журавино", "Заречное", "Ивняки", "Каменное"],
    "ar": ["الزيتونة", "المرجان", "الكرمل", "السنديان", "الياسمين", "البستان", "الميناء", "الرابية"],
    "ja": ["青森川", "白石野", "黒部浜", "緑丘", "赤羽根", "金森", "銀沢", "桃山"],
}


def machine_reports(language: str, count: int = 8) -> list[Made]:
    """Reports of one template: only names and figures differ."""
    made = []
    names = _NAMES[language]
    for number in range(count):
        dice = Random(f"{language} {number}")
        figures = {letter: str(dice.randrange(2, 60_000 if letter in "cdefg" else 90)) for letter in "abcdefgh"}
        chosen = {
            part: names[(number * step + step) % len(names)]
            for part, step in (("name", 1), ("place", 3), ("person", 5))
        }
        text = TEMPLATES[language].format(**chosen, **figures)
        made.append(
            Made(f"{language} machine {number}", "machine-written", f"robot.{language}", chosen["name"], text, language)
        )
    return made
