"""The authors as the page shows them: links and elements marked as the author, and lines that begin like bylines.

Everything is found by markup (rel=author, microdata, names of classes) or by a word before the name, in the places where a
page names the author of its article: not in boxes of related articles, comments, or notes about the author.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml.html import HtmlElement

from core.package_data import package_toml
from pipeline.extraction.marks import AUTHOR_PATH, PROFILE_PATH, Marks
from pipeline.extraction.names import (
    PARTICLES,
    begins_with_agency,
    has_unspaced,
    in_order,
    in_small_letters,
    is_agency,
    without_onto,
)
from pipeline.extraction.places import above, beside_the_article
from pipeline.extraction.times import role_of
from pipeline.extraction.values import phrases_of, plain_line, words_of
from pipeline.text.calendars import month_of
from pipeline.text.characters import folded

MAX_AUTHORS = 20
MAX_BYLINE_CHARS = 200
_MAX_NAME_CHARS = 70
_MAX_NAME_WORDS = 6
_AROUND = " ,;|.:–—-•·【】"

_DATA = package_toml("pipeline.extraction", "names.toml")


_NO_NAMES = phrases_of(_DATA["no_names"])
_ROLES = phrases_of(_DATA["roles"])
EDITORS = phrases_of(_DATA["editors"])
"""Labels before who edited, who is named only if no one else is."""
_LABELS = phrases_of(_DATA["labels"]) | phrases_of(_DATA["before"])


def alternatives(listed: str) -> str:
    """A pattern for any of the phrases of a list divided by bars, the longest first."""
    phrases = {" ".join(phrase.split()) for phrase in listed.split("|") if phrase.strip()}
    return "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in sorted(phrases, key=len, reverse=True))


_IN_BRACKETS = re.compile(r"(?<!\s)\s*+[(\[（][^()\[\]（）]{0,60}[)\]）]")
_COLON = r"\s*[:：●•|/／・＝=՝៖፡፦]\s*"
LABEL = re.compile(rf"^(?:{alternatives(_DATA['labels'] + '|' + _DATA['before'])}){_COLON}", re.IGNORECASE)
BEFORE = re.compile(rf"^(?:{alternatives(_DATA['before'])})\s+(?=\S)", re.IGNORECASE)
_JOINTS = frozenset(_DATA["joints"])
_ONTO_JOINTS = tuple(_DATA["onto_joints"])
_ONTO_JOINT_NAMES = phrases_of(_DATA["onto_joint_names"])
_MAX_ROLE_WORDS = 4
_SURNAME_JOINTS = (" y ", " i ")
_ROMANIAN = re.compile(r"^de\s(?=[^\W\d_]+[\s-][^\W\d_])(?=.*[ăĂșȘşŞțȚţŢ])", re.IGNORECASE)
_JOINT = re.compile(
    rf"(?<!\s)\s++(?:{'|'.join(re.escape(joint) for joint in _DATA['joints'])})\s++|(?<!\s)\s*+[;、；&]\s*+|(?<!\s)\s++/\s++"
)
_CUT = re.compile(r"(?<!\s)(?:\s*+(?:[|•·—–●]\s*+|[(（\[]|\d)|\s++(?:-\s|@))|\s{2,}|\n")
_CLAUSE = re.compile(
    r"(?<!\s)\s++(?:for|in(?!\s['’]t\s)|at|from|on|of|für|aus|à|pour|para|para el|illustration|photo|photographs?|graphics"
    r"|edited|translated)\s",
    re.IGNORECASE,
)
# "Ann Keel on Sat, 28 November", "Ana Quilha em 28/11": what leads to a date.
_DATED_BY = re.compile(r"\s(?:on|at|em|am|um|le|el|il|den|op|в|на|от)(?:\s[^\W\d_]{2,12},?)?$")
# "By A. in Kyiv and B. in Geneva": another name follows.
_IN_A_TOWN = re.compile(
    r"\s?(?:in|aus|à|en|em)\s(?:[^\W\d_]{1,30}[\s-]){1,3}(?:and|und|et|y|e)\s(?:[^\W\d_]{1,30}\s){2,3}(?:in|aus|à|en|em)\s"
)
_DUTCH = re.compile(r"\sin\s['’]t\s")
KOREAN = re.compile(r"^([\uac00-\ud7af]{2,5})\s*(?:기자|특파원|선임기자)\b.*")

# h-card, hCard and hAtom: the author, and the name within.
_MICROFORMAT = re.compile(r"(?:^|\s)(?:p-author|author\s+vcard|vcard\s+author)(?:\s|$)")
_SAYS_NAME = re.compile(r"(?:^|\s)(?:p-name|fn)(?:\s|$)")
_KOREAN_NAMES = re.compile(r"(?<=[\uac00-\ud7af])\s?·\s?(?=[\uac00-\ud7af]{2,4}(?:\s?(?:기자|특파원|선임기자)|\s?·|$))")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ANY_LABELS = "|".join(_DATA[name] for name in ("labels", "before", "ending_labels", "pictures"))
_NEXT_LABEL = re.compile(rf"\s(?:{alternatives(_ANY_LABELS)}|[^\W\d_]{{2,14}})\s?[:：]", re.IGNORECASE)
_MARKED_BEFORE = re.compile(rf"^(?:{alternatives(_DATA['marked_before'])}){_COLON}(?=\S)", re.IGNORECASE)
# "…, mit Material von dpa", "with files from …"; but "with Bob de Jong" names a second author: see _material_at.
_WITH_MATERIAL = re.compile(
    r"[\s,]\s?(?:mit|with|avec|con|com|met|med|с|з)\s((?:[^\W\d_]{1,20}\s){1,3}?)(?:von|from|of|de|des|du|di|do|van|från|fra|af|от|від)\s",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"^\S{1,80}@[\w.-]{3,80}(?:\s*\((.{1,80})\))?$")
# "d'Artagnan", "dell'Orto": a small word written onto the name.
_ELIDED = re.compile(r"[^\W\d_]{1,4}['’](?=[^\W\d_])")
_PICTURED = re.compile(
    rf"(?:^|(?<=[\s,;|·•(]))(?:{alternatives(_DATA['pictures'])})(?:{_COLON}|\s(?:by|von|par|de|di)\s)", re.IGNORECASE
)
_BY_AGENCY = re.compile(r"^([^/]{4,60})/([^/\s]{2,12})$")
# "unserem Korrespondenten", "our correspondent in Cairo,": small words, and a role in any of its forms.
_ROLE_BEFORE = re.compile(
    r"(?:[^\W\d_]{1,12}\s){0,2}(?:korrespondent|correspond|journalist|reporter|redakt|corresponsal|корреспондент|журналист)\w{0,6}\s"
    r"(?=[^\W\d_]+\s[^\W\d_])",
    re.IGNORECASE,
)
_SAYS_AUTHOR = frozenset(_DATA["says_author"].split())
# Beside an author's name: a picture, other articles, a role. A "card" is one too, unless it is named as the author's.
_SAYS_OTHER = frozenset(_DATA["says_other"].split())


def marked_bylines(marks: Marks) -> dict[str, tuple[str, ...]]:
    """Names in elements that the page marks as its author, by origin.

    The first such element counts, with those beside it: pages name the authors of other articles in the same markup.
    """
    found: dict[str, list[str]] = {}
    place: dict[str, HtmlElement] = {}
    linked: list[HtmlElement] = []  # what links to no author's page within one of these is other articles
    for element in (*marks.authors, *marks.author_links):
        origin = _origin(element)
        if origin is None or beside_the_article(element):
            continue
        first = place.get(origin)
        if first is not None and (not _together(first, element) or (first in linked and first in above(element))):
            continue
        if names := clean_authors(_names_in(element, origin), shown=True):
            if place.setdefault(origin, element) is element and _has_author_link(element):
                linked.append(element)
            found.setdefault(origin, []).extend(names)
    return {origin: clean_authors(names) for origin, names in found.items()}


def _together(one: HtmlElement, other: HtmlElement) -> bool:
    """Whether two elements are in one byline: nested, or so close that no heading or paragraph is in between."""
    outer = one
    for _ in range(3):
        parent = outer.getparent()
        if parent is None or parent.tag in ("body", "article", "main") or len(words_of(parent, 400)) == 0:
            break
        outer = parent
    return outer in above(other)


def names_a_picture(line: str) -> bool:
    """Whether a line says who made a picture: "Photo: Ann Keel", or that behind a sentence."""
    return _PICTURED.search(line.replace(".", ";")) is not None


def is_role(part: str) -> bool:
    """Whether the words are a person's function: "reporter", "envoyée spéciale"."""
    words = [folded(word) for word in part.split()]
    return folded(part) in _ROLES or (
        0 < len(words) <= _MAX_ROLE_WORDS and not _ROLES.isdisjoint((words[0], words[-1]))
    )


