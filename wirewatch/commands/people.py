"""``wirewatch people``: who may use the desk."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC
from typing import Annotated

import typer
from rich.table import Table

from core.errors import UsageError
from core.records import from_ms
from core.settings import load_settings
from core.store import open_store
from desk.people.directory import COMMAND_LINE, Directory
from desk.people.roles import Role
from wirewatch.terminal import console, json_lines

app = typer.Typer(
    help="People of the desk: accounts, roles, passwords, API tokens.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="The person's name.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="reader, editor or admin.")] = Role.READER,
    *,
    by_proxy: Annotated[bool, typer.Option("--by-proxy", help="No password: the reverse proxy signs them in.")] = False,
) -> None:
    """Let somebody in. Asks for a password; a program gives it on standard input, as one line."""
    directory = _directory(context)
    if directory.people.named(name) is not None:
        raise UsageError(f"there is a person called {name} already")
    directory.add(name, role, None if by_proxy else _password(), COMMAND_LINE)
    console.note(f"{name} may use the desk as {role}")


@app.command("list")
def list_all(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False
) -> None:
    """List all accounts."""
    people = _directory(context).people.listing()
    if json_lines.wanted(as_json=as_json):
        for one in people:
            line = {"name": one.shown, "role": one.role, "active": one.active, "created": from_ms(one.created_ms)}
            json_lines.put(line | {"password": one.password is not None})
        return
    table = Table("name", "role", "account", "signs in by", "since", box=None, header_style="bold")
    for one in people:
        since = f"{from_ms(one.created_ms).astimezone(UTC):%Y-%m-%d}"
        by = "password" if one.password else "proxy"
        table.add_row(one.shown, one.role, "open" if one.active else "closed", by, since)
    console.out.print(table)
    if not people:
        console.note("nobody yet: wirewatch people add NAME --role admin")


@app.command("role")
def role(
    context: typer.Context, name: Name, role: Annotated[Role, typer.Argument(help="reader, editor or admin.")]
) -> None:
    """Give somebody another role; it holds from their next click on."""
    directory = _directory(context)
    directory.set_role(directory.known(name), role, COMMAND_LINE)
    console.note(f"{name} is {role} now")


@app.command("password")
def password(context: typer.Context, name: Name) -> None:
    """Set somebody's password; their sessions end. Asks for it, or reads a line from standard input."""
    directory = _directory(context)
    directory.set_password(directory.known(name), _password(), COMMAND_LINE)
    console.note(f"the password of {name} is set")


@app.command("close")
def close(
    context: typer.Context, name: Name, *, again: Annotated[bool, typer.Option("--open", help="Open it again.")] = False
) -> None:
    """Close somebody's account: sessions and tokens end at once."""
    directory = _directory(context)
    directory.set_active(directory.known(name), active=again, by=COMMAND_LINE)
    console.note(f"the account of {name} is {'open' if again else 'closed'}")


@app.command("token")
def token(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Option("--for", help="What the token is for.")] = "command line",
    scope: Annotated[str, typer.Option(help="read or write.")] = "read",
    days: Annotated[int, typer.Option(help="Ends after so many days; 0: never.", min=0, max=3_650)] = 90,
) -> None:
    """Make an API token for somebody's program, and print it this once."""
    directory = _directory(context)
    typer.echo(directory.make_token(directory.known(name), label, scope, days or None, COMMAND_LINE))


def _directory(context: typer.Context) -> Directory:
    return Directory(open_store(load_settings(context.obj).store), clock_ms=console.now_ms)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("Again: ") != first:
        raise UsageError("these are two different passwords")
    return first
