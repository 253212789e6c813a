"""The page's visible dates of publication and modification: <time> and other elements with dates, each with its role.

A date's role comes from what marks it (microdata, ``pubdate``, names of classes) or from the words beside it
("Updated", "Опубликовано"). A date without a known role counts as the publication only if it is near the headline.
Dates in boxes of other articles, in comments and in live-blog updates are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from lxml.html import HtmlElement

from core.package_data import package_toml
from pipeline.extraction.jsonld import is_article_type
from pipeline.extraction.marks import Marks
from pipeline.extraction.places import above, beside_the_article
from pipeline.extraction.values import phrases_of, words_of
from pipeline.text.calendars import day_marks, key
from pipeline.text.characters import folded

Role = Literal["published", "modified", "unknown"]

_DATA = package_toml("pipeline.extraction", "times.toml")
_MAX_CHARS = 120
_MAX_LABEL_CHARS = 40
_SENTENCE_WORDS, _LABEL_WORDS, _MAX_ZONE_CHARS = 8, 3, 5
_CLOCK_WORDS = frozenset({"uhr", "h", "hrs", "ч", "год", "a", "p", "m"})


_PUBLISHED, _MODIFIED = (phrases_of(_DATA[name]) for name in ("published", "modified"))
_ROLE_PHRASES = "|".join(re.escape(one) for one in sorted(_PUBLISHED | _MODIFIED, key=lambda one: (-len(one), one)))
_BEFORE_LABEL = re.compile(rf"(?<!\s)\s+(?=(?:{_ROLE_PHRASES})\s?[:：])", re.IGNORECASE)
# Scripts that write words without spaces between them, or small words onto others.
_UNSPACED = re.compile("[\u0590-\u06ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def _stems(listed: str) -> re.Pattern[str]:
    stems = sorted({key(stem) for stem in listed.split("|") if stem.strip()}, key=len, reverse=True)
    return re.compile("|".join(stem if _UNSPACED.match(stem) else rf"\b{stem}" for stem in stems))


_PUBLISHED_STEM, _MODIFIED_STEM = (_stems(_DATA[name]) for name in ("published_stems", "modified_stems"))

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SAYS_PUBLISHED = frozenset(
    {
        "published",
        "publish",
        "pubdate",
        "pubtime",
        "posted",
        "pub",
        "entry",
        "created",
        "issued",
        "datepublished",
        "dateline",
        "publication",
    }
)
_SAYS_MODIFIED = frozenset(
    {"updated", "update", "modified", "edited", "lastmod", "revised", "datemodified", "changed", "guncelleme"}
)
_SAYS_DATE = frozenset(
    {
        "date",
        "time",
        "datetime",
        "timestamp",
        "dates",
        "tarih",
        "fecha",
        "datum",
        "pdate",
        "newsdate",
        "postdate",
        "articledate",
    }
)
_SKIPPED = frozenset(
    {"meta", "link", "script", "style", "html", "body", "main", "article", "form", "input", "h1", "p", "a", "img"}
)
_DATA_NAME = re.compile(r"date|time|epoch|stamp|utc|publish|created|ts$")
_MOMENT = re.compile(r"1\d{9}|1\d{12}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?\S{0,10}(?: [+-]\d{4})?")
# The words before the digits of a date, or between those of two.
_CHUNK = re.compile(r"[^\d\u0660-\u0669\u06f0-\u06f9]+")
# A place, and behind a comma a date with its year; an agency in brackets or strokes; a dash. Nothing of it ends a sentence.
_DATELINE = re.compile(
    r"[(（]?[^\W\d_][^\d!?;:]{1,50}?,\s((?:[^\W\d_]{3,12}\.?\s\d{1,2},?\s\d{4}|\d{1,2}\.?\s(?:de\s)?[^\W\d_]{3,12}\.?\s(?:de\s)?\d{4}"
    r"|\d{1,2}[./]\d{1,2}[./]\d{4}))[)）]?\s*(?:[(/（][^()/（）]{2,40}[)/）]\s*)?(?:--|[–—:-])\s"
)
_BAR = re.compile(r"\s[|–—-]\s")
_TIME_ONLY = re.compile(r"\d{1,2}[:.h]\d\d(?!\d|[./]\d)")
_TIME_BEFORE = re.compile(r"\d[:h]\d\d(?!\d)")
_IN_BRACKETS = re.compile(r"\s*[(\[（]([^()\[\]（）]{1,40})[)\]）]")
_MARKED_WORDS = re.compile(r"[^\s|–—·•,.:：;()\[\]（）／/-]+")  # letters with their vowel signs


class Dated(NamedTuple):
    """A visible date: its text, its role, and how it was found."""

    value: str
    role: Role
    origin: str


def shown_dates(marks: Marks, near: Iterable[str]) -> Iterator[Dated]:
    """Yield the dates of the page's article, those with a role first, then those that only stand at the headline."""
    loose: list[Dated] = []
    for element in marks.dates:
        for dated in _read(element):
            if dated.role == "unknown":
                loose.append(dated)
            else:
                yield dated
    yield from loose
    yield from dates_in_lines(near)


