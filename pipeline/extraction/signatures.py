"""Signatures within a text, for pages that don't name their author elsewhere."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from pipeline.extraction.bylines import LABEL, MAX_BYLINE_CHARS, clean_authors
from pipeline.extraction.marks import Marks
from pipeline.extraction.names import is_agency
from pipeline.extraction.places import beside_the_article
from pipeline.extraction.values import plain_line, words_of

_REPORTED = re.compile(r"\(?\s*reporting by\s(.{4,120}?)(?:;|\.|\)|$)", re.IGNORECASE)
# "新华社北京11月28日电（记者李明 王芳）"
_IN_DATELINE = re.compile(
    "[（(](?:本报|本報|新华社|特约|实习)?(?:记者|記者)[\\s:：]*([\u3400-\u9fff·、，,\\s]{2,30})[）)]"
)
# "…と話している。【森川由紀】", "…尽快更换。（记者 周晓岚）", "…요구했다. 김서윤 기자 sy@…": at the end of a text.
_AT_END = re.compile(
    "(?:^|[。．」』”！？])\\s*(?:【([\u3400-\u9fff々・、，\\s]{2,30})】"
    "|[（(](?:本报|本報|新华社|特约|实习)?(?:记者|記者)[\\s:：]*([\u3400-\u9fff·、，\\s]{2,30})[）)])$"
)
_ALONE = re.compile("[（(]([\u3400-\u9fff々]{3,5})[）)]")
_OF_AN_OUTLET = re.compile("(?:新聞|新闻|通信|通訊|社|局|部|省|庁|版|報|报|網|网|中|略|完)$")
_KOREAN_AT_END = re.compile(
    r"(?:^|[.\s/=])([\uac00-\ud7af]{2,4})\s?(?:기자|특파원|선임기자)(?:\s*[=/(\[]?\s*[\w.+-]{1,40}@[\w.-]{1,40}[)\]]?)?$"
)
_MOST_NAMED = 4
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
            claims = re.split(r"[\s・、，,]+", (found[1] or found[2]).strip())
            if len(names := clean_authors(claims, shown=True)) <= _MOST_NAMED and not any(map(is_agency, names)):
                return names
        if (found := _ALONE.fullmatch(line)) and not is_agency(found[1]) and not _OF_AN_OUTLET.search(found[1]):
            return clean_authors([found[1]], shown=True)
        if found := _KOREAN_AT_END.search(line[-_DATELINE_CHARS:]):
            return (found[1],)
    labelled: dict[tuple[str, ...], None] = {}
    for element in marks.elements:
        for text in (element.text, element.tail):
            if text and len(text) <= _MAX_LABELLED_CHARS and ":" in text and LABEL.match(line := plain_line(text)):
                labelled[clean_authors([line], shown=True)] = None
    labelled.pop((), None)
    return next(iter(labelled)) if len(labelled) == 1 else ()
