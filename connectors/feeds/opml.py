"""OPML: reads and writes lists of feeds. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import msgspec

from connectors.feeds.items import one_line, web_address
from connectors.feeds.markup import mended
from core.charset import decode_body
from core.errors import InputError
from core.html_tokens import Tag, tokens
from core.visible import referenced

MAX_OUTLINES = 100_000
MAX_DEPTH = 50


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A feed in a list. ``folders`` lead to it, outermost first; ``source`` is our own attribute."""

    url: str
    title: str | None = None
    folders: tuple[str, ...] = ()
    language: str | None = None
    source: str | None = None


class OpmlList(msgspec.Struct, frozen=True, kw_only=True):
    """The feeds, each address once, in the list's order; ``notes`` describe omissions in plain words."""

    outlines: tuple[Outline, ...]
    notes: tuple[str, ...] = ()


_MOST_NAMED = 20
_BARE = re.compile(r"&(?!(?:[A-Za-z_][\w.-]{0,99}|#[0-9]{1,20}|#[xX][0-9A-Fa-f]{1,20});)")


class _Refused(Exception):
    """Reading of the list stops."""


def parse_opml(body: bytes, name: str) -> OpmlList:
    """Read a list. Raises InputError naming ``name`` if it is not OPML."""
    found: dict[str, Outline] = {}
    path: list[str | None] = []
    roots: list[str] = []
    skipped: list[str] = []
    scraped: list[str] = []
    lists: list[str] = []
    settings: Counter[str] = Counter()
    repeated = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal repeated
        roots.append(tag) if not roots else None
        if tag != "outline":
            return
        if len(path) >= MAX_DEPTH or len(found) >= MAX_OUTLINES:
            raise _Refused("nested too deep" if len(path) >= MAX_DEPTH else f"more than {MAX_OUTLINES:,} feeds")
        lower = {key.lower(): value for key, value in attributes.items()}
        title = one_line(lower.get("title") or lower.get("text"), 300)
        address = lower.get("xmlurl")
        path.append(None if address else title)
        settings.update(
            one_line(key, 60) or key
            for key in attributes
            if ":" in key and not key.startswith("xml") and not key.lower().endswith(":opmlurl")
        )
        included = lower.get("url") if lower.get("type", "").lower() == "include" else None
        if further := next((value for key, value in lower.items() if key.rpartition(":")[2] == "opmlurl"), included):
            lists.append(_named(title, further))
        if not address:
            return
        url = web_address(address)
        if not url:
            skipped.append(_named(title, address))
        elif "+" in lower.get("type", ""):
            # FreshRSS: how to make a feed from a page, such as HTML+XPath.
            scraped.append(_named(title, address))
        elif url in found:
            repeated += 1
        else:
            found[url] = Outline(
                url=url,
                title=title,
                folders=tuple(folder for folder in path if folder),
                language=one_line(lower.get("language"), 35),
                source=one_line(lower.get("wirewatchsource"), 200),
            )

    def end(tag: str) -> None:
        if tag == "outline" and path:
            path.pop()

    # Lists are written by hand and by scripts: entities and bare ampersands in addresses are repaired first.
    text = _BARE.sub("&amp;", mended(decode_body(body).text.lstrip("\ufeff \t\r\n")))
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    notes = []
    try:
        try:
            parser.Parse(text.encode("utf-8", "replace"), True)
        except expat.ExpatError as error:
            words = f"{expat.errors.messages.get(error.code, 'broken XML')}, line {error.lineno}"
            if roots[:1] != ["opml"]:
                raise InputError(name, f"not an OPML list of feeds: {words}") from error
            for seen in (found, path, skipped, scraped, lists, settings):
                seen.clear()
            repeated = 0
            for token in tokens(text):
                if isinstance(token, Tag):
                    if not token.closing:
                        start(token.name, token.attributes())
                    if token.closing or token.empty:
                        end(token.name)
            if not found:
                raise InputError(name, f"not an OPML list of feeds: {words}") from error
            notes.append(f"not well-formed, but read: {words}")
    except _Refused as error:
        raise InputError(name, f"not read: {error}") from error
    if roots[:1] != ["opml"]:
        raise InputError(name, f"not an OPML list of feeds: its root element is {roots[0][:60]}")
    left_out = [f"{name} ({count})" for name, count in settings.most_common()]
    for named, one, many in (
        (skipped, "without an http or https address left out", None),
        (
            scraped,
            "left out that is a page from which the other program makes a feed",
            "left out that are pages from which the other program makes a feed",
        ),
        (lists, "further list is not followed", "further lists are not followed"),
        (left_out, "setting of the other program is not imported", "settings of the other program are not imported"),
    ):
        if named:
            shown = ", ".join(named[:_MOST_NAMED]) + (" and more" if len(named) > _MOST_NAMED else "")
            notes.append(f"{len(named)} {(many or one) if len(named) > 1 else one}: {shown}")
    if repeated:
        notes.append(f"{repeated} listed twice")
    return OpmlList(outlines=tuple(found.values()), notes=tuple(notes))


def _named(title: str | None, address: str) -> str:
    return f"{title or 'an outline without a title'} ({one_line(address, 200)})"


def write_opml(outlines: Iterable[Outline], title: str) -> str:
    """OPML 2.0, feeds in the order given, in folders of one level (the first of ``folders``)."""
    folders: dict[str | None, list[Outline]] = {}
    for one in outlines:
        folders.setdefault(one.folders[0] if one.folders else None, []).append(one)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">', f"<head>{_tag('title', title)}</head>"]
    lines.append("<body>")
    for folder, feeds in folders.items():
        if folder is not None:
            lines.append(f"<outline text={_quoted(folder)}>")
        lines.extend(_line(one) for one in feeds)
        if folder is not None:
            lines.append("</outline>")
    return referenced("\n".join([*lines, "</body>", "</opml>", ""]))


def _line(one: Outline) -> str:
    title = one.title or one.source or one.url
    more = f" language={_quoted(one.language)}" if one.language else ""
    more += f" wirewatchSource={_quoted(one.source)}" if one.source else ""
    return f'<outline type="rss" text={_quoted(title)} title={_quoted(title)} xmlUrl={_quoted(one.url)}{more}/>'


def _tag(name: str, text: str) -> str:
    escaped = (one_line(text) or "").replace("&", "&amp;").replace("<", "&lt;")
    return f"<{name}>{escaped}</{name}>"


def _quoted(text: str) -> str:
    return quoteattr(one_line(text, 4_096) or "")
