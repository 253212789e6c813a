"""Pages for the short form, which every clone has: the project's own, with what news pages have around their article."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from core.records import OrderKey, Position, RawArticle, encode, from_ms
from pipeline.elements import Envelope

_OWN = Path(__file__).parents[2] / "tests" / "quality" / "pages"
_MARK = "R00000"
_LINKS, _PARAGRAPHS, _SCRIPT_ENTRIES = 250, 14, 400


@cache
def raw_pages() -> tuple[RawArticle, ...]:
    """Some 25 pages of 50 KB: half of the articles of the evaluation set, longer, with menus, teasers and scripts."""
    found = []
    # Not the many pages for one odd form each: with them, these are other pages than those of the kept ratios.
    for path in sorted(path for path in _OWN.glob("*.toml") if path.stem not in ("strangers", "reported")):
        for page in tomllib.loads(path.read_text("utf-8"))["page"]:
            if "wall" not in page and "</p>" in page["html"] and "</body>" in page["html"]:
                html = _as_published(page["html"], page.get("begins", ""), len(found))
                found.append(RawArticle(url=page["url"], source="", fetched_at=from_ms(1_795_867_200_000), html=html))
    return tuple(found[::2])


@cache
def envelopes() -> tuple[Envelope, ...]:
    """The same as raw records."""
    return tuple(
        Envelope(
            number=place,
            position=Position(run="report", stream="", partition=0, offset=place),
            key=OrderKey(place, "", ""),
            value=encode(raw),
        )
        for place, raw in enumerate(raw_pages())
    )


def numbered(envelope: Envelope, number: int) -> Envelope:
    """The record with another number in the beginning of its text: nothing that was remembered of one serves for another."""
    return replace(envelope, value=envelope.value.replace(_MARK.encode(), b"R%05d" % number))


def _as_published(html: str, begins: str, seed: int) -> str:
    if begins:
        html = html.replace(begins, f"{_MARK} {begins}")
    links = "".join(
        f'<li class="item-{n}"><a href="/section-{n % 17}/{seed}-{n}.html">Headline {n} of section {n % 17}</a></li>'
        for n in range(_LINKS)
    )
    entries = ",".join(
        f'{{"id":{n},"slot":"banner-{n % 9}","sizes":[[300,250],[728,90]]}}' for n in range(_SCRIPT_ENTRIES)
    )
    around = (
        f'<aside class="teasers"><ul>{links}</ul></aside><footer><nav><ul>{links}</ul></nav></footer>'
        f"<script>window.slots=[{entries}]</script>"
    )
    paragraph = html.rindex("</p>", 0, html.rindex("</body>")) + len("</p>")
    more = "".join(
        f"<p>{begins} In its part {n} the report said that {seed + n} of {100 + n} members had agreed on point {n}, and that "
        f"talks on the rest would go on in hall {n % 7} until the evening of the day after.</p>"
        for n in range(_PARAGRAPHS)
    )
    html = html[:paragraph] + (more if begins else "") + html[paragraph:]
    return html.replace("</body>", f"{around}</body>", 1)
