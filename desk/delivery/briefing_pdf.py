"""A briefing as PDF, with Typst, which also sets scripts that run from right to left. Optional: ``wirewatch[pdf]``.

External text goes to the template as data, never as Typst code. The extra brings fonts for Arabic, Hebrew, Chinese, Japanese
and Korean, and installed fonts are used too; Typst itself has Latin, Greek and Cyrillic letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from core.errors import UsageError
from core.records import from_ms
from desk import language
from desk.delivery.render import one_line, web_address
from desk.delivery.times import zone_of
from desk.language import gettext, ngettext
from desk.views.briefing import Briefing, BriefingItem, facts_of, joined

TEMPLATE = "briefing.typ"
FONT_PACKAGES = ("justmytype_intl_rtl", "justmytype_intl_cjk")


def makes_pdf() -> bool:
    """Whether the extra ``pdf`` is installed."""
    return find_spec("typst") is not None


def pdf_of(made: Briefing, zone: str, *, templates: str = "", link: str = "") -> bytes:
    """The briefing as a PDF on A4, with times in ``zone``.

    ``templates``: the folder of custom templates, or empty; ``link``: the desk's address. Raises UsageError if the extra is
    not installed, or if a template fails, naming it.
    """
    if not makes_pdf():
        raise UsageError(gettext("this installation can't make PDFs"), hint="pip install 'wirewatch[pdf]'")
    # Optional, and without types if it is not installed.
    typst: Any = import_module("typst")
    own, folder = Path(templates) / TEMPLATE, Path(__file__).parent / "templates"
    source = own if templates and own.is_file() else folder / TEMPLATE
    view = msgspec.json.encode(_view(made, zone, link.rstrip("/"))).decode()
    try:
        return bytes(
            typst.compile(
                source.read_bytes(),
                root=str(folder),
                font_paths=list(_font_folders()),
                sys_inputs={"view": view},
                format="pdf",
            )
        )
    except (typst.TypstError, OSError) as error:
        raise UsageError(f"template {source.name}: {error}") from error


def _font_folders() -> Iterator[str]:
    for package in FONT_PACKAGES:
        found = find_spec(package)
        yield from (found.submodule_search_locations or ()) if found is not None else ()


def _view(made: Briefing, zone: str, link: str) -> dict[str, Any]:
    local = zone_of(zone)

    def clock(ms: int) -> str:
        return f"{from_ms(ms).astimezone(local):%Y-%m-%d %H:%M}"

    return {
        "lang": language.current(),
        "title": gettext("Briefing, %(time)s", time=clock(made.until_ms)),
        "heading": gettext("Briefing"),
        "period": gettext(
            "%(start)s to %(end)s (%(zone)s)", start=clock(made.from_ms), end=clock(made.until_ms), zone=zone
        ),
        "none": gettext("No story of a topic or a subscription is new or changed."),
        "at_desk": gettext("At the desk"),
        "footer": gettext("Sentences are quoted word for word from the article named with them."),
        "sections": [
            {
                "title": _said(section.title),
                "items": [_item(one, clock, link) for one in section.items],
                "more": _more(section.more) if section.more else "",
            }
            for section in made.sections
        ],
    }


def _more(count: int) -> str:
    return ngettext("%(num)s more with fewer sources.", "%(num)s more with fewer sources.", count)


def _item(one: BriefingItem, clock: Callable[[int], str], link: str) -> dict[str, Any]:
    return {
        "headline": _said(one.headline, one.language),
        "facts": one_line(facts_of(one, clock)),
        "quote": _said(joined(one.sentences), one.quoted_language) if one.sentences else None,
        "changes": [_said(change) for change in one.changes],
        "about": _said(one.other_title, one.quoted_language) if one.other_title else None,
        "outlet": one_line(one.outlet),
        "url": web_address(one.url),
        "desk": f"{link}/story/{one.story}" if link else "",
    }


def _said(text: str, code: str | None = None) -> dict[str, Any]:
    """A text for the template, on one line, with its direction and its language (two or three letters)."""
    text = one_line(text)
    known = code is not None and code.isascii() and code.isalpha() and len(code) in (2, 3)
    return {"text": text, "rtl": is_rtl(text), "lang": code if known else "en"}


def is_rtl(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left, as browsers decide for ``dir="auto"``."""
    strong = (unicodedata.bidirectional(char) for char in text)
    return next((kind in ("R", "AL") for kind in strong if kind in ("L", "R", "AL")), False)
