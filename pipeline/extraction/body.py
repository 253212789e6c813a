"""Extracts the article's text from a parsed page: trafilatura, with steps before and after it.

1. Before: dialogs, breadcrumbs, captions, link lists and link paragraphs are removed; ruby readings are put in brackets.
2. trafilatura in its fast mode: no comments, no metadata, no fallback.
3. Paragraphs that it left out, although they are among extracted ones with the same markup, are restored.
4. If there is still hardly any text: trafilatura with its fallback. If there is much less than in the JSON-LD body:
   that body. If there is none: an article that a script would have inserted.
5. After: headline, byline and date are removed from the top, boilerplate lines and repeated paragraphs everywhere; the
   standfirst comes first if the page shows it and the text lacks it.

All rules are general; none is for a single site.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import Counter
from collections.abc import Sequence

from lxml.etree import strip_elements
from lxml.html import HtmlElement
from trafilatura import bare_extraction
from trafilatura.settings import Extractor

from pipeline.extraction.byline_lines import lines_as_bylines
from pipeline.extraction.bylines import clean_authors
from pipeline.extraction.calls import without_calls, without_consent
from pipeline.extraction.candidates import Candidate
from pipeline.extraction.facts import PageFacts
from pipeline.extraction.furniture import drop_before, drop_furniture
from pipeline.extraction.letters import put_back, stand_in
from pipeline.extraction.marks import Marks
from pipeline.extraction.places import remove
from pipeline.extraction.scripts import articles_in
from pipeline.extraction.shapes import reshape
from pipeline.extraction.side_links import drop_side_links
from pipeline.extraction.times import role_of
from pipeline.extraction.values import line_of as _line_of
from pipeline.extraction.values import without_shortcodes
from pipeline.extraction.walls import says
from pipeline.text.boilerplate import drop_boilerplate, is_boilerplate
from pipeline.text.characters import count_letters, folded, normal_line, normal_text
from pipeline.text.dates import parse_date

# trafilatura logs a warning or two for each page without text; here that is an outcome with a reason.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

_ENOUGH = 0.6  # share of the JSON-LD body below which an extraction is not accepted
_DOUBTFUL_CHARS = 200
_MIN_SHOWN_CHARS = 15
_MIN_PARAGRAPH_CHARS = 80
_MIN_REPEATED_CHARS = 60
_MIN_LEAD_CHARS = 40
_MAX_LEAD_CHARS = 700
_MIN_ALIKE = 3
_KEY_CHARS = 60
_MAX_KICKER_CHARS = 40
_HEAD_LINES = 5
_BARS = re.compile(r"(?:(?<!\s)\s++)?[|•·]\s*")
_MAX_NOTES, _MAX_NOTE_CHARS, _MIN_GLUED = 5, 50, 12
_COUNTED = re.compile(r"[^\d.!?]{2,30}[:：]\s?[\d\s.,\u0660-\u0669\u06f0-\u06f9]{1,12}")
_LABEL = re.compile(r"([^\d:]{3,30}):\s")
_TIMED = re.compile(r"(?<!\d)\d{1,2}[:.]\d\d(?!\d)")
_READING_TIME = re.compile(
    r"\d{1,3}\s?(?:min|мин|хв|phút|dk|perc|דק|دقيق|دقیق|λεπτ|分|분)\w*\.?(?:\s[^\W\d]+){0,3}", re.IGNORECASE
)
_MAX_NOTICE_CHARS = 120
_NETWORK = re.compile(
    r"(?<!\w)(?:facebook|fejsbuk|фейсбук|фејсбук|инстаграм|вконтакте|ютуб|google (?:news|discover)|telegram|телеграм|whatsapp"
    r"|viber|instagram|youtube|tiktok|threads|bluesky"
    r"|twitter|تلغرام|تلگرام|واتساب|واتس‌اپ|اینستاگرام)\w{0,3}(?!\w)",
    re.IGNORECASE,
)
_MAX_DATE_CHARS = 60
_MAX_DATE_LETTERS = 26
_STANDFIRST = re.compile(
    r"(?:^|[\s_-]|article|story|news|post)"
    r"(?:lead|lede|intro|excerpt|standfirst|sub-?head(?:line)?|sub-?title|dek|chapeau|ingress|sapo|vorspann|abstract|bajada"
    r"|entradilla|sumario|summary|teaser-?text|spot|perex|manchet|zajawka|desc(?:ription)?)(?:$|[\s_-]|text)",
    re.IGNORECASE,
)
_PICTURED = re.compile(r"caption|image|img|photo|media|picture|figure|video|gallery|foto", re.IGNORECASE)
_MAX_LABEL_CHARS = 30  # a label before a link, or a dateline before a paragraph
# "- Category: World", "- Details": notes in a list before the text.
_LISTED_NOTE = re.compile(r"-\s(?:[^\s:]+|[^:]{2,30}:\s.{1,40})(?<![.!?])")
_PERIOD_END = re.compile(r"[.。।۔:;,]['\"”’»)\]]*$")
_HEADINGS = frozenset({"h2", "h3", "h4"})
_ABOVE_LISTS = frozenset({"p", "blockquote", "h2", "h3", "h4"})
# Made once: reading trafilatura's configuration for each page takes 0.04 ms.
_FAST, _CAREFUL = (Extractor(output_format="python", fast=fast, comments=False) for fast in (True, False))
# Elements that trafilatura always leaves out: it would copy and test them several times.
_LEFT_OUT = (
    "head", "meta", "link", "img", "source", "input", "iframe", "track", "area", "param", "embed", "footer", "aside", "button",
    "select", "option", "picture", "canvas", "video", "audio", "object",
)  # fmt: skip
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "title", "head", "meta"})


def extract_body(tree: HtmlElement, marks: Marks, facts: PageFacts, title: str, url: str) -> Candidate:
    """The article's text (paragraphs separated by LF, "" if there is none) and its origin. Changes ``tree``."""
    standfirst = _standfirst(tree, facts)
    scripts = [script.text for script in tree.iter("script") if script.text]
    strip_elements(tree, "script", with_tail=False)  # trafilatura would read the JSON-LD too, and not as well
    reshape(tree, marks)
    drop_furniture(tree, marks)
    drop_before(tree, title)
    drop_side_links(tree)
    _write_out_ruby(tree)
    strip_elements(tree, *_LEFT_OUT, with_tail=False)
    standing = stand_in(tree, marks.as_written)
    text, origin = _with_lists(tree, _with_siblings(tree, _trafilatura(tree, fast=True))), "page"
    if len(text) < _DOUBTFUL_CHARS:
        # For a short text it joins separate blocks: the paragraphs are better if they are most of it.
        text, shown = max(text, _trafilatura(tree, fast=False), key=len), _paragraphs(tree)
        if len(shown) >= _ENOUGH * len(text):
            text = shown
    elif "\n" not in text and "\n" in (shown := _paragraphs(tree)) and len(shown) >= _ENOUGH * len(text):
        text = shown  # headline, paragraphs and an offer to subscribe, all joined
    if standing:
        text = normal_text(put_back(text, standing))
    if len(text) < _ENOUGH * len(facts.body) or (
        text.count("\n") < facts.body.count("\n") and folded(text) == folded(facts.body)
    ):
        text, origin = facts.body, "json_ld"  # the second case: trafilatura also took it, and lost the paragraphs
    if len(text) < _DOUBTFUL_CHARS:
        found = max(articles_in(scripts), key=len, default="")
        if len(found) > len(text):
            text, origin = found, "script"
    kept = without_consent(without_calls(_finished(text, title, facts), tree, url, standing))
    return Candidate(_with_standfirst(drop_boilerplate("\n".join(kept)), standfirst), origin)


