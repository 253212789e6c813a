"""Links to other articles among an article's paragraphs: lists of them, and blocks that are a label and links.

A block is one if all its words are in links, except for a label such as "Read also" or short notes beside the links (an
age, a number). A paragraph that is one long link without a label, with the same markup as its neighbours, stays: quoted
documents look like that.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from lxml.html import HtmlElement

from pipeline.extraction.places import remove
from pipeline.extraction.values import line_of
from pipeline.text.boilerplate import announces_others, is_label
from pipeline.text.characters import folded

_MAX_LABEL_CHARS = 30
_MAX_NOTE_CHARS = 24
_MAX_BLOCK_CHARS = 600
_MAX_ELEMENTS = 40
_BLOCKS = frozenset({"p", "div", "section", "blockquote", "aside", "h2", "h3", "h4", "h5"})
_HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_BOXES = frozenset({"div", "section", "aside"})
_MAY_BE_LABELS = _HEADINGS | {"b", "strong", "span", "div", "p"}
_MAX_HEADLINES, _MAX_HEADLINE_CHARS, _MAX_BOXES_ALIKE = 6, 160, 2
_MAX_IN_A_SENTENCE, _MIN_SENTENCE = 12, 30
_SENTENCE_END = re.compile(r"[.!?…。।۔؟։።។!?]['\"”’»)\]]*$")
_LONG_LINK_CHARS = 70
_HEADLINE_WORDS, _HEADLINE_DENSE = 3, 6
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_MAX_WORD_CHARS = 40
_FIGURE = re.compile(r"\d")
_PERIOD_END = re.compile(r"[.。۔।:;,]['\"”’»)\]]*$")
_LABEL_END = re.compile(r"(?:[:：?|→>–-]|(?<!\.)\.\.++|…)\s*$")


def drop_side_links(tree: HtmlElement) -> None:
    """Remove lists whose every entry is a link, with their headings, and blocks that are links after at most a short label."""
    for listing in list(tree.iter("ul", "ol")):
        entries = [entry for entry in listing if entry.tag == "li"]
        if len(entries) >= 2 and all(_is_link(entry, noted=True) for entry in entries):
            heading = listing.getprevious()
            remove(listing)
            if heading is not None and _announced(heading):
                remove(heading)
    for paragraph in list(tree.iter("p")):
        if _is_link(paragraph):
            remove(paragraph)
    for block, words in _small_blocks(tree):
        if _is_labelled(block, words) or _is_list_of_words(block):
            around = block.getparent()
            remove(block)
            # A heading above what is gone.
            if around is not None and around.tag in _BOXES and len(around) == 1:
                words = line_of(around, _MAX_LABEL_CHARS)
                if words and words == line_of(around[0]) and not _PERIOD_END.search(words):
                    remove(around)
    last = _last_sentence(tree)
    behind = False
    boxes: dict[HtmlElement, str] = {}
    for box in tree.iter():
        behind = behind or box is last
        if box.tag in _BOXES and (label := _label_above_headlines(box, behind=behind)):
            boxes[box] = label
    times = Counter(boxes.values())
    for box, label in boxes.items():
        if times[label] <= _MAX_BOXES_ALIKE:  # a template writes "Article content" above each part of the text
            remove(box)
    _drop_lines(tree)


def _last_sentence(tree: HtmlElement) -> HtmlElement | None:
    """The last paragraph that is as long as one and ends as sentences do."""
    return next(
        (
            block
            for block in reversed(list(tree.iter("p")))
            if len(block) <= _MAX_IN_A_SENTENCE
            and _SENTENCE_END.search(words := line_of(block))
            and len(words) >= _MIN_SENTENCE
        ),
        None,
    )


def _label_above_headlines(box: HtmlElement, *, behind: bool) -> str:
    """The label that stands in a box in an element of its own, if there is nothing behind it but headlines, linked or not:
    lines that don't end as sentences do.

    Any short words are a label above links alone; ``behind`` the text's last sentence also above several headlines.
    """
    if not 1 < len(box) <= _MAX_HEADLINES + 1 or (box.text or "").strip() or box[0].tag not in _MAY_BE_LABELS:
        return ""
    if any((one.tail or "").strip() for one in box) or not (label := line_of(box[0], _MAX_LABEL_CHARS)):
        return ""
    lines = [line_of(part, _MAX_HEADLINE_CHARS) for part in box[1:]]
    if not all(line and not _PERIOD_END.search(line) for line in lines):
        return ""
    if announces_others(label):
        return label
    if _PERIOD_END.search(label) or _FIGURE.search(label) or next(box[0].iter("a"), None) is not None:
        return ""
    if all(_is_all_link(part) for part in box[1:]):
        return label
    # Without any link, it is what an article ends with: winners, demands, what to pack.
    linked = next(box.iter("a"), None) is not None
    return label if behind and linked and len(lines) > 1 and all(map(_reads_as_headline, lines)) else ""


def _is_all_link(part: HtmlElement) -> bool:
    links = [part] if part.tag == "a" else list(part.iter("a"))
    if any((link.get("href") or "#").startswith(("#", "mailto:", "tel:")) for link in links):
        return False
    return bool(links) and sum(len(line_of(link)) for link in links) >= len(line_of(part))


def _reads_as_headline(line: str) -> bool:
    """Whether a line has some words, begins as a sentence does, and has no figure or address, as results and contacts have."""
    return (
        line.count(" ") + 1 >= _HEADLINE_WORDS
        and not line[0].islower()
        and not any(sign.isdigit() or sign in ":@/" for sign in line)
    )


def _announced(heading: HtmlElement) -> bool:
    """Whether what stood directly above a list of links announced it: a known label, or a short heading in any language."""
    words = line_of(heading, _MAX_LABEL_CHARS)
    if not words or (heading.tail or "").strip():
        return False
    if is_label(words):
        return True
    # A figure or a time makes it an entry of a live blog, or a sentence about those whom the list names.
    return heading.tag in _HEADINGS and not _FIGURE.search(words) and next(heading.iter("time"), None) is None


def _is_list_of_words(block: HtmlElement) -> bool:
    """Whether a block is several short links with nothing but signs between: keywords, sections."""
    links = list(block.iter("a"))
    if len(links) < 2:
        return False
    words = [line for link in links if (line := line_of(link))]
    return len(words) >= 2 and all(len(one) <= _MAX_WORD_CHARS for one in words) and not folded(_outside(block))


def _drop_lines(tree: HtmlElement) -> None:
    """Remove a label and links that are a line of their own between two <br>."""
    parents = dict.fromkeys(link.getparent() for link in tree.iter("a"))
    for parent in parents:
        if parent is None or parent.find("br") is None:
            continue
        line: list[HtmlElement] = []
        for child in (*parent, None):
            if child is not None and child.tag != "br":
                line.append(child)
                continue
            _drop_line(line)
            line = []


def _drop_line(line: list[HtmlElement]) -> None:
    links = [one for one in line if one.tag == "a"]
    parent = line[0].getparent() if line else None
    if not links or parent is None:
        return
    first = line[0].getprevious()
    before = (parent.text if first is None else first.tail) or ""
    words = [before, *(f"{'' if one.tag == 'a' else line_of(one)} {one.tail or ''}" for one in line)]
    linked = " ".join(line_of(one) for one in links)
    if is_label(" ".join(words)) and folded(linked) and not _PERIOD_END.search(linked):
        if first is None:
            parent.text = None
        else:
            first.tail = None
        for one in line:
            one.tail = None
            remove(one)


def _small_blocks(tree: HtmlElement) -> list[tuple[HtmlElement, str]]:
    """The blocks that hold links and little else, with their words; those around the innermost too, if they are no larger."""
    judged: dict[HtmlElement, str] = {}
    for link in tree.iter("a"):
        block = link.getparent()
        while block is not None and block.tag not in _BLOCKS:
            block = block.getparent()
        for _ in range(2):
            if block is None or block.tag not in _BLOCKS:
                break
            words = judged.get(block)
            if words is None:
                words = judged[block] = _few_words(block)
            if not words:
                break
            block = block.getparent()
    return [(block, words) for block, words in judged.items() if words]


def _few_words(block: HtmlElement) -> str:
    """The block's words; "" if it holds none, or many, or many elements."""
    if next(islice(block.iter(), _MAX_ELEMENTS, None), None) is not None:
        return ""
    words = line_of(block)
    return words if len(words) <= _MAX_BLOCK_CHARS else ""