def _origin(element: HtmlElement) -> str | None:
    if "author" in (element.get("rel") or "").lower().split() and element.tag in ("a", "link", "span"):
        return "rel_author"
    if _MICROFORMAT.search(element.get("class") or "") and element.tag != "meta":
        return "byline"
    properties = f"{element.get('itemprop') or ''} {element.get('property') or ''}".lower().split()
    if element.tag != "meta" and any(
        name in ("author", "creator", "dc:creator") or name.endswith((":author", "/author")) for name in properties
    ):
        return "microdata"
    if element.tag == "a":
        address = element.get("href") or ""
        if AUTHOR_PATH.search(address) or (PROFILE_PATH.search(address) and _is_alone_below_headline(element)):
            return "author_link"
    if element.tag in ("meta", "link", "script", "style", "input", "form", "body", "html", "main", "article"):
        return None
    words = {
        word.lower()
        for name in ("class", "id", "data-testid")
        if (value := element.get(name))
        for word in _WORDS.findall(value)
    }
    told = words & _SAYS_AUTHOR or "by" in (element.get("class") or "").lower().split()
    return "byline" if told and not _others(words) else None


def _is_alone_below_headline(link: HtmlElement) -> bool:
    """Whether the link is all of a line directly below the page's headline, as a byline is."""
    block = link.getparent()
    if block is None or block.tag not in ("div", "span", "p", "address"):
        return False
    above = block.getprevious()
    while above is not None and not isinstance(above.tag, str):
        above = above.getprevious()
    return (
        above is not None
        and (above.tag == "h1" or next(above.iter("h1"), None) is not None)
        and words_of(block, MAX_BYLINE_CHARS) == words_of(link, MAX_BYLINE_CHARS)
    )