def _trafilatura(tree: HtmlElement, *, fast: bool) -> str:
    document = bare_extraction(tree, options=_FAST if fast else _CAREFUL)
    return normal_text(document.text or "") if document is not None else ""


def _paragraphs(tree: HtmlElement) -> str:
    """The paragraphs of the article's element, or of the page, outside of its header, menus and footer."""
    root = next(tree.iter("article"), None)
    if root is None:
        root = next(tree.iter("main"), tree)
    lines = (
        _line_of(block)
        for block in root.iter("p", "li", "blockquote")
        if not any(
            one.tag in ("header", "footer", "nav", "aside", "form", "blockquote", "li") for one in block.iterancestors()
        )
    )
    return normal_text("\n".join(line for line in lines if len(line) >= _MIN_SHOWN_CHARS))


def _finished(text: str, title: str, facts: PageFacts) -> list[str]:
    """The text's lines without the headline, byline and date at the top, signatures at the end, and repeated paragraphs."""
    if "[/" in text:
        text = normal_text(without_shortcodes(text))
    lines = [line for line in text.split("\n") if line]
    headlines = {folded(headline) for headline in (title, *facts.headlines)}
    authors = {folded(author) for claim in facts.authors for author in claim.names}
    kept: list[str] = []
    seen: set[str] = set()
    begun = False
    for place, line in enumerate(lines):
        flat = folded(line)
        if place < _HEAD_LINES and (
            _is_head(line, flat, headlines, authors) or (not begun and _is_note(line, authors))
        ):
            continue
        begun = begun or len(line) >= _MIN_PARAGRAPH_CHARS
        if len(line) >= _MIN_REPEATED_CHARS:
            if flat in seen:
                continue
            seen.add(flat)
        kept.append(line)
    while len(kept) > 1 and _is_notice(kept[-1], paid=facts.free is False):
        kept.pop()
    while kept and (
        folded(kept[-1]) in authors
        or (
            "@" in kept[-1]
            and len(kept[-1]) <= _MAX_NOTICE_CHARS
            and len(kept) > 1
            and folded(kept[-1]).startswith(tuple(authors))
        )  # how to reach her
        or (kept[-1][-1] != "." and _is_date(kept[-1]))
        or (len(kept[-1]) <= _MAX_NOTE_CHARS and authors & {folded(one) for one in lines_as_bylines([kept[-1]])})
    ):
        kept.pop()
    return kept


