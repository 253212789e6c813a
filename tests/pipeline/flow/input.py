"""A small day of news, made of the project's own samples: copies, versions, twins, bad records, and who waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

import msgspec

from core.records import RawArticle, Subscription, article_id, encode, to_ms
from wirewatch.demo import DemoOutlets, Samples, load_samples

START = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)
END_MS = to_ms(START) + 3_600_000
COPIES = (
    "harbour-aleppo-convoy",
    "lanterns-aleppo-convoy-copy",
    "lanterns-shipping-truce",
    "birchgate-shipping-truce-copy",
)
ALONE = (
    "birchgate-obmin-perehovory",
    "birchgate-peremirie",
    "harbour-riyad-teheran",
    "lanterns-ziyara-riyad",
    "harbour-port-strike",
)
PAGES = ("harbour-storm-warning", "lanterns-consulate-mashhad")


class Item(NamedTuple):
    """What one raw record is: ``value`` at ``time_ms``; ``raw`` is None for bytes that are not a raw article."""

    name: str
    time_ms: int
    key: bytes
    value: bytes
    raw: RawArticle | None


def subscriptions() -> list[Subscription]:
    lines = load_samples().subscriptions_path.read_bytes().splitlines()
    stored = [msgspec.json.decode(line, type=Subscription) for line in lines]
    everything = Subscription(id="outlet", query="ship* OR convoy OR port OR gale OR warning")
    return [*stored, everything]


@cache
def day() -> tuple[Item, ...]:
    """The records, in no order that means anything. Several share a millisecond."""
    samples = load_samples()
    raws: list[RawArticle] = []
    for number, name in enumerate((*COPIES, *ALONE)):
        raws.append(_text(samples, name, second=number // 2))
    outlets = DemoOutlets(samples, START, base_url="http://demo.test:8000")
    raws += [_page(outlets, name) for name in PAGES]
    convoy, strike = _text(samples, COPIES[0], second=0), _text(samples, ALONE[4], second=4)
    # Another version, the first one again, and that again; an old item with news behind it; identical twins.
    raws += [
        _changed(convoy, seconds=6, title="Convoy reaches the city"),
        _changed(convoy, seconds=8),
        _changed(convoy, seconds=9),
        _changed(strike, seconds=7, text=f"{strike.text} The port stayed shut."),
        _changed(raws[8], seconds=-3, backfill=True),
        _changed(raws[2], seconds=11),
        _changed(raws[2], seconds=11),
        _changed(raws[2], seconds=11, summary="the same millisecond, another record"),
    ]
    gone = RawArticle(url="http://demo.test:8000/gone", source="demo", fetched_at=START + timedelta(seconds=2))
    raws += [gone, _changed(gone, seconds=3, stub="too_large"), _changed(gone, seconds=3, text="Words.", schema=99)]
    items = [Item(raw.url, to_ms(raw.fetched_at), article_id(raw.url).encode(), encode(raw), raw) for raw in raws]
    for number, value in enumerate((b"not JSON {", b'{"url": 7}')):
        items.append(Item(f"bytes {number}", to_ms(START) + 2_000, b"foreign key", value, None))
    return tuple(items)


def _text(samples: Samples, name: str, second: int) -> RawArticle:
    sample = samples.article(name)
    shown = sample.text_at(0)
    return RawArticle(
        url=f"http://demo.test:8000{sample.path}",
        source=sample.outlet,
        fetched_at=START + timedelta(seconds=second),
        title=shown.title,
        authors=sample.authors,
        language=sample.language,
        text="\n\n".join((shown.lead, *shown.paragraphs)),
    )


def _page(outlets: DemoOutlets, name: str) -> RawArticle:
    sample = outlets.samples.article(name)
    return RawArticle(
        url=outlets.base_url + sample.path,
        source=sample.outlet,
        fetched_at=START + timedelta(seconds=1),
        html=outlets.page(sample.path, outlets.finished_after_s()).body.decode(),
    )


def _changed(raw: RawArticle, *, seconds: int, **fields: object) -> RawArticle:
    return msgspec.structs.replace(raw, fetched_at=raw.fetched_at + timedelta(seconds=seconds), **fields)
