"""``make messages``: the sentences of the desk's code, templates and scripts, into the catalogues of ``desk/languages``.

Sentences that are new are added without a translation, those that are no longer said are removed, the rest stays as it is.
"""

from __future__ import annotations

import io
import sys
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import write_po

from desk.language import FOLDER, LANGUAGES, SOURCE, read_catalogue

ROOT = Path(__file__).parents[2]
_METHODS = [
    ("**.py", "python"),
    ("web/templates/**.html", "jinja2"),
    ("delivery/templates/**.html", "jinja2"),
    ("delivery/templates/**.txt", "jinja2"),
    ("web/static/**.js", "javascript"),
]
_JINJA = {"extensions": "jinja2.ext.i18n", "silent": "false", "trimmed": "true", "newstyle_gettext": "true"}
_OPTIONS = {
    "**.py": {},
    "web/templates/**.html": _JINJA,
    "delivery/templates/**.html": _JINJA,
    "delivery/templates/**.txt": _JINJA,
    "web/static/**.js": {},
}
_HEADER = """# The desk in {name}. "make messages" adds and removes sentences; a test fails for one without a translation.
msgid ""
msgstr ""
"Language: {code}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


@cache
def extracted() -> Catalog:
    """All sentences that the desk says, with the files that say them."""
    found = Catalog(charset="utf-8")
    keywords = DEFAULT_KEYWORDS | {"N_": None, "saying": None, "counting": (1, 2)}
    for part in ("desk", "core", "connectors"):
        for path, _, message, comments, context in extract_from_dir(
            ROOT / part, _METHODS, _OPTIONS, keywords, comment_tags=("For translators:",)
        ):
            found.add(message, None, [(f"{part}/{path}", 0)], auto_comments=comments, context=context)
    return found


def updated(code: str) -> str:
    """The catalogue of a language with the sentences of today, as the text of its file."""
    known = read_catalogue(code) if code in LANGUAGES else Catalog(locale=code)
    made = Catalog(locale=code)
    for message in extracted():
        if message.id:
            before = known.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
            kept = (
                before.string
                if before is not None and isinstance(before.id, str) == isinstance(message.id, str)
                else None
            )
            made.add(message.id, kept, sorted(set(message.locations)), context=message.context)
    body = io.BytesIO()
    write_po(body, made, width=0, sort_by_file=True, include_lineno=False, omit_header=True)
    language = Locale.parse(code).english_name
    return _HEADER.format(name=language, code=code, plurals=known.plural_forms) + body.getvalue().decode()


def main() -> None:
    """Bring all catalogues up to date, and begin those whose codes are given."""
    for code in sorted({*LANGUAGES, *sys.argv[1:]} - {SOURCE}):
        place = FOLDER / code / "desk.po"
        text = updated(code)
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
