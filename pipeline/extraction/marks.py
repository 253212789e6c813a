"""Finds, in one pass, a page's elements whose markup shows what they are: an author, a date, a consent box …

A page has thousands of elements but few different class names, so each name is judged once, and a single pass over the
elements serves all uses of names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml.html import HtmlElement, defs

_MAX_ELEMENTS = 80
_MAX_KEPT_CHARS, _MOST_KEPT = 300, 16_000
_MAX_KEPT_WORD_CHARS, _MOST_WORDS_KEPT = 80, 64_000
# Of names in lower case: patterns that ignore case take three times as long.
_AUTHOR_NAME = re.compile(
    r"author|byline|(?:^|\s)by(?:\s|$)|writer|reporter|columnist|autor|auteur|journalist|verfasser|contributor|yazar|muhabir|redakt"
    r"|writtenby|createdby|signature|szerzo|forfatter|skribent|kirjoittaja|toimittaja|penulis|tacgia|periodista|redactor"
    r"|giornalista|avtor|nguoiviet|(?:^|[\s_-])firma(?:$|[\s_-])"
)
_DATE_NAME = re.compile(r"date|time|publish|posted|modified|tarih|fecha|datum|pubd|entry-meta")
# Letters to subscribe to, and gifts to the outlet, in the words that outlets name their boxes with.
_SIGN_UP = (
    "newsletter|nieuwsbrief|nyhetsbrev|uutiskirje|boletin|infolettre|hirlevel|bulten|podpisk|rassylk|mailing-?list|mailchimp"
    "|sign-?up|subscribe(?!r)|donat(?:e|ion)|spenden"
)
_SIGN_UP_NAME = re.compile(rf"(?:^|[\s_-])(?:{_SIGN_UP})")
# Boxes that are no text, by the whole words of their names: players, comments, buttons to share, lists of what others read.
_COMMENTS = (
    "talkbacks?|kommentare|kommentarer|kommentarfelt|kommentit|comentarios|comentaris|commentaires|commenti|reacties|yorumlar"
    "|komentarze|komentare|komentari|komentarji|kommentek|hozzaszolasok|comentarii|scholia|kommentarii"
)
_SHARES = (
    "compartir|compartilhar|partager|partage|teilen|condividi|udostepnij|sdilet|sdileni|paylas|megosztas|bagikan|podeli"
)
_READ_BY_OTHERS = (
    "mes-llegit|mas-leid[oa]s?|plus-lus?|mais-lid[oa]s?|piu-lett[ie]|meistgelesen|mest-lest|mest-last|mest-laest|najczesciej-czytane"
    "|nejctenejsi|cok-okunanlar|legolvasottabb|most-?read"
)
_NOT_TEXT = (
    rf"(?:video|audio|media)-?player|jw-?player|player-(?:container|wrapper|wrap)|^player$|copyrights?|disclaimer|tags|tag-?list|etiquetas|etiketler|schlagworte|stichworte|mots-cles|{_COMMENTS}"
    rf"|{_SHARES}|{_READ_BY_OTHERS}"
)
_BESIDE_NAME = re.compile(
    rf"(?:^|[_-])(?:{_NOT_TEXT})(?:[_-](?:list|area|section|container|wrap|wrapper|box|bar|buttons?|notice|info))?$"
)
_ANY_NAME = re.compile(
    rf"{_AUTHOR_NAME.pattern}|{_DATE_NAME.pattern}|{_SIGN_UP}|{_NOT_TEXT}|bread|bio"
    "|cmp|cookie|consent|gdpr|onetrust|didomi|usercentrics|cybot|sp_message|truste|cky|klaro|osano|iubenda|privacy"
)
# "cmp" with any other word behind it is a component of Adobe's: cmp-text, cmp-container.
_CONSENT_NAME = re.compile(
    r"(?:^|[\s_-])(?:cmp(?=$|\s)|cmp-?(?:box|layer|banner|overlay|popup|consent)|cookies?(?:-?\w{0,14})?|consent\w{0,14}|gdpr\w{0,10}|onetrust\w{0,20}|didomi\w{0,14}"
    r"|usercentrics\w{0,10}|cybot\w{0,24}|cookiebot|sp_message\w{0,20}|truste\w{0,12}|qc-cmp\w{0,12}|fc-consent\w{0,10}|cky|klaro|osano|iubenda\w{0,12}"
    r"|privacy-?(?:banner|notice|box|layer|popup|overlay|prompt|manager))(?:$|[\s_-])"
)
_DISPLAY = re.compile(r"(?<![\w-])display\s{0,9}:\s{0,9}(block|none)\b")
_BREADCRUMB = re.compile(r"bread-?crumb")
_ABOUT_THE_AUTHOR = re.compile(
    r"(?:^|[\s_-]|author|columnist|writer|byline|contributor|autor|auteur)_{0,2}-?bio(?:graphy|grafia|graphie)?(?:$|[\s_-])"
    r"|about-?(?:the-?)?author"
)
_DIALOG_ROLES = frozenset({"dialog", "alertdialog", "navigation"})
AUTHOR_PATH = re.compile(
    r"/(?:authors?|writers?|reporters?|autor(?:es|en|i)?|auteurs?|journalist[aes]?|yazar(?:lar)?|staff|by|contributors?|redakteure?|toimittajat?|forfattere?"
    r"|skribent(?:er)?|penulis|periodistas?|giornalist[aei]|tac-?gia|redaktor(?:zy)?|columnistas?|columnists?|journalister|szerzok?)"
    r"/[^/?#]|^/@[\w.-]+$"
)

PROFILE_PATH = re.compile(r"/profiles?/[^/?#]")
"""An author's page, or that of somebody whom an article is about."""


