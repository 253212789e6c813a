"""Matches the items of a list with known ones by guid, link and text, depending on what the feed has shown before. Pure.

An item gets its key when it is first seen, and is matched with it in later lists. The rules, of which the first match counts:

1. The same guid, unless several items of the list share it with different links. A guid that stays while link and words
   change is the same item with news.
2. The same link, if links identify items, as in a feed with new guids at every poll. A link does not identify an item
   if several items of one list share it with different words, if an item identified by its guid has it, or if it is the
   front page of a site. An item with another guid and other words than the known one is another item, unless its guid
   is only the link with another fragment.
3. The same title, summary and date, or without a date the same link: an item whose guid and link both change.

An item whose link doesn't identify it is a separate article: its address is the link with a fragment that contains its
guid (or the link's own fragment and its title), and its text is the feed's, since the page at the link is not its page.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from connectors.feeds.items import FeedItem
from core.records import canonical_url
from core.records.identity import ITEM_FRAGMENT

_DIGITS = re.compile(r"\d+")


class ItemMarks(NamedTuple):
    """Digests of what identifies an item and of what can change in it. They are empty for missing parts.

    ``title`` and ``rest`` (the summary) leave out digits, which are in ``figures``; ``touch`` is of minor changes: the
    date of the last change, and the full text. ``apart``: ``+`` if its link doesn't identify it.
    """

    guid: str
    link: str
    title: str
    rest: str
    when: str
    figures: str
    touch: str
    apart: str = ""

    def __str__(self) -> str:
        return ".".join(self)

    @property
    def words(self) -> tuple[str, str]:
        """The digests of title and summary."""
        return self.title, self.rest


_NO_MARKS = ItemMarks("", "", "", "", "", "", "")


def marks_of(item: FeedItem) -> ItemMarks:
    """The marks of a listed item."""
    title, summary = (" ".join((part or "").split()) for part in (item.title, item.summary))
    figures = _DIGITS.findall(f"{title} {summary}")
    if figures:
        title, summary = _DIGITS.sub("0", title), _DIGITS.sub("0", summary)
    link = canonical_url(item.url)
    bare = link.partition(f"#{ITEM_FRAGMENT}=")[0]
    return ItemMarks(
        guid=_hash(12, item.guid),
        link=_hash(12, bare if item.fetchable or bare != link else ""),
        title=_hash(8, title),
        rest=_hash(8, summary),
        when=_hash(8, item.published),
        figures=_hash(8, " ".join(figures)),
        touch=_hash(8, f"{item.updated or ''}\0{item.content or ''}".strip("\0")),
        apart="+" if bare != link else "",
    )


def read_marks(digest: str) -> ItemMarks:
    """Parse the marks from their ``str``; empty ones if they are from another version."""
    parts = digest.split(".")
    return ItemMarks(*parts) if len(parts) == len(ItemMarks._fields) else _NO_MARKS


class ItemMatch(NamedTuple):
    """A listed item with its key, made unique if necessary.

    ``known``: it is one of the known items; ``by_text``: found only by rule 3.
    """

    item: FeedItem
    marks: ItemMarks
    known: bool
    by_text: bool = False


def matched(about: Mapping[str, ItemMarks], listed: Sequence[FeedItem]) -> list[ItemMatch]:
    """The listed items in order, each key once, without duplicates. ``about``: the marks of known items by key."""
    marks = [marks_of(item) for item in listed]
    shared = _shared_links(marks)
    shared.update(one.link for one in about.values() if one.apart)
    weak = _shared_guids(marks)
    # Nearly all lists have no item that was separated before. Marks of another version don't record it.
    some_apart = any(one.apart or one == _NO_MARKS for one in about.values())
    found: list[ItemMatch | None] = [None] * len(listed)
    taken: set[str] = set()

    def take(place: int, item: FeedItem, one: ItemMarks, *, by_text: bool = False) -> None:
        if item.key not in taken:
            taken.add(item.key)
            found[place] = ItemMatch(item, one, item.key in about, by_text)

    left = []
    for place, (item, one) in enumerate(zip(listed, marks, strict=True)):
        apart = _told_apart(item, one, weak) if some_apart else None
        if item.key in about and (one.link not in shared or one.guid or about[item.key].words == one.words):
            # An item that was known before its link became shared keeps its address, but the page there is not its own.
            take(place, msgspec.structs.replace(item, fetchable=item.fetchable and one.link not in shared), one)
        elif apart is not None and apart.key in about:
            take(place, apart, marks_of(apart))
        else:
            left.append(place)
    if left:
        by_link, by_text = _indices(about, taken)
    twins = {(match.marks.link, *match.marks.words) for match in found if match and match.marks.link}
    for place in left:
        item, one = listed[place], marks[place]
        if one.link and (one.link, *one.words) in twins:
            continue
        twins.add((one.link, *one.words))
        apart = (
            _told_apart(item, one, weak) if one.link in shared or (item.fetchable and is_front_page(item.url)) else None
        )
        key = None
        if apart is None and one.link:
            others = [key for key in by_link.get(one.link, ()) if key not in taken]
            key = next((key for key in others if _is_same(item, one, about[key])), None)
            apart = _told_apart(item, one, weak) if others and key is None else None
        if key is None:
            others = [key for key in by_text.get(_text(one), ()) if key not in taken]
            key = next((key for key in others if one.when or (one.link and one.link == about[key].link)), None)
            if key is not None:
                same = msgspec.structs.replace(item, key=key)
                take(place, same, one._replace(apart=about[key].apart), by_text=True)
                continue
        if key is not None:
            take(place, msgspec.structs.replace(item, key=key), one)
        elif apart is not None:
            take(place, apart, marks_of(apart))
        else:
            take(place, item, one)
    return [match for match in found if match is not None]


def _shared_links(marks: Sequence[ItemMarks]) -> set[str]:
    """Links that several items of the list share, with different words."""
    several = {link for link, count in Counter(one.link for one in marks if one.link).items() if count > 1}
    kinds = Counter(link for link, *_ in {(one.link, *one.words) for one in marks if one.link in several})
    return {link for link, count in kinds.items() if count > 1}


def _shared_guids(marks: Sequence[ItemMarks]) -> set[tuple[str, str]]:
    """Pairs of link and guid that several items of the list share, with different words."""
    kinds = Counter((link, guid) for link, guid, *_ in {(one.link, one.guid, *one.words) for one in marks if one.guid})
    return {pair for pair, count in kinds.items() if count > 1}


def _indices(
    about: Mapping[str, ItemMarks], taken: set[str]
) -> tuple[dict[str, list[str]], dict[tuple[str, ...], list[str]]]:
    """The keys of known items by link, and by title, summary and date, in the order of the keys."""
    by_link: dict[str, list[str]] = {}
    by_text: dict[tuple[str, ...], list[str]] = {}
    for key in sorted(about.keys() - taken):
        one = about[key]
        if one.link and not one.apart:
            by_link.setdefault(one.link, []).append(key)
        if one.title:
            by_text.setdefault(_text(one), []).append(key)
    return by_link, by_text


def _text(one: ItemMarks) -> tuple[str, ...]:
    return one.title, one.rest, one.figures, one.when


def _is_same(item: FeedItem, one: ItemMarks, other: ItemMarks) -> bool:
    """Whether it is the known item with the same link."""
    similar = one.title == other.title or bool(one.rest and one.rest == other.rest)
    return similar or not one.guid or not other.guid or _guid_is_link(item)


def _guid_is_link(item: FeedItem) -> bool:
    return item.guid is not None and canonical_url(item.guid) == canonical_url(item.url)


def is_front_page(url: str) -> bool:
    """Whether this is the address of a site's front page, which is never an article."""
    split = urlsplit(canonical_url(url))
    return split.path in ("", "/") and not split.query


def _told_apart(item: FeedItem, one: ItemMarks, weak: Container[tuple[str, str]]) -> FeedItem | None:
    """The item as a separate article among others with its link; None if nothing distinguishes it.

    ``weak``: links and guids that don't identify items.
    """
    if not one.link:
        return None
    split = urlsplit(item.url)
    guid = None if (one.link, one.guid) in weak else item.guid
    tells = guid or f"{split.fragment} {one.title}"
    if tells == " ":
        return None
    key = _hash(32, f"apart\0{one.link}\0{tells}")
    url = split._replace(fragment=f"{ITEM_FRAGMENT}={key}").geturl()
    return msgspec.structs.replace(item, key=key, url=url, fetchable=False)


def _hash(length: int, text: str | None) -> str:
    if not text:
        return ""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=length // 2).hexdigest()
