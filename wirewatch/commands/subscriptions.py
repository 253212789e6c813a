"""``wirewatch subscriptions``: stored queries that raise alerts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pipeline.errors import InputError, QueryError, UsageError
from pipeline.query import parse
from pipeline.records import Subscription
from pipeline.settings import load_settings
from pipeline.store import QueryShelf, open_store
from wirewatch import console

app = typer.Typer(help="Subscriptions: stored queries that raise alerts.", no_args_is_help=True, rich_markup_mode=None)


@app.command("add")
def add(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The query.")],
    identity: Annotated[str, typer.Option("--id", help="Its id; saving under an id again makes a new version.")],
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    owner: Annotated[str, typer.Option(help="Whose it is.")] = "",
) -> None:
    """Store a query. It holds from now on; the running pipeline takes it up within seconds."""
    parse(query)
    _save(context, [Subscription(id=identity, query=query, name=name, owner=owner)])


@app.command("import")
def import_file(context: typer.Context, file: Annotated[Path, typer.Argument(help="JSON Lines.")]) -> None:
    """Store the queries of a file; lines are {"id", "query", "name"?, "owner"?}. All or none."""
    _save(context, read_subscriptions(file))


@app.command("list")
def list_all(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False
) -> None:
    """List the newest version of each subscription."""
    with_store = open_store(load_settings(context.obj).store)
    newest = {one.id: one for one in QueryShelf(with_store).read(now_ms=console.now_ms()).subscriptions}
    if as_json:
        for one in newest.values():
            typer.echo(msgspec.json.encode(one).decode())
        return
    table = Table("id", "version", "name", "owner", "query", box=None, header_style="bold")
    for one in newest.values():
        table.add_row(one.id, str(one.version), one.name, one.owner, one.query)
    console.out.print(table)


def _save(context: typer.Context, subscriptions: Sequence[Subscription]) -> None:
    store = open_store(load_settings(context.obj).store)
    count = QueryShelf(store).save_subscriptions(subscriptions, now_ms=console.now_ms())
    console.note(f"{count} saved, {len(subscriptions) - count} as they were")


def read_subscriptions(file: Path) -> list[Subscription]:
    """The subscriptions of a JSON Lines file. Raises UsageError naming the line, QueryError with the position."""
    found: dict[str, Subscription] = {}
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        where = f"{file}:{number}"
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=Subscription)
            parse(one.query)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(str(InputError(where, str(error).replace("`$.", "`")))) from error
        except QueryError as error:
            console.err.print(f"{where}: query {one.id!r}:", style="bold", markup=False)
            raise error from None
        if one.id in found:
            raise UsageError(f"{where}: the id {one.id!r} is there twice")
        found[one.id] = one
    return list(found.values())