def _is_link(block: HtmlElement, *, noted: bool = False) -> bool:
    links = list(block.iter("a"))
    if len(links) != 1:
        return False
    link = line_of(links[0])
    whole = line_of(block)
    if not link or not whole or _PERIOD_END.search(whole):
        return False
    if whole.endswith(link):
        label = whole.removesuffix(link).rstrip()
        if not label:
            return noted or len(link) < _LONG_LINK_CHARS or _is_styled(block)
        return len(label) <= _MAX_LABEL_CHARS and (
            label.endswith((":", "?", "|", "→", ">", "＞", "≫", "»", "►", "▶", "–", "-")) or is_label(label)
        )
    # An age or a number of comments behind a link of a list.
    rest = whole.replace(link, "", 1).strip()
    return noted and len(rest) <= _MAX_NOTE_CHARS and any(char.isdigit() for char in rest)


def _is_styled(block: HtmlElement) -> bool:
    """Whether the link is dressed otherwise than text: in bold, or in a paragraph of a class of its own."""
    if next(block.iter("strong", "b", "em", "i", "img"), None) is not None:
        return True
    parent = block.getparent()
    alike = (
        [one for one in parent if one.tag == block.tag and one.get("class") == block.get("class")]
        if parent is not None
        else []
    )
    return len(alike) < 3


