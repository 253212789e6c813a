"""``wirewatch stories``: editors' decisions about stories."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from core.counted import counted
from core.records.decision import CarriedOut
from core.settings import load_settings
from desk.people.accounts import By
from desk.use_cases import story_decisions
from desk.use_cases.stories import card_of
from wirewatch import console
from wirewatch.commands.options import JsonLines, me, reads_store
from wirewatch.desk import desk_at

app = typer.Typer()
stories = typer.Typer(
    name="stories",
    help="Join stories, split articles off, undo either.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(stories)
ByOption = Annotated[str, typer.Option("--by", help="Who decides (default: this machine's user).")]
Why = Annotated[str, typer.Option(help="The reason, stored with the decision.")]
MOST_ARTICLES = 200


@stories.command("join")
@reads_store
def join(
    context: typer.Context,
    story: Annotated[str, typer.Argument(help="The story that is merged into the other (id).")],
    into: Annotated[str, typer.Argument(help="The story that remains (id).")],
    by: ByOption = "",
    why: Why = "",
    *,
    as_json: JsonLines = False,
) -> None:
    """Merge a story into another. Articles that would have joined either join the one that remains; no alert is raised
    again.
    """
    _say(story_decisions.join(desk_at(load_settings(context.obj)), _by(by), story, into, why), as_json=as_json)


@stories.command("split")
@reads_store
def split(
    context: typer.Context,
    article: Annotated[str, typer.Argument(help="The article (id); its copies leave the story with it.")],
    by: ByOption = "",
    why: Why = "",
    *,
    as_json: JsonLines = False,
) -> None:
    """Make an article a story of its own. Subscriptions that match it and had no alert for it are alerted now."""
    _say(story_decisions.split(desk_at(load_settings(context.obj)), _by(by), article, why), as_json=as_json)


@stories.command("undo")
@reads_store
def undo(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(help="The decision's number, as wirewatch stories decisions shows it.", min=1)
    ],
    by: ByOption = "",
    why: Why = "",
    *,
    as_json: JsonLines = False,
) -> None:
    """Undo a decision. Later ones about the same stories must be undone first."""
    _say(story_decisions.undo(desk_at(load_settings(context.obj)), _by(by), number, why), as_json=as_json)


@stories.command("decisions")
@reads_store
def decisions(
    context: typer.Context,
    story: Annotated[str, typer.Option(help="Only those about this story (id).")] = "",
    limit: Annotated[int, typer.Option(help="Maximum number of decisions, newest first; 0: all.", min=0)] = 50,
    *,
    as_json: JsonLines = False,
) -> None:
    """List the decisions, newest first."""
    found = story_decisions.decisions(desk_at(load_settings(context.obj)), story=story, limit=limit)
    if not found:
        console.note("no decisions yet: wirewatch stories join, or the buttons of a story's page")
    if as_json:
        for one in found:
            console.put({"decision": one.decision, "undone": one.undone})
        return
    table = console.table("no.", "decided", "kind", "story", "into", "by", "reason", "undone")
    for one in found:
        it = one.decision
        table.add_row(
            str(it.number),
            f"{it.decided_at:%Y-%m-%d %H:%M}",
            it.kind,
            *map(Text, (it.story, it.into, it.by, it.why)),
            "undone" if one.undone else "",
        )
    console.out.print(table)


@stories.command("related")
@reads_store
def related(
    context: typer.Context,
    story: Annotated[str, typer.Argument(help="The story (id).")],
    *,
    as_json: JsonLines = False,
) -> None:
    """Show stories with a score close to this one's, and why: they may be the same story."""
    desk = desk_at(load_settings(context.obj))
    card = card_of(desk, story)
    articles = desk.reader.articles_of([card.id], each=MOST_ARTICLES).get(card.id, [])
    found = story_decisions.related(desk, card.id, articles)
    if not found:
        console.note("no similar story found")
    if as_json:
        for one in found:
            facts = {"score": one.near.score / 100, "reason": one.near.words}
            console.put({"story": one.card.id, "title": one.card.title, **facts})
        return
    table = console.table("story", "headline", "score", "reason")
    for one in found:
        table.add_row(Text(one.card.id), Text(one.card.title), f"{one.near.score / 100:.2f}", Text(one.near.words))
    console.out.print(table)


def _by(name: str) -> By:
    return By(name=name or me())


def _say(made: CarriedOut, *, as_json: bool) -> None:
    it = made.decision
    if as_json:
        console.put({"decision": it, "articles": made.articles, "alerts": made.alerts})
        return
    alerts = f"; {counted(made.alerts, 'missing alert')} raised" if made.alerts else ""
    articles = counted(made.articles, "article is", "articles are")
    console.note(f"decision {it.number}: {articles} now in story {it.into}{alerts}", "bold")