def _others(words: set[str]) -> set[str]:
    others = words & _SAYS_OTHER
    return others - {"card"} if others and words & _SAYS_AUTHOR else others


def _names_in(element: HtmlElement, origin: str) -> list[str]:
    if origin == "microdata":
        named = [
            one.get("content") or words_of(one)
            for one in element.iter()
            if (one.get("itemprop") or "").lower() == "name"
        ]
        if named:
            return named
        if content := element.get("content"):
            return [content]
    if origin != "byline":
        return [words_of(element, MAX_BYLINE_CHARS)]
    named = [
        words_of(one) for one in element.iter() if _SAYS_NAME.search(one.get("class") or "") and one is not element
    ]
    if named := [name for name in named if clean_authors([name], shown=True)]:
        return named
    links = [words_of(link) for link in _links_to_names(element)]
    links = [link for link in links if clean_authors([link], shown=True)]
    whole = words_of(element, MAX_BYLINE_CHARS)
    if begun := _MARKED_BEFORE.match(whole):
        return [whole[begun.end() :]]
    # A byline with several links has several names; one with a single link and further text may name others beside it.
    if links and (not whole or sum(map(len, links)) * 2 >= len(_without_label(whole))):
        return links
    return _first_names(element) if whole else links


def _links_to_names(element: HtmlElement) -> list[HtmlElement]:
    """The links of a byline; those to pages of authors alone if there are any, and one to each page."""
    links = [link for link in element.iter("a") if not _is_address_only(link) and not _says_other(link)]
    to_authors: dict[str, HtmlElement] = {}
    for link in links:
        if AUTHOR_PATH.search(address := link.get("href") or "") and words_of(link):
            to_authors.setdefault(address, link)
    return list(to_authors.values()) or links


