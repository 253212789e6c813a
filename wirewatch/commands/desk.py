"""``wirewatch desk`` and ``people``: the web application for the newsroom, and who may use it."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import sys
from dataclasses import replace
from datetime import UTC
from typing import Annotated

import typer

from core.errors import UsageError
from core.net.serving import listening_socket
from core.records import from_ms
from core.settings import Settings, load_settings
from core.store import Store, open_store
from desk.people.accounts import COMMAND_LINE, Accounts
from desk.people.addresses import is_loopback
from desk.people.roles import Role
from desk.people.store import PeopleStore
from desk.use_cases.accounts import accounts_of
from wirewatch import console
from wirewatch.commands.options import JsonLines, reads_store
from wirewatch.monitoring.probes import Probes
from wirewatch.starting import store_of
from wirewatch.supervisor import SUPERVISED, stop_on_signals

CLOSING_S = 3

app = typer.Typer()
people = typer.Typer(
    name="people",
    help="Manage who may use the desk: accounts, roles, passwords, API tokens.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(people)
Name = Annotated[str, typer.Argument(help="The person's name.")]


@app.command("desk")
def desk(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on (default: setting desk_host).")] = "",
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0: any free one (default: setting desk_port).", min=0, max=65_535),
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", hidden=True, help="Only for wirewatch up --demo.")] = False,
) -> None:
    """Serve the desk until stopped: live stories, search, subscriptions, coverage, and the API."""
    settings = load_settings(context.obj)
    settings = replace(
        settings, desk_host=host or settings.desk_host, desk_port=settings.desk_port if port is None else port
    )
    if demo and not (is_loopback(settings.desk_host) and os.environ.get(SUPERVISED)):
        raise UsageError(
            "--demo has no sign-in: it is only for wirewatch up --demo", hint="wirewatch up --demo starts it"
        )
    console.configure_service("desk", settings)
    listening = listen(settings)
    _serve(settings, listening, demo=demo)


def _serve(settings: Settings, listening: socket.socket, *, demo: bool) -> None:
    if not os.environ.get(SUPERVISED):
        console.note("the desk starts …")
    # Imported here so that other commands don't load a web server.
    import uvicorn

    from core.search import SearchIndex, search_folder
    from desk.web.app import create_app
    from desk.web.connections import patient_protocol
    from pipeline.malloc import settle
    from wirewatch.desk import desk_of

    stop = stop_on_signals()
    probes = Probes("desk", settings.desk_host, 0, listening=listening.dup())
    store = store_of(settings, stop, probes.waits)
    if not demo:
        _check_accounts(settings, store)
        if settings.desk_public_url.startswith("https://") and not settings.desk_proxies:
            console.note(
                "desk_proxies is empty: behind your proxy, all sign-ins seem to come from one address", "yellow"
            )
    made = desk_of(settings, store, search=SearchIndex.open(search_folder(settings), run=settings.run), demo=demo)
    app = create_app(made)
    probes.close()
    if not os.environ.get(SUPERVISED):
        # Under ``up`` the supervisor has already printed it.
        console.note(f"the desk is at {address(settings, listening.getsockname()[1])}; Ctrl-C ends it", "bold")
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=patient_protocol(),
            ws="none",
            # A warning for each request that is none would be a stranger's way to fill the log.
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # Open streams end on their own when the desk closes.
            timeout_graceful_shutdown=CLOSING_S,
        )
    )

    async def until_stopped() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        # uvicorn handles the signals once it serves.
        while not (serving.done() or stop.is_set() or server.should_exit):
            await asyncio.sleep(0.1)
        # Close streams and searches first: the server would wait for them.
        made.hub.close()
        server.should_exit = True
        await serving

    # Otherwise a full garbage collection, which looks at the objects of all modules, delays one page in some 150 by 0.1 s.
    settle()
    asyncio.run(until_stopped())
    made.close()


def _check_accounts(settings: Settings, store: Store) -> None:
    """Warn if there is no account yet. Raises UsageError if, in addition, other machines can reach the desk."""
    if settings.desk_proxy_header or PeopleStore(store).listing():
        return
    hint = "wirewatch people add NAME --role admin"
    if not is_loopback(settings.desk_host):
        store.close()
        raise UsageError(
            f"there is no account to sign in with, and other machines can reach {settings.desk_host}", hint=hint
        )
    console.note(f"there is no account to sign in with: {hint}", "yellow")


def address(settings: Settings, port: int | None = None) -> str:
    """The URL of the desk for people."""
    if settings.desk_public_url:
        return settings.desk_public_url
    host = "127.0.0.1" if settings.desk_host in ("0.0.0.0", "::") else settings.desk_host  # noqa: S104 - compared
    return f"http://{f'[{host}]' if ':' in host else host}:{port or settings.desk_port}/"


def free_port(wanted: int) -> int:
    """``wanted`` if that port is free on this machine, else another that is."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted


def listen(settings: Settings) -> socket.socket:
    """The listening socket of the desk. Raises UsageError."""
    try:
        return listening_socket(settings.desk_host, settings.desk_port)
    except OSError as error:
        raise UsageError(
            f"the desk can't listen on {settings.desk_host}:{settings.desk_port}: {error.strerror}",
            hint="choose others with --host and --port, or desk_host and desk_port",
        ) from error


@people.command("add")
def add_person(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="reader, editor or admin.")] = Role.READER,
    *,
    by_proxy: Annotated[
        bool, typer.Option("--by-proxy", help="No password: a reverse proxy signs the person in.")
    ] = False,
) -> None:
    """Add an account. Prompts for a password, or reads it as one line from standard input."""
    accounts = _accounts(context)
    if accounts.people.named(name) is not None:
        raise UsageError(f"there is already a person called {name}")
    accounts.add(name, role, None if by_proxy else _password(), COMMAND_LINE)
    console.note(f"{name} can now use the desk as {role}")


@people.command("list")
@reads_store
def list_people(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List all accounts."""
    accounts = _accounts(context).people.listing()
    if as_json:
        for one in accounts:
            line = {"name": one.shown, "role": one.role, "active": one.active, "created": from_ms(one.created_ms)}
            console.put(line | {"password": one.password is not None})
        return
    table = console.table("name", "role", "account", "signs in by", "since")
    for one in accounts:
        since = f"{from_ms(one.created_ms).astimezone(UTC):%Y-%m-%d}"
        by = "password" if one.password else "proxy"
        table.add_row(one.shown, one.role, "open" if one.active else "closed", by, since)
    console.out.print(table)
    if not accounts:
        console.note("no accounts yet: wirewatch people add NAME --role admin")


@people.command("role")
@reads_store
def set_role(
    context: typer.Context, name: Name, role: Annotated[Role, typer.Argument(help="reader, editor or admin.")]
) -> None:
    """Change a person's role, effective from their next request."""
    accounts = _accounts(context)
    accounts.set_role(accounts.known(name), role, COMMAND_LINE)
    console.note(f"{name} is now {role}")


@people.command("password")
@reads_store
def set_password(
    context: typer.Context,
    name: Name,
    *,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Keep the person's API tokens, feed addresses and devices.")
    ] = False,
) -> None:
    """Set a password, end the person's sessions, delete their API tokens and devices. Prompts, or reads a line of stdin."""
    accounts = _accounts(context)
    ended = accounts.set_password(accounts.known(name), _password(), COMMAND_LINE, keep_tokens=keep_tokens)
    gone = f"; {ended} of their API tokens and feed addresses deleted (--keep-tokens keeps them)" if ended else ""
    console.note(f"the password of {name} is set{gone}")


@people.command("close")
@reads_store
def close_account(
    context: typer.Context, name: Name, *, again: Annotated[bool, typer.Option("--open", help="Reopen it.")] = False
) -> None:
    """Close a person's account: sessions, tokens and notifications end at once."""
    accounts = _accounts(context)
    accounts.set_active(accounts.known(name), active=again, by=COMMAND_LINE)
    console.note(f"the account of {name} is {'open' if again else 'closed'}")


@people.command("token")
@reads_store
def make_token(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Option("--for", help="What the token is for.")] = "command line",
    scope: Annotated[str, typer.Option(help="read or write.")] = "read",
    days: Annotated[int, typer.Option(help="Days until it expires; 0: never.", min=0, max=3_650)] = 90,
) -> None:
    """Create an API token for a person's program. It is printed only once."""
    accounts = _accounts(context)
    typer.echo(accounts.make_token(accounts.known(name), label, scope, days or None, COMMAND_LINE))


def _accounts(context: typer.Context) -> Accounts:
    return accounts_of(open_store(load_settings(context.obj).store), console.now_ms)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("Again: ") != first:
        raise UsageError("the two passwords differ")
    return first
