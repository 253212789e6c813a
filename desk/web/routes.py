"""All routes of the desk, with their whole paths."""

from __future__ import annotations

from fastapi import APIRouter

from desk.web.api import articles, feeds, index, queries, search, shifts, stories, stream, subscriptions
from desk.web.pages import (
    account,
    article,
    channels,
    coverage,
    discovery,
    handover,
    health,
    live,
    people,
    query_tools,
    sign_in,
    story,
    streaming,
    subscription_files,
)
from desk.web.pages import alerts as alerts_page
from desk.web.pages import search as search_page
from desk.web.pages import subscriptions as subscriptions_page

ROUTERS: tuple[APIRouter, ...] = (
    live.router,
    streaming.router,
    story.router,
    article.router,
    search_page.router,
    subscriptions_page.router,
    subscription_files.router,
    query_tools.router,
    alerts_page.router,
    channels.router,
    handover.router,
    coverage.router,
    discovery.router,
    health.router,
    sign_in.router,
    account.router,
    people.router,
    articles.router,
    stories.router,
    subscriptions.router,
    feeds.router,
    search.router,
    queries.router,
    shifts.router,
    stream.router,
    index.router,
)
