"""What answers while somebody types a query: lint and backtest, explain on an article, other vendors' queries in ours."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Response
from starlette.responses import HTMLResponse

from core.errors import QueryError, UsageError
from core.query import Document, document_of, explain, parse
from core.query.importing import DIALECTS, import_query
from core.records import Subscription, article_id
from desk.people.roles import Role
from desk.use_cases.query_preview import tried
from desk.use_cases.subscriptions import changed
from desk.views.subscription_forms import changes_of
from desk.views.trials import DAYS, Trial
from desk.web.deps import Desk, TheDesk
from desk.web.forms import TheForm
from desk.web.guard import allow
from desk.web.pages.search import index_of
from desk.web.render import Clock, fragment

router = APIRouter(include_in_schema=False)
QueryText = Annotated[str, Form(max_length=20_000)]
LONGEST_EXPLAINED = 200_000


@router.post("/subscriptions/check")
@allow(Role.EDITOR)
def check(desk: TheDesk, form: TheForm) -> Response:
    """A part of the editor: what is wrong with the query, and what it would have brought in the last 30 days."""
    identity = form.get("id", [""])[-1] if "new" not in form else ""
    stored = desk.queries.newest(identity) if identity else None
    stored = stored if stored is not None and stored.active else None
    begun = stored or Subscription(id="new", query="")
    try:
        wanted = changed(begun, changes_of(form))
    except UsageError as error:
        return _part("_trial.html", desk, trial=Trial(problem=error.message), days=DAYS)
    if not wanted.query:
        return _part("_trial.html", desk, trial=Trial(), days=DAYS)
    found = tried(index_of(desk), wanted, stored, desk.follower.outlets, now_ms=desk.clock_ms())
    return _part("_trial.html", desk, trial=found, days=DAYS)


@router.post("/subscriptions/explain")
@allow(Role.EDITOR)
def explain_on(
    desk: TheDesk, query: QueryText, document: Annotated[str, Form(max_length=LONGEST_EXPLAINED)]
) -> Response:
    """A part of the editor: which clauses hold on an article (its address or id), or on a pasted text."""
    problem, explanation, on = "", None, ""
    try:
        parsed = parse(query)
        on, subject = _document(desk, document.strip())
        explanation = explain(parsed, subject)
    except QueryError as error:
        problem = f"The query can't be read: {error.problem}"
    except UsageError as error:
        problem = error.message
    except OverflowError:
        problem = "This text has too many places that could match."
    return _part("_explanation.html", desk, explanation=explanation, problem=problem, on=on)


@router.post("/subscriptions/translate")
@allow(Role.EDITOR)
def translate(desk: TheDesk, query: QueryText, dialect: Annotated[str, Form(max_length=20)]) -> Response:
    """A part of the editor: another vendor's query in our language, and what reads differently."""
    if dialect not in DIALECTS:
        return _part("_translated.html", desk, problem=f"There is no dialect {dialect!r}.", pointer="", made=None)
    try:
        made = import_query(query.strip(), dialect)
        parse(made.query)
    except QueryError as error:
        return _part("_translated.html", desk, problem=error.problem, pointer=error.pointer(), made=None)
    return _part("_translated.html", desk, problem="", pointer="", made=made)


def _document(desk: Desk, text: str) -> tuple[str, Document]:
    """What is meant: a stored article, or the text itself (its first line the title). Raises UsageError."""
    if not text:
        raise UsageError("Paste an article's address, its id, or a text.")
    single = "\n" not in text and " " not in text
    address = single and urlsplit(text).scheme in ("http", "https")
    if single and (address or len(text) == len(article_id("https://a.example/"))):
        row = desk.reader.article(article_id(text) if address else text)
        if row is None and address:
            raise UsageError("That article is not stored.")
        if row is not None:
            return row.article.title, document_of(row.article)
    title, _, body = text.partition("\n")
    return "the pasted text", Document(title, body)


def _part(template: str, desk: Desk, **values: object) -> Response:
    return HTMLResponse(fragment(template, clock=Clock(desk), **values))