def dates_in_lines(lines: Iterable[str]) -> Iterator[Dated]:
    """Yield what looks like a date in the short lines at the headline."""
    label = ""
    for line in (part for whole in lines for part in _rows_of(whole)):
        if _has_digit(line):
            labelled = f"{label} {line}" if label and role_of(_label_in(line)) == "unknown" else line
            # A long line is a row of notes, whose dates have labels, or a sentence.
            told = len(line) > _MAX_CHARS or _is_told(line)
            yield from (
                one
                for one in _by_words(labelled, "visible")
                if not told or (one.role != "unknown" and _is_labelled(_label_in(one.value)))
            )
        # A label in a block of its own, as in a list of terms.
        label = line if len(line) <= _MAX_LABEL_CHARS and role_of(line) != "unknown" and not _has_digit(line) else ""


def date_in_dateline(paragraph: str) -> str | None:
    """The date with its year in the dateline of a text: "TALLPINE, Ore., Nov. 23, 2026 /NewsRelay/ -- …"; None without one."""
    found = _DATELINE.match(paragraph)
    return found[1] if found else None


def _rows_of(line: str) -> list[str]:
    """A long line in parts, each of which begins with the label of a date."""
    return _BEFORE_LABEL.split(line) if len(line) > _MAX_CHARS else [line]


def _is_labelled(words: str) -> bool:
    """Whether the words before a date are a label, or end with one and its colon: "By: Ann Keel Published: Nov"."""
    listed = words.split()
    before, colon, _ = " ".join(listed[-_LABEL_WORDS:]).rpartition(":")
    return len(listed) <= _LABEL_WORDS or (bool(colon) and role_of(before) != "unknown")


def _is_told(line: str) -> bool:
    """Whether the line is a sentence, whose date is part of the story."""
    return line.endswith(("。", "।", "۔")) or (
        line.endswith((".", "!", "?", "؟", "։"))
        and line.count(" ") + 1 >= _SENTENCE_WORDS
        and not _ends_time(line.rsplit(" ", 1)[1])  # "6:40 μ.μ."
    )


def _has_digit(line: str) -> bool:
    return any(char.isdigit() for char in line)


def _read(element: HtmlElement) -> Iterator[Dated]:
    tag = element.tag
    if not isinstance(tag, str):
        return
    properties = f"{element.get('itemprop') or ''} {element.get('property') or ''}".lower().split()
    role = _role_of_properties(properties)
    if tag == "meta":
        # Microdata's own <meta>; Open Graph's are read with the others.
        if (
            role != "unknown"
            and element.get("itemprop")
            and (content := element.get("content"))
            and not _inside_another(element)
        ):
            yield Dated(content, role, "microdata_thing" if _of_a_thing(element) else "microdata")
        return
    words = {word.lower() for name in ("class", "id") if (held := element.get(name)) for word in _WORDS.findall(held)}
    if (
        tag != "time"
        and role == "unknown"
        and element.get("pubdate") is None
        and not (words & (_SAYS_DATE | _SAYS_PUBLISHED | _SAYS_MODIFIED))
    ):
        return
    if tag in _SKIPPED and role == "unknown" and not (tag == "p" and words & _SAYS_DATE):
        return
    if beside_the_article(element) or _inside_another(element):
        return
    value = (
        element.get("datetime")
        or element.get("content")
        or (element.get("title") if tag == "abbr" else None)
        or _in_data(element)
    )
    text = words_of(element, _MAX_CHARS)
    if not value and not text:
        return
    if not value and len(element) > 1:
        text = _with_bars(element) or text
    if role == "unknown":
        role = "published" if element.get("pubdate") is not None else _role_by_label(element, text)
    if role == "unknown" and (by_name := _role_by_name(element, words)) != "unknown":
        role = by_name
    origin = "microdata" if properties and role != "unknown" else "time" if tag == "time" else "visible"
    if origin == "microdata" and _of_a_thing(element):
        origin = "microdata_thing"
    if value:
        yield Dated(value, role, origin)
        if tag == "time" and text and text != value:
            yield Dated(text, role, "visible")
    elif role == "unknown":
        # A <time> inside is better evidence.
        if not any(inner.get("datetime") for inner in element.iter("time")):
            yield from _by_words(text, origin)
    else:
        # A label in the text is its first date's.
        own = " | " in text and role_of(_label_in(text)) != "unknown"
        for dated in _by_words(text, origin):
            yield dated if own or dated.role != "unknown" else Dated(dated.value, role, origin)