def _with_standfirst(text: str, standfirst: str) -> str:
    if standfirst and text and standfirst not in text and folded(standfirst) not in folded(text):
        text = f"{standfirst}\n{text}"
    return text


def _is_head(line: str, flat: str, headlines: set[str], authors: set[str]) -> bool:
    """Whether one of the first lines is the headline (perhaps with a kicker), the byline or the date."""
    if flat in headlines or flat in authors:
        return True
    # Kicker and headline in one heading are joined in the output.
    if len(flat) >= _MIN_GLUED and any(flat.replace(" ", "") == headline.replace(" ", "") for headline in headlines):
        return True
    if _is_date(line):
        return True
    if len(line) <= 120 and _named(line, authors):
        return True
    return any(
        len(headline) >= _MIN_LEAD_CHARS and flat.endswith(headline) and len(flat) - len(headline) <= _MAX_KICKER_CHARS
        for headline in headlines
    )


def _is_notice(line: str, *, paid: bool) -> bool:
    """Whether a last line asks the reader to follow the outlet on a network or, on a page to be paid for, to subscribe."""
    if len(line) > _MAX_NOTICE_CHARS:
        return False
    return (_NETWORK.search(line) is not None and not _PERIOD_END.search(line)) or (paid and says("subscription", line))


def _is_date(line: str) -> bool:
    return len(line) <= _MAX_DATE_CHARS and count_letters(line) <= _MAX_DATE_LETTERS and parse_date(line) is not None


def _is_note(line: str, authors: set[str]) -> bool:
    """Whether a line before the first paragraph is a count of readers, a labelled date, or a row of notes."""
    if _COUNTED.fullmatch(line) or _LISTED_NOTE.fullmatch(line) or _is_row(line, authors):
        return True
    label = _LABEL.match(line)
    return (
        label is not None
        and len(line) <= _MAX_NOTICE_CHARS
        and role_of(label[1]) != "unknown"
        and parse_date(line[label.end() :]) is not None
    )