def _is_labelled(block: HtmlElement, words: str) -> bool:
    """Whether a block is a label that announces other articles, and links (or the label alone is one)."""
    links = [(link, line) for link in block.iter("a") if (line := line_of(link))]
    if not links or len(words) - sum(len(line) + 2 for _, line in links) > _MAX_LABEL_CHARS + 10:
        return False
    label = _outside(block)
    if not label:
        # One link that begins with a label of its own: <a><b>Related</b><span>Headline</span></a>
        return len(links) == 1 and (_begins_with_label(links[0][0]) or _is_card(links[0][0]))
    if len(label) > _MAX_LABEL_CHARS + 10:
        return False
    linked = " ".join(line for _, line in links)
    if _PERIOD_END.search(linked) or not folded(linked):
        return False
    if is_label(label):
        return True
    if all(_is_card(link) for link, _ in links):
        # Words behind a picture's link may be what the picture is about: an age and a profession, a prize.
        return _starts_with(block, label) or all(_has_heading(link) for link, _ in links)
    marked = (
        (len(links) > 1 or (block.tag in _BOXES and _may_be_headline(links, linked)))
        and len(label) <= _MAX_LABEL_CHARS
        and _LABEL_END.search(label) is not None
    )
    return marked and _starts_with(block, label)


def _may_be_headline(links: list[tuple[HtmlElement, str]], linked: str) -> bool:
    """Whether what a box links to may be an article: some words, and no address to write to or to call."""
    if any((link.get("href") or "").startswith(("mailto:", "tel:")) for link, _ in links):
        return False
    return (
        linked.startswith("#")
        or len(linked.split()) >= _HEADLINE_WORDS
        or len(_DENSE.findall(linked)) >= _HEADLINE_DENSE
    )


def _is_card(link: HtmlElement) -> bool:
    """Whether a link is another article's teaser: its headline is a heading, or stands beside a picture."""
    return not (link.get("href") or "#").startswith("#") and next(link.iter("img", *_HEADINGS), None) is not None


def _has_heading(link: HtmlElement) -> bool:
    return next(link.iter(*_HEADINGS), None) is not None


def _starts_with(block: HtmlElement, label: str) -> bool:
    return folded(line_of(block)).startswith(folded(label))


def _outside(block: HtmlElement) -> str:
    """The words of a block that are not in its links."""
    parts: list[str] = []

    def walk(element: HtmlElement) -> None:
        parts.append(element.text or "")
        for child in element:
            if child.tag != "a" and isinstance(child.tag, str) and child.tag not in ("script", "style"):
                parts.append(" ")
                walk(child)
            parts.append(" ")
            parts.append(child.tail or "")

    walk(block)
    return " ".join("".join(parts).split())


def _begins_with_label(link: HtmlElement) -> bool:
    if len(link) < 2:
        return False
    first = line_of(link[0], _MAX_LABEL_CHARS)
    return bool(first) and is_label(first) and len(line_of(link)) > len(first) + 5
