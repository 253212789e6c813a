"""All routes of the desk, with their whole paths."""

from __future__ import annotations

from fastapi import APIRouter

from desk.web.api import articles, feeds, index, search, stories, stream, subscriptions
from desk.web.pages import account, article, coverage, discovery, live, people, sign_in, story, streaming
from desk.web.pages import search as search_page

ROUTERS: tuple[APIRouter, ...] = (
    live.router,
    streaming.router,
    story.router,
    article.router,
    search_page.router,
    coverage.router,
    discovery.router,
    sign_in.router,
    account.router,
    people.router,
    articles.router,
    stories.router,
    subscriptions.router,
    feeds.router,
    search.router,
    stream.router,
    index.router,
)