_KNOWN = frozenset(defs.tags) | frozenset(
    (
        "article", "aside", "audio", "bdi", "canvas", "data", "datalist", "details", "dialog", "figcaption", "figure",
        "footer", "header", "hgroup", "main", "mark", "meter", "nav", "output", "picture", "progress", "rp", "rt", "rtc",
        "rb", "ruby", "search", "section", "slot", "source", "summary", "svg", "template", "time", "track", "video", "wbr",
        "embed", "noindex", "nobr", "math", "path", "g", "use", "amp-img", "amp-ad", "amp-embed",
    )
)  # fmt: skip


def is_own(tag: object) -> bool:
    """Whether an element of that tag is one of the outlet's own, of which HTML knows nothing."""
    return isinstance(tag, str) and tag not in _KNOWN and ":" not in tag


@dataclass(slots=True)
class Marks:
    """Elements in page order, not judged further: their names may mean something else.

    ``elements`` are all, which are faster to iterate over again than the tree. ``consent`` are boxes that ask for it,
    ``dialogs`` those that lie above the page or are menus by their role, ``notes`` say who the author is, ``sign_ups``
    offer a newsletter or ask for a gift, ``beside`` are named for something else than text, ``own`` are the elements of
    which HTML knows nothing, ``headlines`` those that microdata calls so, ``as_written`` those whose style says how white
    space is shown, ``blocks`` those whose style shows them as blocks, ``hidden`` those that a browser does not show (the
    attribute, the style, a <template>).
    """

    elements: list[HtmlElement]
    authors: list[HtmlElement] = field(default_factory=list)
    dates: list[HtmlElement] = field(default_factory=list)
    author_links: list[HtmlElement] = field(default_factory=list)
    headlines: list[HtmlElement] = field(default_factory=list)
    consent: list[HtmlElement] = field(default_factory=list)
    dialogs: list[HtmlElement] = field(default_factory=list)
    breadcrumbs: list[HtmlElement] = field(default_factory=list)
    notes: list[HtmlElement] = field(default_factory=list)
    sign_ups: list[HtmlElement] = field(default_factory=list)
    beside: list[HtmlElement] = field(default_factory=list)
    own: list[HtmlElement] = field(default_factory=list)
    as_written: list[HtmlElement] = field(default_factory=list)
    blocks: list[HtmlElement] = field(default_factory=list)
    hidden: list[HtmlElement] = field(default_factory=list)


_AUTHOR, _DATE, _HEADLINE, _CONSENT, _DIALOG, _CRUMB, _NOTE, _SIGN_UP_BOX, _SIDE = (1 << place for place in range(9))
# Pages of one outlet have the same names. (With many outlets, an LRU cache costs more than it saves.)
_judged: dict[str, dict[str, int]] = {
    name: {} for name in ("class", "id", "data-testid", "itemprop", "property", "rel", "pubdate", "role", "aria-modal")
}
# Values of classes are combinations of far fewer names.
_judged_words: dict[str, int] = {}
_OF_A_NAME = _AUTHOR | _DATE | _NOTE
_MEANT_BY_NAMES = {
    "class": _OF_A_NAME | _CONSENT | _SIGN_UP_BOX | _CRUMB | _SIDE,
    "id": _OF_A_NAME | _CONSENT | _SIGN_UP_BOX | _SIDE,
    "data-testid": _OF_A_NAME,
}