def _has_author_link(element: HtmlElement) -> bool:
    return any(AUTHOR_PATH.search(link.get("href") or "") for link in element.iter("a"))


def _first_names(element: HtmlElement) -> list[str]:
    """The first part of a byline with names, including continuations ("and …")."""
    parts = [" ".join((element.text or "").split())]
    for child in element:
        if isinstance(child.tag, str) and child.tag != "time" and not _says_other(child):
            inline = child.tag in ("span", "b", "strong", "em", "i", "a") or not len(child)
            parts.extend([words_of(child, MAX_BYLINE_CHARS)] if inline else _first_names(child))
        parts.append(" ".join((child.tail or "").split()))
    lines: list[str] = []
    for part in (one for one in parts if one):
        # "By", and the name in an element of its own.
        if (
            lines
            and (folded(lines[-1]) in _LABELS or lines[-1].endswith(":") or lines[-1].split()[-1].lower() in _JOINTS)
        ) or (
            lines
            and (part.split()[0].lower() in _JOINTS or part[0] in ",;&")
            and clean_authors([lines[-1]], shown=True)
        ):
            lines[-1] = f"{lines[-1]} {part}"
        else:
            lines.append(part)
    return next(([line] for line in lines if clean_authors([line], shown=True)), [])


def _says_other(element: HtmlElement) -> bool:
    return bool(_others({word.lower() for word in _WORDS.findall(element.get("class") or "")}))


def _is_address_only(link: HtmlElement) -> bool:
    return (link.get("href") or "").startswith(
        ("mailto:", "https://twitter.com", "https://x.com", "https://www.facebook.com")
    )


def clean_authors(claims: Iterable[str], *, shown: bool = False) -> tuple[str, ...]:
    """Names as one line each, without "By", roles, addresses and repetitions.

    ``shown``: the claims are visible text, which may contain more than names; parts that can't be names are left out.
    """
    found: dict[str, str] = {}
    for claim in claims:
        for name in _split(plain_line(claim), shown=shown):
            if key := folded(name):
                found.setdefault(key, name)
    return tuple(found.values())[:MAX_AUTHORS]


def _split(line: str, *, shown: bool) -> Iterator[str]:
    line = line[: _material_at(line)]
    names = list(_parts(line, shown=shown))
    if len(names) > 1:
        names = [name for name in names if not is_agency(name)] or names[:1]
        # "…, ανταποκρίτρια": a word in small letters behind a name is the person's function.
        if shown and " " in names[0]:
            names = [name for name in names if " " in name or name[0].lower() == name[0].upper() or name[0].isupper()]
        # "By A. Keel and B. Lind, Geneva": one word behind whole names is where they wrote.
        if shown and all(" " in name for name in names[:-1]) and _is_place(names[-1], line):
            names.pop()
    yield from (in_small_letters(in_order(name)) for name in names)


def _material_at(line: str) -> int:
    """Where a note begins that says whose material was used; the line's length if there is none.

    What was used begins in small letters ("with files from"), unlike a name ("with Bob de Jong"). German nouns have
    capitals, so an agency may follow instead. Lines in one case don't differ in this, and are cut.
    """
    one_case = line.islower() or line.isupper()
    for note in _WITH_MATERIAL.finditer(line):
        words = note[1].split()
        small = words[0].islower() and not PARTICLES.issuperset(words)
        if one_case or small or begins_with_agency(line[note.end() :]):
            return note.start()
    return len(line)