def _with_bars(element: HtmlElement) -> str:
    """The words of an element with bars between dates that are in elements of their own; "" if there are no two."""
    parts: list[str] = []
    dated = barred = False
    for child in element:
        words = words_of(child, _MAX_CHARS) if isinstance(child.tag, str) else ""
        if (child.tail or "").strip():
            return ""
        if words:
            barred = barred or (dated and _has_digit(words))
            parts.extend((" | " if dated and _has_digit(words) else " ", words))
            dated = _has_digit(words)
    return "".join(parts).strip() if barred and not (element.text or "").strip() else ""


def _in_data(element: HtmlElement) -> str | None:
    """What an attribute for a script says, if it is a moment: digits of an epoch, or ISO 8601."""
    for name, value in element.items():
        if name.startswith("data-") and _DATA_NAME.search(name) and _MOMENT.fullmatch(value.strip()):
            return str(value.strip())
    return None


def _role_of_properties(properties: list[str]) -> Role:
    for name in properties:
        plain = name.rpartition(":")[2].rpartition("/")[2]
        if plain in ("datepublished", "published_time", "issued", "datecreated", "uploaddate"):
            return "published"
        if plain in ("datemodified", "modified_time", "modified"):
            return "modified"
    return "unknown"


def _role_by_name(element: HtmlElement, words: set[str]) -> Role:
    if words & _SAYS_MODIFIED and not words & {"published", "posted", "pubdate"}:
        return "modified"
    if words & _SAYS_PUBLISHED:
        return "published"
    parent = element.getparent()
    if parent is not None and (held := f"{parent.get('class') or ''}"):
        outer = {word.lower() for word in _WORDS.findall(held)}
        if outer & _SAYS_MODIFIED and not outer & {"published", "posted", "entry"}:
            return "modified"
        if outer & {"published", "posted", "pubdate", "publication"}:
            return "published"
    return "unknown"


def _role_by_label(element: HtmlElement, text: str) -> Role:
    """By the words in the element before the date, or directly before the element."""
    label = _label_in(text)
    if (role := role_of(label)) != "unknown":
        return role
    before = element.getprevious()
    if before is not None:
        near = before.tail if before.tail and before.tail.strip(" :|–—-·•,") else None
        if near is None and isinstance(before.tag, str):
            near = _label_of(before)
    else:
        parent = element.getparent()
        near = parent.text if parent is not None else None
        if (
            (near is None or not near.strip())
            and parent is not None
            and (aunt := parent.getprevious()) is not None
            and isinstance(aunt.tag, str)
        ):
            near = _label_of(aunt) if not (aunt.tail or "").strip() else None
    if near and len(near) <= 200 and (role := role_of(near[-_MAX_LABEL_CHARS:])) != "unknown":
        return role
    behind = _IN_BRACKETS.match(element.tail or "")
    return role_of(behind[1]) if behind else "unknown"


def _label_of(element: HtmlElement) -> str | None:
    """The element's text if it can be a label; one with digits is another date."""
    text = words_of(element, _MAX_LABEL_CHARS)
    return None if _has_digit(text) else text