def marks_of(tree: HtmlElement) -> Marks:
    """The marked elements of a page."""
    found = Marks(list(tree.iter()))
    for element in found.elements:
        tag = element.tag
        signs = 0
        for name, value in element.items():
            if (known := _judged.get(name)) is not None:
                sign = known.get(value)
                if sign is None:
                    sign = _judge(name, value)
                    if len(value) <= _MAX_KEPT_CHARS:
                        if len(known) >= _MOST_KEPT:
                            known.clear()
                        known[value] = sign
                signs |= sign
            elif name == "href" and tag == "a" and (AUTHOR_PATH.search(value) or PROFILE_PATH.search(value)):
                found.author_links.append(element)
            elif name == "title" and tag == "abbr":
                signs |= _DATE
            elif name == "style":
                _file_style(found, element, value.lower())
            elif name == "hidden" and value.lower() != "until-found":
                found.hidden.append(element)
        if tag == "time":
            signs |= _DATE
        elif tag == "template":
            if not any(name.startswith("shadowroot") for name in element.keys()):  # noqa: SIM118
                found.hidden.append(element)
        elif tag not in _KNOWN and is_own(tag):
            found.own.append(element)
        if signs:
            _file(found, element, signs)
    del found.authors[_MAX_ELEMENTS:], found.dates[_MAX_ELEMENTS:], found.author_links[_MAX_ELEMENTS:]
    del found.headlines[_MAX_ELEMENTS:]
    return found


def _judge_word(word: str) -> int:
    """The marks that a name gives, in lower case. No pattern goes beyond white space, so each name is judged alone."""
    if _ANY_NAME.search(word) is None:
        return 0
    return (
        (_AUTHOR if _AUTHOR_NAME.search(word) else 0)
        | (_DATE if _DATE_NAME.search(word) else 0)
        | (_CONSENT if _CONSENT_NAME.search(word) else 0)
        | (_NOTE if _ABOUT_THE_AUTHOR.search(word) else 0)
        | (_SIGN_UP_BOX if _SIGN_UP_NAME.search(word) else 0)
        | (_SIDE if _BESIDE_NAME.search(word) else 0)
        | (_CRUMB if _BREADCRUMB.search(word) else 0)
    )


def _file_style(found: Marks, element: HtmlElement, style: str) -> None:
    if "white-space" in style:
        found.as_written.append(element)
    if shown := _DISPLAY.search(style):
        (found.blocks if shown[1] == "block" else found.hidden).append(element)


def _file(found: Marks, element: HtmlElement, signs: int) -> None:
    for sign, elements in (
        (_AUTHOR, found.authors),
        (_DATE, found.dates),
        (_HEADLINE, found.headlines),
        (_CONSENT, found.consent),
        (_DIALOG, found.dialogs),
        (_CRUMB, found.breadcrumbs),
        (_NOTE, found.notes),
        (_SIGN_UP_BOX, found.sign_ups),
        (_SIDE, found.beside),
    ):
        if signs & sign:
            elements.append(element)


def _judge(name: str, value: str) -> int:
    """The marks that an attribute gives its element."""
    low = value.lower()
    signs = 0
    if (may_mean := _MEANT_BY_NAMES.get(name)) is not None:
        for word in low.split():
            sign = _judged_words.get(word)
            if sign is None:
                sign = _judge_word(word)
                if len(word) <= _MAX_KEPT_WORD_CHARS:
                    if len(_judged_words) >= _MOST_WORDS_KEPT:
                        _judged_words.clear()
                    _judged_words[word] = sign
            signs |= sign
        return signs & may_mean
    if name in ("itemprop", "property"):
        if "author" in low or "creator" in low:
            signs |= _AUTHOR
        if "date" in low or "issued" in low or "_time" in low:
            signs |= _DATE
        if name == "itemprop" and "headline" in value:
            signs |= _HEADLINE
    elif name == "rel":
        signs = _AUTHOR if "author" in low else 0
    elif name == "role":
        signs = _DIALOG if value in _DIALOG_ROLES else 0
    elif name == "aria-modal":
        signs = _DIALOG if value == "true" else 0
    else:
        signs = _DATE
    return signs