def _is_place(name: str, line: str) -> bool:
    one_word = " " not in name or (name[0].islower() and name.count(" ") == 1)  # "Geneva", "de Brasília"
    return one_word and not has_unspaced(name) and place_behind(name).search(line) is not None


def place_behind(name: str) -> re.Pattern[str]:
    """The pattern for a place behind a comma or stroke, at the end of a line or before a sign or figure."""
    return re.compile(rf"[,،/]\s?{re.escape(name)}(?=[\s.]*+(?:$|[–—|•·(-]|\d))")


def _parts(line: str, *, shown: bool) -> Iterator[str]:
    if "·" in line:
        line = _KOREAN_NAMES.sub(", ", line)
    if "@" in line and (address := _ADDRESS.match(line)) is not None:
        line = address[1] or ""
    # A label begins few lines, and to look for one behind it takes ten times as long.
    if shown and (label := LABEL.match(line)) and (other := _NEXT_LABEL.search(line, label.end())) is not None:
        line = line[: other.start()]  # "撰文：李明 编辑：王芳"
    if has_unspaced(line):
        line = without_onto(line)
    if (pictured := _PICTURED.search(line)) is not None:
        line = line[: pictured.start()]
    line = _ROMANIAN.sub("", line)
    if "/" in line:
        line = _BY_AGENCY.sub(lambda found: found[1] if is_agency(found[2]) else found[0], line)
    line = _IN_BRACKETS.sub("", _without_label(line)).strip(_AROUND)
    if not line or "://" in line or line.startswith("@"):
        return
    if not shown and len(line) <= 120 and not _joined(line):
        if _is_name(line, shown=False):
            yield KOREAN.sub(r"\1", line)
        return
    if shown and (cut := _CUT.search(line)):
        before = line[: cut.start()]
        # "Ann Keel Dec 12": the month is removed with its day.
        if cut[0].strip().isdigit() and " " in before and month_of(before.rsplit(" ", 1)[1].strip(" .,")):
            before = before.rsplit(" ", 1)[0]
        line = _DATED_BY.sub("", before)
    # "By A. in Lethe; B. in Marnham": each part is cut by itself.
    if shown and ";" not in line and (clause := _CLAUSE.search(line)) and not _IN_A_TOWN.match(line, clause.start()):
        line = line[: clause.start()]
    pieces = (one for piece in _split_at_joints(line) for one in _at_onto_joint(piece))
    for number, part in enumerate(part for piece in pieces for part in _by_commas(piece)):
        if number and _is_role_first(part):
            continue
        if shown and (clause := _CLAUSE.search(part)):
            part = part[: clause.start()]
        name = (
            _without_agency(_without_role(_without_label(KOREAN.sub(r"\1", part.strip(_AROUND)))))
            if shown
            else part.strip(_AROUND)
        )
        if _is_name(name, shown=shown):
            yield name


def _split_at_joints(line: str) -> list[str]:
    """The line split at the words and signs between names, but not within "Jordi Serra i Pla" and "Ana Ortega y Gasset"."""
    pieces = _JOINT.split(line)
    for place in range(len(pieces) - 1, 0, -1):
        # Two surnames: behind a whole name, one word and nothing more.
        first, second = pieces[place - 1].strip(), pieces[place].strip()
        if " " in first and second and " " not in second:
            whole = next((one for joint in _SURNAME_JOINTS if (one := f"{first}{joint}{second}") in line), None)
            if whole is not None:
                pieces[place - 1 : place + 1] = [whole]
    return pieces


def _at_onto_joint(piece: str) -> list[str]:
    """Two whole names, the second of which has "and" written onto it, as Arabic and Hebrew do."""
    words = piece.split()
    for place in range(2, len(words) - 1):
        word = words[place]
        if len(word) > 2 and word.startswith(_ONTO_JOINTS) and folded(word) not in _ONTO_JOINT_NAMES:
            rest = " ".join([word[1:], *words[place + 1 :]])
            return [" ".join(words[:place]), *_at_onto_joint(rest)]
    return [piece]