def _label_in(text: str) -> str:
    first = re.search(r"\d", text)
    return text[: first.start()] if first else text


@lru_cache(maxsize=4_096)
def role_of(label: str) -> Role:
    """The role that a label gives to the date behind it; by its last words, so "Anna Keel, updated" is modified."""
    words = folded(label).split()
    plain = key(label)
    modified = any(word in _MODIFIED for word in words) or _MODIFIED_STEM.search(plain) is not None
    for count in range(min(4, len(words)), 0, -1):
        for phrase in (" ".join(words[-count:]), " ".join(words[:count])):
            if phrase in _MODIFIED:
                return "modified"
            if phrase in _PUBLISHED and not modified:
                return "published"
    if modified:
        return "modified"
    return "published" if _PUBLISHED_STEM.search(plain) else "unknown"


def _by_words(text: str, origin: str) -> Iterator[Dated]:
    """The dates in a text that may hold several, each with the words before it: "Published 3 May, updated 4 May"."""
    if _labels_behind(text):
        yield from _by_words_behind(text, origin)
        return
    cuts = [0]
    for chunk in _CHUNK.finditer(text):
        if chunk.start() and (role_of(chunk[0]) != "unknown" or _parts_days(chunk, text, cuts[-1])):
            words = next((found.start() for found in _MARKED_WORDS.finditer(chunk[0]) if not _ends_time(found[0])), 0)
            # A month or a mark of the day is part of the date before it.
            cuts.append(chunk.start() + (words if role_of(chunk[0]) != "unknown" else len(chunk[0])))
    for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        part = text[begin:end].strip(" |–—-·•,")
        if any(char.isdigit() for char in part):
            yield Dated(part, role_of(_label_in(part)), origin)


def _ends_time(word: str) -> bool:
    """Whether the word can belong to the time before it: a mark of the half of the day, or a zone."""
    return key(word) in day_marks() or (word.isupper() and len(word) <= _MAX_ZONE_CHARS) or word.lower() in _CLOCK_WORDS


def _labels_behind(text: str) -> bool:
    """Whether labels stand behind their dates ("…公開／…更新", "… (updated)"): the text ends with one, and begins with none.

    A single one counts in brackets only: 更新 behind the only date of a page says when it was put there.
    """
    chunks = list(_CHUNK.finditer(text))
    if len(chunks) < 2 or chunks[-1].end() != len(text) or role_of(chunks[-1][0]) == "unknown":
        return False
    if chunks[0].start() == 0 and role_of(chunks[0][0]) != "unknown":
        return False
    return _IN_BRACKETS.match(chunks[-1][0]) is not None or any(role_of(one[0]) != "unknown" for one in chunks[:-1])


def _by_words_behind(text: str, origin: str) -> Iterator[Dated]:
    begin = 0
    for chunk in _CHUNK.finditer(text):
        if chunk.start() and (role := role_of(chunk[0])) != "unknown":
            yield Dated(text[begin : chunk.end()].strip(" |–—-·•,／/"), role, origin)
            begin = chunk.end()


def _parts_days(chunk: re.Match[str], text: str, begin: int) -> bool:
    """Whether a bar or dash stands between two dates, and not between a day and its time."""
    return _BAR.search(chunk[0]) is not None and (
        _TIME_ONLY.match(text, chunk.end()) is None or _TIME_BEFORE.search(text, begin, chunk.start()) is not None
    )


def _inside_another(element: HtmlElement) -> bool:
    """Whether the element belongs to a comment's, an update's or an event's microdata."""
    kind = _type_around(element)
    return kind.endswith(("Comment", "Event", "Offer", "ListItem")) or kind == "update"


def _of_a_thing(element: HtmlElement) -> bool:
    """Whether the element says something of a book, a film or the like, which the page may be about or only mention."""
    kind = _type_around(element)
    return kind not in ("", "update") and not is_article_type(kind)


def _type_around(element: HtmlElement) -> str:
    """The type of the microdata around the element; "update" in a comment's or update's property, "" outside of all."""
    for one in above(element):
        if one is element:
            continue
        if kind := one.get("itemtype"):
            return str(kind).rstrip("/")
        if (one.get("itemprop") or "").lower() in ("liveblogupdate", "comment"):
            return "update"
    return ""
