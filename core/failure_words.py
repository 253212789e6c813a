"""Words for what went wrong with a feed or a page, by kind. The desk translates them; English messages show what happened."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import FailureKind
from core.saying import Said, saying

FAILURES: Mapping[str, Said] = {
    FailureKind.URL: saying("the address can't be used"),
    FailureKind.REFUSED: saying("connections to the host's address are not allowed"),
    FailureKind.NAME: saying("the host's name can't be resolved"),
    FailureKind.CONNECTION: saying("no connection"),
    FailureKind.TIMEOUT: saying("no answer in time"),
    FailureKind.TOO_LARGE: saying("the answer is too large"),
    FailureKind.REDIRECTS: saying("too many redirects"),
    FailureKind.HTTP_3XX: saying("the server redirects without an address"),
    FailureKind.HTTP_4XX: saying("the server refuses the request"),
    FailureKind.HTTP_5XX: saying("the server reports an error"),
    FailureKind.BODY: saying("the answer can't be read"),
    FailureKind.NO_FEED: saying("the answer is not a feed"),
    FailureKind.HTML: saying("the answer is a web page, not a feed"),
    FailureKind.NO_PAGE: saying("the answer is not a web page"),
    FailureKind.ROBOTS: saying("the site's robots.txt disallows it"),
    FailureKind.ROBOTS_UNREAD: saying("the site's robots.txt can't be read"),
    FailureKind.ELSEWHERE: saying("the page is at another host"),
    FailureKind.INTERNAL: saying("the connector itself failed"),
    FailureKind.OTHER: saying("another failure"),
}
WALLS: Mapping[str, Said] = {
    "age": saying("age check"),
    "robot": saying("robot check"),
    "consent": saying("cookie consent"),
    "login": saying("sign-in page"),
    "subscription": saying("paywall"),
    "not_found": saying("page not found"),
    "app": saying("advertises an app"),
    "script": saying("needs JavaScript"),
    "blocked": saying("access blocked"),
    "shell": saying("empty page"),
    "repeated": saying("the same text at other addresses"),
}
"""What publishers show instead of an article, for all kinds of ``Article.wall``."""


def failure(kind: str | None, detail: str | None) -> str | Said:
    """A failure of this kind: in English its detail alone, in other languages the words for the kind and the detail."""
    if kind is None or kind not in FAILURES or not detail:
        return detail or ""
    both = saying("%(words)s (%(detail)s)", words=FAILURES[kind], detail=detail)
    return Said(both.sentence, both.values, plain=detail)


def wall(kind: str) -> str | Said:
    """The words for a kind of wall."""
    return WALLS.get(kind, kind)