def _is_role_first(part: str) -> bool:
    """Whether a part behind a name begins with a role, in a script without capitals: "مراسلة الشؤون البحرية" is no name."""
    word = part.split()[0]
    return word[0].lower() == word[0].upper() and folded(word) in _ROLES


def _without_agency(name: str) -> str:
    """Without an agency behind a whole name: "Ann Keel Associated Press"."""
    words = name.split()
    for count in range(1, min(3, len(words) - 2) + 1):
        if is_agency(" ".join(words[-count:])):
            return " ".join(words[:-count])
    return name


def _without_role(name: str) -> str:
    """The name without a role: "Sam Stein Senior Politics Editor" → "Sam Stein". A role alone stays, since it is not a name."""
    words = name.split()
    role = next((place for place, word in enumerate(words) if folded(word) in _ROLES), None)
    if role and all(word.islower() for word in words[:role]):
        words, role = words[role:], 0  # "our correspondent Ann Keel"
    if role is None and (begun := _ROLE_BEFORE.match(name)):
        return name[begun.end() :]
    if role == 0:
        # "Reporter Ann Keel"
        behind = next((place for place, word in enumerate(words) if folded(word) not in _ROLES), len(words))
        return " ".join(words[behind:]) if len(words) - behind >= 2 else name
    if role is None or role < 2:
        return name
    end = 3 if len(words) > 3 and (len(words[1].rstrip(".")) == 1 or words[1].lower() in PARTICLES) else 2
    return " ".join(words[: min(end, role)])


def _joined(line: str) -> bool:
    """Whether the claim seems to contain several names: parts that are each names of two or more words."""
    parts = [part for piece in _JOINT.split(line) for part in _by_commas(piece)]
    return len(parts) > 1 and all(len(part.split()) >= 2 and _is_name(part, shown=True) for part in parts)


def _by_commas(piece: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"(?<!\s)\s*+[,،，]\s*+", piece) if part.strip()]
    # "Keel, Ann" is one name, the surname first.
    if len(parts) == 2 and all(len(part.split()) == 1 for part in parts) and not has_unspaced(piece):
        return [piece.strip()]
    return parts


def _without_label(line: str) -> str:
    for _ in range(3):
        shorter = BEFORE.sub("", LABEL.sub("", line, count=1), count=1)
        if shorter == line:
            break
        line = shorter
    return line


def _is_name(name: str, *, shown: bool) -> bool:
    if not name or len(name) > (_MAX_NAME_CHARS if shown else 120) or not any(char.isalpha() for char in name):
        return False
    flat = folded(name)
    if flat in _NO_NAMES or flat in _LABELS:
        return False
    if not shown:
        return True
    words = _DUTCH.sub(" van ", name).split()
    if len(words) > _MAX_NAME_WORDS or any(char.isdigit() for char in name) or name[-1] in "!?…:":
        return False
    if {folded(word) for word in words} & _ROLES or "’s" in name or "'s" in name:
        return False
    if all(folded(word) in _NO_NAMES for word in words) or role_of(name) != "unknown":
        return False
    # Names are written with capitals in scripts that have them; small words ("de", "van", "bin") may stand between.
    # Georgian has capitals, but not in names.
    cased = [
        word
        for word in words
        if word[:1].isalpha() and word[:1].lower() != word[:1].upper() and not "\u10d0" <= word[0] <= "\u10ff"
    ]
    return (
        not cased
        or all(word[:1].isupper() or word.lower() in PARTICLES or _is_elided(word) for word in cased)
        or (len(words) == 1 and len(name) > 2)
    )


def _is_elided(word: str) -> bool:
    found = _ELIDED.match(word)
    return found is not None and word[found.end()].isupper()