def _is_row(line: str, authors: set[str]) -> bool:
    """Whether a line is a row of short notes between bars or dots, one of them a date or an author: "By A. | 3 May | 2 min"."""
    notes = [note for note in _BARS.split(line) if note.strip()]
    return (
        2 <= len(notes) <= _MAX_NOTES
        and all(len(note) <= _MAX_NOTE_CHARS for note in notes)
        and any(
            _TIMED.search(note)
            or _READING_TIME.fullmatch(note)
            or parse_date(note)
            or folded(note) in authors
            or _named(note, authors)
            for note in notes
        )
    )


def _named(line: str, authors: set[str]) -> bool:
    flat = folded(line)
    if not any(author in flat for author in authors):
        return False
    shown = () if _PERIOD_END.search(line) else clean_authors([line], shown=True)
    return any(folded(name) in authors for name in (*clean_authors([line]), *shown))


def _standfirst(tree: HtmlElement, facts: PageFacts) -> str:
    """The paragraph between headline and body: the visible description, or a block with such a name."""
    for description in facts.descriptions:
        if not _MIN_LEAD_CHARS <= len(description) <= _MAX_LEAD_CHARS or is_boilerplate(description):
            continue
        # Finding the block by its first words takes a fiftieth of the time of serialising every block.
        begin, flat = " ".join(description.split()[:2]), folded(description)
        for element in tree.iter():
            if not element.text or begin not in element.text or not isinstance(element.tag, str):
                continue
            for block in (element, *itertools.islice(element.iterancestors(), 3)):
                line = "" if block.tag in _UNSHOWN else _line_of(block, _MAX_LEAD_CHARS)
                if not line:
                    break
                # A dateline may come before it.
                if (shown := folded(line)) == flat or (
                    shown.endswith(flat) and len(shown) - len(flat) <= _MAX_LABEL_CHARS
                ):
                    return normal_line(line)
    return _named_standfirst(tree, facts)


def _named_standfirst(tree: HtmlElement, facts: PageFacts) -> str:
    headlines = {folded(headline) for headline in facts.headlines}
    below = False
    for element in tree.iter("h1", "p", "h2", "h3", "div"):
        if element.tag == "h1":
            below = below or folded(_line_of(element)) in headlines
        elif below and (name := element.get("class")) and _STANDFIRST.search(name) and not _of_a_picture(element):
            line = _line_of(element)
            if (
                _MIN_LEAD_CHARS <= len(line) <= _MAX_LEAD_CHARS
                and next(element.iter("a", "figure", "ul", "time"), None) is None
            ):
                return normal_line(line)
        elif below and element.tag == "p" and len(_line_of(element)) >= _MIN_PARAGRAPH_CHARS:
            return ""
    return ""


def _of_a_picture(element: HtmlElement) -> bool:
    return any(
        one.tag == "figure" or _PICTURED.search(one.get("class") or "") is not None
        for one in (element, *itertools.islice(element.iterancestors(), 2))
    )


def _with_siblings(tree: HtmlElement, text: str) -> str:
    """Add paragraphs that were left out although they are among the extracted ones and have the same markup."""
    lines = text.split("\n")
    places = {line: place for place, line in enumerate(lines)}
    folded_places: dict[str, int] = {}
    whole = ""
    found: list[HtmlElement] = []
    lefts: list[tuple[int, str, HtmlElement]] = []
    place = -1
    for paragraph in tree.iter("p"):
        line = _line_of(paragraph)
        if len(line) < _MIN_PARAGRAPH_CHARS:
            continue
        there = places.get(line)
        if there is None:
            # Most paragraphs are unchanged: only the others need folding.
            if not whole:
                whole = folded(text)
                folded_places = {folded(one)[:_KEY_CHARS]: number for number, one in enumerate(lines)}
            flat = folded(line)
            there = folded_places.get(flat[:_KEY_CHARS])
            if there is None:
                if place >= 0 and flat not in whole and flat[-_KEY_CHARS:] not in whole:
                    lefts.append((place, line, paragraph))
                continue
        place = there
        found.append(paragraph)
    kinds = Counter(_kind(paragraph) for paragraph in found)
    common = _common_ancestor(found) if lefts else None
    if common is not None:
        # Bodies are split into chunks for advertisements; the <article> around them is one article.
        common = next((above for above in (common, *common.iterancestors()) if above.tag == "article"), common)
    missing: dict[int, list[str]] = {}
    for place, line, paragraph in lefts:
        if kinds[_kind(paragraph)] >= _MIN_ALIKE and common in paragraph.iterancestors():
            missing.setdefault(place, []).append(line)
    if not missing:
        return text

    merged = [line for place, kept in enumerate(lines) for line in (kept, *missing.get(place, ()))]
    return normal_text("\n".join(merged))


