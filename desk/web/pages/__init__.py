"""The desk's pages, one module each. A new page: a module with a ``router``, and its router here."""

from desk.web.pages import account, article, coverage, discovery, live, people, sign_in, story, streaming

ROUTERS = (
    live.router,
    streaming.router,
    story.router,
    article.router,
    coverage.router,
    discovery.router,
    sign_in.router,
    account.router,
    people.router,
)

__all__ = ["ROUTERS"]
