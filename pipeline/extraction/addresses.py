"""The address that a page declares for itself, if it is the fetched one without a form for print, AMP, mobiles or sharing.

``rel=canonical`` is the publisher's claim, and often wrong: it is accepted only on the same host, and only if the two
addresses differ only in such a form.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from core.records import canonical_url

# Parameters that select how an article is shown, with any value, and those that do so only with some values.
_FORMS = frozenset(
    {
        *(
            "print",
            "printable",
            "printview",
            "printversion",
            "print_version",
            "amp",
            "mobile",
            "m",
            "mob",
            "share",
            "shared",
            "sharing",
        ),
        *(
            "rss",
            "feed",
            "atom",
            "from_rss",
            "fromrss",
            "xml",
            "app",
            "webview",
            "lite",
            "nomobile",
            "desktop",
            "fullsite",
            "embed",
            "tmpl",
        ),
    }
)
_CHOICES = re.compile(
    r"(?:view|mode|format|output|outputtype|type|version|v|layout|tpl|template|theme|display|device|via|from|source|src|ref|referrer|do|action)="
    r"(?:print\w*|amp|mobile|m|share\w*|rss\w*|feed|atom|telegram|twitter|x|facebook|fb|whatsapp|viber|vk|linkedin|email|mail|app|lite|desktop)",
    re.IGNORECASE,
)
_PRINT_SCRIPT = re.compile(
    r"(?:\w{1,20}[_-])?(?:print|printable|printer|mobile|amp)(?:[_-]?\w{1,10})?\.\w{2,5}", re.IGNORECASE
)
_PATH_FORMS = re.compile(
    r"/(?:print|printable|amp|mobile|m|lite|share|rss|feed)(?=/|$)|(?:[._-](?:print|amp|mobile))(?=\.\w{2,5}$|$)",
    re.IGNORECASE,
)


def own_address(url: str, claimed: str | None) -> str:
    """The canonical form of the page's address: the claimed one if it is the same without a form, otherwise the fetched one."""
    fetched = canonical_url(url)
    if not claimed or len(claimed) > 2_000:
        return fetched
    try:
        own = canonical_url(urljoin(url, claimed.strip()))
        one, other = urlsplit(fetched), urlsplit(own)
    except ValueError:
        return fetched
    if own == fetched or one.netloc != other.netloc or _plain(own) != own:
        return fetched
    return own if _plain(fetched) == own or _is_printed_by(one, other) else fetched


def _is_printed_by(form: SplitResult, own: SplitResult) -> bool:
    """Whether a page of one folder shows the same article by a script for printing: print.php?id=7 and news.php?id=7."""
    folder, _, script = form.path.rpartition("/")
    own_folder, _, own_script = own.path.rpartition("/")
    return (
        folder == own_folder
        and form.query == own.query != ""
        and _PRINT_SCRIPT.fullmatch(script) is not None
        and own_script.rpartition(".")[2] == script.rpartition(".")[2]
    )


def _plain(address: str) -> str:
    """The address without parts that select a form."""
    parts = urlsplit(address)
    kept = [piece for piece in parts.query.split("&") if piece and not _is_form(piece)]
    path = _PATH_FORMS.sub("", parts.path) or "/"
    return canonical_url(f"{parts.scheme}://{parts.netloc}{path}" + (f"?{'&'.join(kept)}" if kept else ""))


def _is_form(piece: str) -> bool:
    name, _, value = piece.partition("=")
    if name.lower() == "page" and not value:
        return True
    name = name.lower()
    return name in _FORMS or _CHOICES.fullmatch(piece) is not None