def _with_lists(tree: HtmlElement, text: str) -> str:
    """Add lists that were left out although they stand behind a paragraph of the text, and before another one or at its end."""
    lines: list[str] = []
    flat = ""
    for listing in tree.iter("ul", "ol"):
        before, behind = listing.getprevious(), listing.getnext()
        if before is None or before.tag not in _ABOVE_LISTS:
            continue
        within = behind is not None and behind.tag == "p"
        if not within and not (before.tag in _HEADINGS and _is_of_text(listing)):
            continue
        above = _line_of(before)
        lines = lines or text.split("\n")
        heading = ""
        if before.tag != "p" and above not in lines and (outer := before.getprevious()) is not None:
            heading, above = above, _last_line_of(outer)  # it was left out too
        if not above or above not in lines or (within and _line_of(behind) not in lines):
            continue
        entries = [line for entry in listing.iter("li") if (line := _line_of(entry))]
        flat = flat or folded(text)
        if entries and not any(folded(entry) in flat for entry in entries):
            at = lines.index(above) + 1
            lines[at:at] = [*([heading] if heading else []), *(f"- {entry}" for entry in entries)]
    return normal_text("\n".join(lines)) if flat else text


def _is_of_text(listing: HtmlElement) -> bool:
    """Whether a list below a heading is a part of a text: two entries of some words without links, beside a paragraph."""
    entries = list(listing.iter("li"))
    parent = listing.getparent()
    return (
        len(entries) > 1
        and parent is not None
        and next(listing.iter("a", "input", "button"), None) is None
        and all(_line_of(entry).count(" ") for entry in entries)
        and any(one.tag == "p" and len(_line_of(one)) >= _MIN_PARAGRAPH_CHARS for one in parent)
    )


def _last_line_of(block: HtmlElement) -> str:
    """The line of a block in the text; the last entry's, if it is a list."""
    if block.tag not in ("ul", "ol"):
        return _line_of(block)
    last = next(block.iterchildren("li", reversed=True), None)
    return f"- {_line_of(last)}" if last is not None else ""


def _common_ancestor(elements: Sequence[HtmlElement]) -> HtmlElement | None:
    common: list[HtmlElement] = []
    for number, element in enumerate(elements):
        path = [*element.iterancestors()][::-1]
        same = len(list(itertools.takewhile(lambda pair: pair[0] is pair[1], zip(common, path, strict=False))))
        common = common[:same] if number else path
    return common[-1] if common else None


def _kind(paragraph: HtmlElement) -> tuple[str | None, object, str | None]:
    parent = paragraph.getparent()
    return (
        paragraph.get("class"),
        None if parent is None else parent.tag,
        None if parent is None else parent.get("class"),
    )


def _write_out_ruby(tree: HtmlElement) -> None:
    """Join a word and its ruby reading into one run of text, which would otherwise be split into lines."""
    for ruby in list(tree.iter("ruby")):
        if ruby.getparent() is None:
            continue
        for part in list(ruby.iter("rp")):
            remove(part)
        for reading in list(ruby.iter("rt")):
            if reading.getparent() is None:  # unclosed, it was inside the previous one, which has its text now
                continue
            reading.text = f"({''.join(reading.itertext()).strip('()（）')})"
            for child in list(reading):
                reading.remove(child)
            reading.drop_tag()
        for base in list(ruby.iter("rb", "rtc")):
            base.drop_tag()
        ruby.drop_tag()
