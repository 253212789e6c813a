"""Made-up news pages that must really be extracted: 30 to 100 KB of HTML around some hundred words, by number. Pure."""

from __future__ import annotations

from datetime import datetime
from random import Random

from core.records import RawArticle, Subscription

OUTLETS = 20
BEATS = (
    *(
        "harbour",
        "parliament",
        "drought",
        "vaccine",
        "railway",
        "election",
        "ceasefire",
        "refinery",
        "tariff",
        "glacier",
    ),
    *(
        "orchestra",
        "satellite",
        "fishery",
        "museum",
        "earthquake",
        "pipeline",
        "budget",
        "stadium",
        "asylum",
        "reactor",
    ),
)
SUBSCRIPTIONS = [
    Subscription(id=beat, query=f'{beat} AND (minister OR "said on" OR council NEAR/5 {beat})') for beat in BEATS
]
_SMALL = (
    *("the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be", "by", "on", "not"),
    *("he", "his", "but", "at", "are", "this", "have", "from", "or", "had", "an", "they", "which", "one", "you"),
    *("were", "all", "her", "she", "there", "would", "their", "we", "him", "been", "has", "when", "who", "will"),
    *("no", "more", "if", "out", "so", "up", "said", "what", "its", "about", "than", "into", "them", "can", "only"),
    *("other", "time", "new", "some", "could", "these", "two", "may", "first", "then", "do", "any", "like", "my"),
    *("now", "over", "such", "our", "man", "me", "even"),
)
_SYLLABLES = (
    *("bra", "cor", "del", "fen", "gal", "hir", "jo", "kel", "lum", "mar", "nes", "or", "pel", "ris", "sol", "tav"),
    *("ul", "ven", "wick", "yar", "zen", "ton", "bury", "stead", "mont", "dale", "shire", "ford", "mere", "holt"),
)
_COPY, _EDIT = 10, 20


def raw_article(number: int, now: datetime) -> RawArticle:
    """The article of a number as fetched ``now`` (UTC).

    Every 10th is a copy of the one before at another outlet, every 20th a new version of one some numbers ago.
    """
    told, version = number, 1
    if number % _COPY == _COPY - 1:
        told = number - 1
    elif number % _EDIT == _EDIT // 2 and number > _EDIT:
        told, version = number - 7, 2
    outlet = f"outlet{(told if version > 1 else number) % OUTLETS}"
    page = told if version > 1 else number
    title, paragraphs = _told(told, version)
    return RawArticle(
        url=f"https://{outlet}.example/news/{page}",
        source=outlet,
        fetched_at=now,
        title=title,
        published=now.isoformat(),
        html=_html(number, title, paragraphs, now),
    )


def _told(number: int, version: int) -> tuple[str, list[str]]:
    rng = Random(number)
    beat = BEATS[number % len(BEATS)]
    names = [_name(rng) for _ in range(12)]
    title = f"{names[0]} {beat} {rng.choice(('talks', 'plan', 'vote', 'inquiry', 'delay'))} worries {names[1]}"
    paragraphs = []
    for place in range(rng.randint(9, 16)):
        words: list[str] = []
        for _ in range(rng.randint(30, 60)):
            words.append(rng.choice(names) if rng.random() < 0.12 else rng.choice(_SMALL))
            if rng.random() < 0.3:
                words.append(_name(rng).lower())
        if place % 3 == 0:
            words[3:3] = ["the", "minister", "said", "on", "the", beat]
        paragraphs.append(" ".join(words).capitalize() + f", {names[place % 12]} added.")
    if version > 1:
        paragraphs.append(f"Changed: {_name(Random(-number))} now says that the {beat} waits until {number}.")
    return title, paragraphs


def _html(number: int, title: str, paragraphs: list[str], now: datetime) -> str:
    rng = Random(number + 1_000_003)
    links = [
        f'<li class="teaser"><a href="/news/{rng.randrange(10**6)}"><span>{_name(rng)} and {_name(rng)}</span>'
        f'<img src="/i/{rng.randrange(10**6)}.jpg" alt="" width="320" height="180"></a></li>'
        for _ in range(rng.randint(60, 260))
    ]
    script = "".join(
        f"window.w{place}={{id:{rng.randrange(10**9)},s:'{_name(rng)}'}};" for place in range(rng.randint(200, 700))
    )
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta property="og:title" content="{title}"><meta property="article:published_time" content="{now.isoformat()}">'
        f"<script>{script}</script></head><body><header><nav><ul>{''.join(links[: len(links) // 3])}</ul></nav></header>"
        f'<main><article><h1>{title}</h1><time datetime="{now.isoformat()}">{now:%d %B %Y}</time>{body}</article>'
        f"<aside><h2>Most read</h2><ul>{''.join(links)}</ul></aside></main>"
        "<footer><p>All rights reserved.</p></footer></body></html>"
    )


def _name(rng: Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))).capitalize()
