"""The API under ``/api/v1``: what the desk shows, for programs. Errors are problem+json; long lists come by cursor."""

from desk.web.api import articles, feeds, index, search, stories, stream, subscriptions

ROUTERS = (
    articles.router,
    stories.router,
    subscriptions.router,
    feeds.router,
    search.router,
    stream.router,
    index.router,
)

__all__ = ["ROUTERS"]
