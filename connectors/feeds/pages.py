"""A poll's round over the pending items: fetches the pages that are due, as far as pace and budget allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from connectors.base import PageFailure
from connectors.feeds import decide
from connectors.feeds.cursor import ItemState
from connectors.feeds.identity import is_front_page
from connectors.feeds.items import FeedItem
from connectors.http.body import NotUnpacked, unpacked
from connectors.http.client import PAGE_BYTES, Failure, Fetched, Http
from connectors.http.pacing import HostPacing, host_of
from connectors.http.robots import Robots
from core.charset import binary_kind
from core.errors import FailureKind
from core.records import RawArticle, to_ms

_ACCEPT = "text/html, application/xhtml+xml, */*;q=0.5"
_KINDS = frozenset({"", "text/html", "application/xhtml+xml", "text/plain", "text/xml", "application/xml"})
_BATCH_BYTES = 32 << 20
_WITHOUT_FETCH = 200
_LEAST_PAUSE_S = 30.0

MakeArticle = Callable[[FeedItem, ItemState, Fetched | Failure | None, datetime], RawArticle]


def rest_host(pacing: HostPacing, url: str, failure: Failure, now: datetime) -> None:
    """Stop requests to an overloaded host (429, 503) for as long as it asks for, at least 30 s."""
    if failure.status in (429, 503):
        wait_s = max(failure.retry_after_s or 0.0, _LEAST_PAUSE_S)
        pacing.slow_down(url, now + timedelta(seconds=wait_s))


class PageRound:
    """After ``collect``, ``items`` holds the new states, ``failures`` the pages that could not be fetched."""

    def __init__(
        self,
        items: Mapping[str, ItemState],
        *,
        http: Http,
        pacing: HostPacing,
        policy: decide.FeedPolicy,
        make: MakeArticle,
        moment: Callable[[], datetime],
        robots: Robots | None = None,
    ) -> None:
        self._before, self._changed = items, dict[str, ItemState]()
        self.failures: list[PageFailure] = []
        self.given_up = 0
        self.fetches = 0
        self._http, self._pacing, self._policy, self._make, self._moment = http, pacing, policy, make, moment
        self._robots = robots

    @property
    def items(self) -> Mapping[str, ItemState]:
        """The states after this round; the given ones themselves if nothing changed."""
        return {**self._before, **self._changed} if self._changed else self._before

    def collect(self) -> list[RawArticle]:
        """Fetch the due pages and return the articles, in the order of appending."""
        began = self._moment()
        budget = timedelta(seconds=self._policy.poll_budget_s)
        articles: list[RawArticle] = []
        size = others = 0
        for key in decide.due_pages(self._before, to_ms(began)):
            state, now = self._before[key], self._moment()
            item = state.item
            if item is None or others >= _WITHOUT_FETCH or size > _BATCH_BYTES:
                break
            page: Fetched | Failure | None = None
            if item.fetchable:
                if self.fetches >= self._policy.pages_per_poll or now - began > budget:
                    break
                page = self._refused(item.url, now)
                if page is None:
                    if not self._pacing.take(item.url, now):
                        continue
                    self.fetches += 1
                    page = self._fetch(item.url, now)
                    size += len(page.body) if isinstance(page, Fetched) else 0
            else:
                others += 1
            if article := self._settle(key, state, item, page, self._moment()):
                articles.append(article)
        return articles

    def _refused(self, url: str, now: datetime) -> Failure | None:
        """Why the site's robots.txt disallows the page, or None. It is fetched once a day, as a request like any other."""
        if self._robots is None:
            return None
        if not self._robots.known(url, now):
            if not self._pacing.take(url, now):
                return None
            self.fetches += 1
            self._robots.load(url, now)
        return self._robots.refusal(url, now)

    def _may_follow(self, asked: str, now: datetime, url: str) -> Failure | None:
        """A page may be on another host than its link; then that host's robots.txt and pace apply too."""
        if host_of(url) == host_of(asked):
            robots = self._robots
            return robots.refusal(url, now) if robots and robots.known(url, now) else None
        if refused := self._refused(url, now):
            return refused
        unread = self._robots is not None and not self._robots.known(url, now)
        if not unread and self._pacing.take(url, now):
            return None
        wait_s = max((self._pacing.free_at(url) - now).total_seconds(), 0.0)
        words = f"is at {host_of(url)}, whose turn has not come"
        return Failure(url, words, FailureKind.ELSEWHERE, retry_after_s=wait_s)

    def _fetch(self, url: str, now: datetime) -> Fetched | Failure:
        answer = self._http.fetch(url, now=now, accept=_ACCEPT, may_follow=partial(self._may_follow, url, now))
        if isinstance(answer, Failure):
            rest_host(self._pacing, url, answer, now)
            return answer
        if is_front_page(answer.url) and not is_front_page(url):
            # Sites do so with pages that they no longer have or do not show here; all items would become one article.
            return Failure(answer.url, "redirects to the front page", FailureKind.NO_PAGE, status=answer.status)
        kind = (answer.content_type or "").partition(";")[0].strip().lower()
        if kind not in _KINDS:
            return Failure(answer.url, f"not a page but {kind[:60]}", FailureKind.NO_PAGE, status=answer.status)
        try:
            body = unpacked(answer.body, PAGE_BYTES)
        except NotUnpacked as error:
            return Failure(answer.url, str(error), FailureKind.BODY, status=answer.status)
        if not body.strip():
            return Failure(answer.url, "an empty page", FailureKind.BODY, status=answer.status)
        if what := binary_kind(body):
            return Failure(answer.url, f"not a page but {what}", FailureKind.NO_PAGE, status=answer.status)
        return replace(answer, body=body)

    def _settle(
        self, key: str, state: ItemState, item: FeedItem, page: Fetched | Failure | None, now: datetime
    ) -> RawArticle | None:
        failure = page if isinstance(page, Failure) else None
        if failure:
            if failure.kind is not FailureKind.ELSEWHERE:
                self.failures.append(PageFailure(failure.url, failure.problem, failure.kind))
            later = decide.page_failed(state, failure, to_ms(now), self._policy)
            if later is not None:
                self._changed[key] = later
                return None
            self.given_up += 1
        self._changed[key] = decide.settled(state, to_ms(now), failure)
        return self._make(item, state, page, now)
