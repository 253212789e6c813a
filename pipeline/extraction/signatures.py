"""Signatures within a text, for pages that don't name their author elsewhere."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from pipeline.extraction.byline_lines import lines_as_bylines
from pipeline.extraction.bylines import EDITORS, LABEL, MAX_BYLINE_CHARS, clean_authors
from pipeline.extraction.marks import Marks
from pipeline.extraction.names import is_agency, is_capitalised
from pipeline.extraction.places import beside_the_article
from pipeline.extraction.values import plain_line, words_of
from pipeline.text.characters import folded

_REPORTED = re.compile(r"\(?\s*reporting by\s(.{4,120}?)(?:;|\.|\)|$)", re.IGNORECASE)
# "新华社北京11月28日电（记者李明 王芳）"
_IN_DATELINE = re.compile(
    "[（(](?:本报|本報|新华社|特约|实习)?(?:记者|記者)[\\s:：]*([\u3400-\u9fff·、，,\\s]{2,30})[）)]"
)
# "…と話している。【森川由紀】", "…尽快更换。（记者 周晓岚）", "…요구했다. 김서윤 기자 sy@…": at the end of a text.
_AT_END = re.compile(
    "(?:^|[。．」』”！？])\\s*(?:【([\u3400-\u9fff\u30a0-\u30ff々・、，＝=\\s]{2,40})】"
    "|[（(](?:本报|本報|新华社|特约|实习)?(?:记者|記者)[\\s:：]*([\u3400-\u9fff·、，\\s]{2,30})[）)]"
    "|[（(](?:[\u3400-\u9fff\u30a0-\u30ff]{1,9}(?:部|局|員|班|長|記者)[・\\s＝=])([\u3400-\u9fff々・、，\\s]{2,30})[）)]"
    "|(?<=[。」』！？])[（(]([\u3400-\u9fff々]{1,3}\\s?[\u3400-\u9fff々]{1,3})[）)])$"
)
# "ロンドン＝山本由美": from where he reports.
_FROM = re.compile("[\u3400-\u9fff\u30a0-\u30ff]{1,10}[＝=]")
# "(서울=강가통신) 박서준 이하늘 기자 = …", as agencies begin.
_KOREAN_DATELINE = re.compile(
    r"^[(\[][\uac00-\ud7af]{1,10}=[^)\]]{1,20}[)\]]\s*((?:[\uac00-\ud7af]{2,4}[\s·,]{1,2}){1,4})(?:기자|특파원|선임기자)\s*="
)
# "Б.Энхтуяа", "J. M. Keel"
_INITIALLED = re.compile(r"(?:[^\W\d_]\.\s?){1,3}[^\W\d_][\w’'-]{2,24}(?:-[^\W\d_]\w{1,24})?")
_DASHED = re.compile(r"(?:--|[–—])\s?(?=[^\W\d_])")
_SIGNED_STYLE = re.compile(r"text-align\s{0,3}:\s{0,3}(?:right|end)")
_STYLES = ("strong", "b", "em", "i")
_MAX_SIGNATURE_CHARS, _SIGNATURE_WORDS = 60, range(2, 6)
_ALONE = re.compile("[（(]([\u3400-\u9fff々]{3,5})[）)]")
_OF_AN_OUTLET = re.compile("(?:新聞|新闻|通信|通訊|社|局|部|省|庁|版|報|报|網|网|中|略|完)$")
_KOREAN_AT_END = re.compile(
    r"(?:^|[.\s/=])([\uac00-\ud7af]{2,4})\s?(?:기자|특파원|선임기자)(?:\s*[=/(\[]?\s*[\w.+-]{1,40}@[\w.-]{1,40}[)\]]?)?$"
)
_MOST_NAMED = 4
_LEAST_UNSPACED = 3
_LAST_PARAGRAPHS = 3
_CLOSING = ("】", "）", ")")
_REPORTER = re.compile("记者|記者")
_DATELINE_CHARS = 60
_MAX_LAST, _MAX_LABELLED_CHARS = 40, 80


def signatures(tree: HtmlElement, marks: Marks) -> tuple[str, ...]:
    """Names that stand in the text itself: in its dateline, behind "Reporting by", or behind a label ("Автор: …") below it.

    Use it only if the page names no author elsewhere. A label with several different lines belongs to a list.
    """
    paragraphs = list(tree.iter("p"))
    for paragraph in paragraphs[:_MAX_LAST]:
        if found := _KOREAN_DATELINE.match((paragraph.text or "").lstrip()):
            return tuple(re.split(r"[\s·,]+", found[1].strip(" ·,")))
        # Cheaper than the words, and enough for most pages.
        if _REPORTER.search(paragraph.text_content()) is None:
            continue
        if found := _IN_DATELINE.search(words_of(paragraph)[:_DATELINE_CHARS]):
            return clean_authors(re.split(r"[\s、，,]+", found[1].strip()), shown=True)
    for paragraph in reversed(paragraphs[-_MAX_LAST:]):
        if (found := _REPORTED.match(words_of(paragraph, MAX_BYLINE_CHARS))) and not beside_the_article(paragraph):
            return clean_authors([found[1]], shown=True)
    for paragraph in reversed(paragraphs[-_LAST_PARAGRAPHS:]):
        line = words_of(paragraph).rstrip()
        if line.endswith(_CLOSING) and (found := _AT_END.search(line)):
            named = _FROM.sub("", next(one for one in found.groups() if one).strip())
            # A name in brackets alone may have a space within, others have one between them.
            claims = [named] if found[4] else re.split(r"[\s・、，,]+", named)
            if found[4] and (_OF_AN_OUTLET.search(named) or len(named) < _LEAST_UNSPACED):
                continue
            if len(names := clean_authors(claims, shown=True)) <= _MOST_NAMED and not any(map(is_agency, names)):
                return names
        if (found := _ALONE.fullmatch(line)) and not is_agency(found[1]) and not _OF_AN_OUTLET.search(found[1]):
            return clean_authors([found[1]], shown=True)
        if found := _KOREAN_AT_END.search(line[-_DATELINE_CHARS:]):
            return (found[1],)
        if signed := _signed_by_form(paragraph, line):
            return signed
    return _labelled(marks) or _behind_breaks(tree)


def _behind_breaks(tree: HtmlElement) -> tuple[str, ...]:
    """A name in letters of its own that is the last line of a text whose lines are parted by <br>."""
    for element in reversed([one for one in tree.iter(*_STYLES) if len(one) == 0]):
        line, before = words_of(element, _MAX_SIGNATURE_CHARS), element.getprevious()
        if before is None or before.tag != "br" or (before.tail or "").strip() or (element.tail or "").strip():
            continue
        if (
            element.getnext() is None
            and len(line.split()) in _SIGNATURE_WORDS
            and is_capitalised(line)
            and line[-1] not in ".!?…:;"
        ):
            listed = clean_authors([line], shown=True)
            return listed if listed == (line,) and not beside_the_article(element) else ()
    return ()


def _labelled(marks: Marks) -> tuple[str, ...]:
    """Names behind labels. A label with different names belongs to a list; who wrote comes before who edited."""
    by_label: dict[str, dict[tuple[str, ...], None]] = {}
    for element in marks.elements:
        for text in (element.text, element.tail):
            if (
                text
                and len(text) <= _MAX_LABELLED_CHARS
                and ":" in text
                and (label := LABEL.match(line := plain_line(text)))
                and (listed := clean_authors([line], shown=True))
            ):
                by_label.setdefault(folded(label[0].strip(" :")), {})[listed] = None
    if any(len(listed) > 1 for listed in by_label.values()):
        return ()
    ranked = sorted(by_label, key=lambda label: label in EDITORS)
    return next(iter(by_label[ranked[0]])) if ranked else ()


def _signed_by_form(paragraph: HtmlElement, line: str) -> tuple[str, ...]:
    """A name alone in a last paragraph, with initials, set to the other side or in letters of its own."""
    if dashed := _DASHED.match(line):
        found = clean_authors([line[dashed.end() :]], shown=True)
        return found if found and is_capitalised(line[dashed.end() :]) and not beside_the_article(paragraph) else ()
    if _INITIALLED.fullmatch(line):
        return () if beside_the_article(paragraph) else (line,)
    if not line or len(line) > _MAX_SIGNATURE_CHARS or len(line.split()) not in _SIGNATURE_WORDS:
        return ()
    if line[-1] in ".!?…:;" or any(char.isdigit() for char in line):
        return ()
    # "Rozmawiała Ewa Nowak": without a colon, and nothing but names behind it.
    if (
        ":" not in line
        and (listed := lines_as_bylines([line]))
        and line.endswith(listed[-1])
        and all(" " in name for name in listed)
    ):
        return () if beside_the_article(paragraph) else listed
    named = f"{paragraph.get('align') or ''} {paragraph.get('class') or ''}".lower()
    apart = (
        "right" in named.replace("-", " ").split()
        or "signature" in named
        or _SIGNED_STYLE.search((paragraph.get("style") or "").lower()) is not None
    )
    own = (len(paragraph) == 1 and paragraph[0].tag in _STYLES and words_of(paragraph[0]) == line) or _is_dressed_alone(
        paragraph
    )
    if not apart and not own:
        return ()
    if not is_capitalised(line):
        return ()
    found = clean_authors([line], shown=True)
    return found if found and folded(found[0]) == folded(line) and not beside_the_article(paragraph) else ()


def _is_dressed_alone(paragraph: HtmlElement) -> bool:
    """Whether it is the last paragraph around it, and the only one with its class, which no other has."""
    parent, name = paragraph.getparent(), paragraph.get("class")
    if parent is None or not name:
        return False
    beside = [one for one in parent if one.tag == "p"]
    return len(beside) > 2 and beside[-1] is paragraph and not any(one.get("class") for one in beside[:-1])
