"""``wirewatch replay``: a stretch of the past through today's pipeline, as a run of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from core.errors import UsageError
from core.records import from_ms, to_ms
from core.settings import Settings, load_settings
from core.store import Store, StoreReader, open_store
from pipeline.replay.runs import FINISHED, Replay, ReplayRepository
from wirewatch.commands.services import stop_on_signals
from wirewatch.replay.spec import (
    ARCHIVE,
    STORE,
    STREAM,
    ReplaySpec,
    begin_replay,
    check_name,
    digest_of,
    parse_speed,
    scope_of,
)
from wirewatch.terminal import console, json_lines
from wirewatch.terminal.moments import desk_zone, parse_moment

TELL_EVERY_S = 1.0


def replay(
    context: typer.Context,
    name: Annotated[str, typer.Option("--run", help="Name of the run; the same name and options go on with it.")],
    since: Annotated[
        str, typer.Option("--from", help="2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, 7d (ago); none: all.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="As --from; the time itself is left out.")] = "now",
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="stream, archive, store, or a file or folder (.warc.gz, .jsonl, feeds, pages); may be repeated."
        ),
    ] = None,
    speed: Annotated[str, typer.Option(help="60x: sixty times as fast as it was; max: at once.")] = "max",
    topics: Annotated[
        Path | None, typer.Option(help="A topic file or folder, in force from the beginning beside the stored ones.")
    ] = None,
    subscriptions: Annotated[
        Path | None, typer.Option(help="Subscriptions, in force from the beginning instead of the stored ones.")
    ] = None,
    of: Annotated[str, typer.Option(help="The run that is replayed (default: the continuous one).")] = "",
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with an empty memory, also in mid-run.")] = False,
    deliver: Annotated[bool, typer.Option("--deliver", help="Also send results to the output streams.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Progress and result as JSON Lines.")] = False,
) -> None:
    """Replay the past with original event times, beside the live run. Stopped at any moment, the same command goes on."""
    settings = load_settings(context.obj)
    check_name(name, settings.run)
    factor = parse_speed(speed)
    now = console.utc_now()
    sources = tuple(source or [STREAM])
    zone = desk_zone(settings)
    begin = to_ms(parse_moment(since, now, zone)) if since else 0
    end = to_ms(parse_moment(until, now, zone))
    if begin >= end:
        raise UsageError(f"--from {since or 'the beginning'} is not before --to {until}")
    for one in sources:
        if one.partition(":")[0] not in (STREAM, ARCHIVE, STORE) and not Path(one).exists():
            raise UsageError(f"{one}: no such file or folder", hint="--source also takes stream, archive and store")
    machine = json_lines.wanted(as_json=as_json)
    stop = stop_on_signals()
    store = open_store(settings.store)
    try:
        wanted = ReplaySpec(
            since=since,
            until=until,
            sources=tuple(str(Path(one).absolute()) if Path(one).exists() else one for one in sources),
            of=of or settings.run,
            seeded=not fresh,
            topics=digest_of(topics),
            subscriptions=digest_of(subscriptions),
            deliver=deliver,
            scope=name if topics or subscriptions else scope_of(store, of or settings.run),
        )
        book = ReplayRepository(store)
        row = book.get(name)
        if row is None:
            row = begin_replay(
                settings,
                store,
                name,
                wanted,
                (begin, end),
                topics,
                subscriptions,
                now_ms=console.now_ms(),
                say=lambda words: console.note(words, "yellow"),
            )
        else:
            changed = msgspec.json.decode(row.spec, type=ReplaySpec).differences(wanted)
            if changed:
                raise UsageError(
                    f"run {name!r} was begun with other options ({', '.join(changed)})",
                    hint=f"give the same, take another name, or wirewatch runs drop {name}",
                )
        if row.state == FINISHED:
            console.note(f"{name} is finished already; wirewatch runs drop {name} lets it begin anew", "yellow")
            _result(store, row, machine=machine, seconds=0.0, handled=0)
            return
        _go(settings, store, row, wanted, factor, stop.is_set, stop.wait, machine=machine)
    finally:
        store.close()


def _go(
    settings: Settings,
    store: Store,
    row: Replay,
    spec: ReplaySpec,
    factor: float | None,
    stopped: Callable[[], bool],
    pause: Callable[[float], object],
    *,
    machine: bool,
) -> None:
    # They load Beam, which takes seconds.
    from pipeline.drivers.replay import Pace, ReplayRun
    from pipeline.drivers.replay import Progress as Stand
    from wirewatch.replay.sources import Sources

    done = StoreReader(store, row.name).count_outcomes().total()
    row = msgspec.structs.replace(row, done=done)
    run = ReplayRun(
        store, settings.store, row, scope=spec.scope, processes=settings.extraction_processes, now_ms=console.now_ms()
    )
    sources = Sources(settings, store, spec.sources, of=spec.of, name=row.name, span=(row.from_ms, row.to_ms))
    began = time.monotonic()
    with _bar(machine=machine) as bar:
        try:
            indexing = bar.add_task("indexing", total=None, rate="", when="")
            history = sources.history(run.after_ms, console.now_ms, lambda count: bar.update(indexing, completed=count))
            bar.update(indexing, visible=False)
            for note in sources.notes:
                console.note(note, "yellow")
            if sources.no_claim and not row.no_claim:
                ReplayRepository(store).note(row.name, no_claim=sources.no_claim)
            if done:
                console.note(f"going on behind {done} records")
            task = bar.add_task(row.name, total=None, completed=done, rate="", when="")
            bar.update(task, total=None if history.total is None else done + history.total)
            told = [began]

            def show(stand: Stand) -> None:
                seconds = time.monotonic() - began
                when = f"{from_ms(stand.time_ms):%Y-%m-%d %H:%M:%S}" if stand.time_ms else ""
                rate = (stand.done - done) / max(seconds, 0.001)
                bar.update(task, completed=stand.done, rate=f"{rate:.1f}/s", when=when)
                if machine and time.monotonic() - told[0] >= TELL_EVERY_S:
                    told[0] = time.monotonic()
                    left = None if stand.total is None or not rate else round((stand.total - stand.done) / rate, 1)
                    line = {
                        "run": row.name,
                        "done": stand.done,
                        "total": stand.total,
                        "rate": round(rate, 1),
                        "left_s": left,
                    }
                    json_lines.put(line | {"event_time": when or None})

            with _relay(settings, store, row) as relay:
                pace = Pace(factor, time.monotonic)
                row = run.run(
                    history,
                    pace=pace,
                    stop=stopped,
                    pause=pause,
                    clock_ms=console.now_ms,
                    progress=show,
                    after=relay,
                )
        finally:
            sources.close()
    _result(store, row, machine=machine, seconds=time.monotonic() - began, handled=row.done - done)
    if row.state != FINISHED:
        console.note("stopped; the same command goes on from here", "yellow")
        raise typer.Exit(130)


@contextmanager
def _relay(settings: Settings, store: Store, row: Replay) -> Iterator[Callable[[], object]]:
    """What sends results on, if that was asked for."""
    if not row.delivers:
        yield lambda: None
        return
    from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox
    from core.streams import create_stream
    from pipeline.relay import Relay

    names = (ENRICHED, ALERTS, REJECTED)
    streams = {name: create_stream(settings.stream, name, settings.partitions) for name in names}
    relay = Relay(Outbox(store, f"relay-{row.name}"), streams, console.now_ms)
    try:
        yield relay.pump
        relay.pump()
    finally:
        for stream in streams.values():
            stream.close()


def _result(store: Store, row: Replay, *, machine: bool, seconds: float, handled: int) -> None:
    reader = StoreReader(store, row.name)
    counts, alerts = reader.count_outcomes(), sum(1 for _ in reader.alerts())
    rate = round(handled / seconds, 1) if seconds and handled else None
    spec = msgspec.json.decode(row.spec, type=ReplaySpec)
    if machine:
        line = {
            "run": row.name,
            "state": row.state,
            "done": row.done,
            "total": row.total,
            "rate": rate,
            "outcomes": counts,
        }
        line |= {"alerts": alerts, "equal_to": None if row.no_claim else spec.of, "no_claim": row.no_claim}
        json_lines.put(line)
        return
    ends = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"
    pace = f", {rate:g} a second" if rate else ""
    console.note(f"{row.name}: {counts.total()} records: {ends}; {alerts} alerts{pace}", "bold green")
    if row.no_claim:
        console.note(f"no equality with {spec.of!r} is claimed: {row.no_claim}", "yellow")
    else:
        console.note(f"the same as {spec.of!r} in that time; wirewatch runs diff {spec.of} {row.name} looks")


def _bar(*, machine: bool) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[when]}", style="dim"),
    )
    return Progress(*columns, console=console.err, transient=True, disable=machine or not console.err.is_terminal)
