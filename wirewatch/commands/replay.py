"""``wirewatch run``, ``replay`` and ``archive``: process files or past records, and keep an archive to replay from."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import TextColumn

from connectors.archives import read_path
from core import version
from core.counted import counted
from core.errors import UsageError, WirewatchError
from core.records import Outcome, OutcomeKind, from_ms
from core.settings import Settings, load_settings
from core.store import Store, StoreReader, open_store
from core.streams import open_stream
from core.streams.plans import raw_plan
from pipeline.ledger.ledger import RunLedger
from pipeline.replay.runs import FINISHED, Replay, ReplayRepository
from wirewatch import console
from wirewatch.commands.options import From, JsonLines, To, desk_zone, parse_period
from wirewatch.commands.search import note_doubts
from wirewatch.commands.subscriptions import read_subscriptions
from wirewatch.replay.spec import (
    ARCHIVE,
    STORE,
    STREAM,
    ReplaySpec,
    archive_dir,
    begin_replay,
    check_name,
    digest_of,
    parse_speed,
    pruned_since,
    remove_index,
    remove_indexes,
    scope_of,
    spec_of,
)
from wirewatch.starting import store_of, stream_of
from wirewatch.supervisor import stop_on_signals

app = typer.Typer()
# How many rejections are shown; outcomes.jsonl has all of them.
SHOWN_REJECTIONS = 20
PROGRESS_EVERY_S = 1.0
ARCHIVE_POLL_S = 600.0


@app.command("run")
def run(
    context: typer.Context,
    path: Annotated[
        Path, typer.Option("--input", help="A .jsonl, .warc, feed, .html or .txt file (also as .gz), or a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for enriched.jsonl, alerts.jsonl and outcomes.jsonl.")],
    subscriptions: Annotated[Path | None, typer.Option(help='JSON Lines: {"id", "query", "name"?}.')] = None,
    topics: Annotated[
        Path | None, typer.Option(help="A folder of topic files, used in addition to the built-in topics.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as a JSON line.")] = False,
) -> None:
    """Process articles from files, and write the results as JSON Lines. Exit 1 if every item is rejected."""
    settings = load_settings(context.obj)
    queries = read_subscriptions(subscriptions) if subscriptions else []
    for one in queries:
        note_doubts(one.query, one.id)
    items = read_path(path)
    from pipeline.drivers.bounded import BoundedRun, write_results
    from pipeline.drivers.pools import alone

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", hint="choose a writable folder") from error
    folder = Path(topics) if topics else Path(settings.topics_dir) if settings.topics_dir else None
    with tempfile.TemporaryDirectory(prefix="wirewatch-") as scratch, console.progress_bar() as progress:
        reading = progress.add_task("reading", total=None)
        with BoundedRun(
            Path(scratch),
            subscriptions=queries,
            topics_folder=folder,
            pool=alone(settings),
            vectors=settings.story_vectors,
            now_ms=console.now_ms(),
        ) as bounded:
            for item in items:
                if item.raw is not None:
                    bounded.add(item.raw, item.name)
                else:
                    bounded.add_problem(item.name, item.problem or "unreadable")
                progress.update(reading, completed=bounded.count)
            progress.update(reading, total=bounded.count, visible=False)
            if not bounded.count:
                raise WirewatchError(f"{path}: contains nothing to read", hint="wirewatch run --help lists the kinds")
            working = progress.add_task("articles", total=bounded.count)
            bounded.run(lambda done: progress.update(working, completed=done))
            try:
                write_results(bounded.reader, out, bounded.urls)
            except OSError as error:
                raise WirewatchError(f"{out}: {error.strerror}", hint="the results could not be written") from error
            counts, rejected, alerts = bounded.counts(), bounded.rejected(), sum(1 for _ in bounded.reader.alerts())
    if as_json:
        console.put({"items": sum(counts.values()), **counts, "alerts": alerts})
    _report(counts, rejected, alerts, out, bounded.urls)
    if counts[OutcomeKind.REJECTED] == counts.total():
        raise typer.Exit(1)


@app.command("replay")
def replay(
    context: typer.Context,
    name: Annotated[
        str, typer.Option("--run", help="Name of the run. The same name with the same options continues it.")
    ],
    since: From = "",
    until: To = "now",
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="stream (default), archive, store, or a file or folder (.warc.gz, .jsonl, feeds, pages); repeatable."
        ),
    ] = None,
    speed: Annotated[str, typer.Option(help="60x: 60 times real time; max: no pauses.")] = "max",
    topics: Annotated[
        Path | None,
        typer.Option(help="A topic file or folder, in force from the beginning, in addition to the stored topics."),
    ] = None,
    subscriptions: Annotated[
        Path | None,
        typer.Option(help="A file of subscriptions, in force from the beginning, in place of the stored ones."),
    ] = None,
    of: Annotated[str, typer.Option(help="The run to replay (default: the continuous one).")] = "",
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start without the stories known before --from.")] = False,
    deliver: Annotated[bool, typer.Option("--deliver", help="Also send results to the output streams.")] = False,
    as_json: JsonLines = False,
) -> None:
    """Process past records again with their original event times, in a run beside the live one.

    After an interruption the same command continues where it stopped.
    """
    settings = load_settings(context.obj)
    check_name(name, settings.run)
    factor = parse_speed(speed)
    sources = tuple(source or [STREAM])
    begin, end = parse_period(since, until or "now", zone=desk_zone(settings))
    span = begin or 0, end or 0
    for one in sources:
        if one.partition(":")[0] not in (STREAM, ARCHIVE, STORE) and not Path(one).exists():
            raise UsageError(
                f"{one}: no such file or folder", hint="give an existing file or folder, or stream, archive or store"
            )
    stop = stop_on_signals()
    store = open_store(settings.store)
    # Loads numpy, which no other command in this module needs.
    from pipeline.stories.rule import story_rule

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
            stories=story_rule(vectors=settings.story_vectors),
        )
        row = ReplayRepository(store).get(name)
        if row is None:
            row = begin_replay(
                settings,
                store,
                name,
                wanted,
                span,
                topics,
                read_subscriptions(subscriptions) if subscriptions else None,
                now_ms=console.now_ms(),
                warn=lambda words: console.note(words, "yellow"),
            )
        else:
            changed = spec_of(row).differences(wanted)
            if changed:
                raise UsageError(
                    f"run {name!r} was started with different options ({', '.join(changed)})",
                    hint=f"use the same options or another name, or delete the run with wirewatch runs drop {name}",
                )
        if row.state == FINISHED:
            console.note(
                f"{name} is already finished; to start it over, delete it with wirewatch runs drop {name}", "yellow"
            )
            _result(store, row, as_json=as_json, seconds=0.0, handled=0)
            return
        _go(settings, store, row, wanted, factor, stop.is_set, stop.wait, as_json=as_json)
    finally:
        store.close()


@app.command("archive")
def archive(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder of the archive (default: setting archive_dir).")
    ] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep running, and write each day once it is complete.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Archive the raw stream beyond its retention: one WARC file per completed day.

    After an interruption the same command continues where it stopped.
    """
    from wirewatch.replay.sources import archive_days, remove_archived_texts  # loads Beam, which takes seconds

    settings = load_settings(context.obj)
    where = folder or archive_dir(settings)
    stop = stop_on_signals()
    store = store_of(settings, stop) if follow else open_store(settings.store)
    count = 0
    # This service may start before the connectors have created the stream.
    raw = (
        stream_of(settings, raw_plan(settings), stop, role="archive")
        if follow
        else open_stream(settings.stream, settings.raw_stream, role="archive")
    )
    with raw as stream:
        while True:
            software = f"wirewatch {version()}"
            try:
                for day in archive_days(
                    stream, store, where, clock_ms=console.now_ms, stop=stop.is_set, software=software
                ):
                    count += 1
                    if as_json:
                        console.put(day)
                    else:
                        console.out.print(
                            f"{day.day}  {day.records:>8} records  {day.bytes:>12} bytes  {day.file or '–'}"
                        )
                    if day.lost:
                        lost = counted(day.lost, "record was", "records were")
                        console.note(f"{day.day}: {lost} deleted before they were archived", "red")
                if rewritten := remove_archived_texts(store, where, console.now_ms()):
                    remove_indexes(settings)
                    console.note(f"texts past their limit: {counted(rewritten, 'file')} rewritten without them")
            except OSError as error:
                raise WirewatchError(f"{where}: {error.strerror or error}", hint="choose a writable folder") from error
            if not follow or stop.wait(ARCHIVE_POLL_S):
                break
    store.close()
    if not count:
        console.note("nothing to archive: a day is written once it is complete (UTC)")


def _go(
    settings: Settings,
    store: Store,
    row: Replay,
    spec: ReplaySpec,
    factor: float | None,
    stopped: Callable[[], bool],
    pause: Callable[[float], object],
    *,
    as_json: bool,
) -> None:
    # These load Beam, which takes seconds.
    from pipeline.drafts.kept import keeping_of
    from pipeline.drivers.pools import of_a_replay
    from pipeline.drivers.replay import Pace, ReplayRun
    from pipeline.drivers.replay import Progress as Stand
    from wirewatch.replay.sources import Sources

    done = StoreReader(store, row.name).count_outcomes().total()
    row = msgspec.structs.replace(row, done=done)
    run = ReplayRun(
        store,
        settings.store,
        row,
        scope=spec.scope,
        pool=of_a_replay(settings),
        now_ms=console.now_ms(),
        vectors=settings.story_vectors,
        keeping=keeping_of(settings, on_stream=spec.sources == (STREAM,)),
    )
    sources = Sources(settings, store, spec.sources, of=spec.of, name=row.name, span=(row.from_ms, row.to_ms))
    began = time.monotonic()
    extra = [TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[when]}", style="dim")]
    with console.progress_bar(*extra, hidden=as_json) as bar:
        try:
            indexing = bar.add_task("indexing", total=None, rate="", when="")
            history = sources.history(run.after_ms, console.now_ms, lambda count: bar.update(indexing, completed=count))
            bar.update(indexing, visible=False)
            for note in sources.notes:
                console.note(note, "yellow")
            if sources.no_claim and not row.no_claim:
                ReplayRepository(store).note(row.name, no_claim=sources.no_claim)
            if done:
                console.note(f"continuing after {counted(done, 'record')}")
            task = bar.add_task(row.name, total=None, completed=done, rate="", when="")
            bar.update(task, total=None if history.total is None else done + history.total)
            printed_s = began

            def show(stand: Stand) -> None:
                nonlocal printed_s
                seconds = time.monotonic() - began
                when = f"{from_ms(stand.time_ms):%Y-%m-%d %H:%M:%S}" if stand.time_ms else ""
                rate = (stand.done - done) / max(seconds, 0.001)
                bar.update(task, completed=stand.done, rate=f"{rate:.1f}/s", when=when)
                if as_json and time.monotonic() - printed_s >= PROGRESS_EVERY_S:
                    printed_s = time.monotonic()
                    left = None if stand.total is None or not rate else round((stand.total - stand.done) / rate, 1)
                    line = {
                        "run": row.name,
                        "done": stand.done,
                        "total": stand.total,
                        "rate": round(rate, 1),
                        "left_s": left,
                    }
                    console.put(line | {"event_time": when or None})

            with _relay(settings, store, row, run.ledger) as relay:
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
    if not row.no_claim and (why := pruned_since(store, spec.of, row.from_ms)):
        ReplayRepository(store).note(row.name, no_claim=why)
        row = msgspec.structs.replace(row, no_claim=why)
    if row.state == FINISHED:
        remove_index(settings, row.name)
    seconds = time.monotonic() - began
    _result(store, row, as_json=as_json, seconds=seconds, handled=row.done - done, reused=run.reused)
    if row.state != FINISHED:
        console.note("stopped; the same command continues from here", "yellow")
        raise typer.Exit(130)


@contextmanager
def _relay(settings: Settings, store: Store, row: Replay, ledger: RunLedger) -> Iterator[Callable[[], object]]:
    """A function that sends results to the output streams; it does nothing if the run does not deliver."""
    if not row.delivers:
        yield lambda: None
        return
    from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox
    from core.streams import create_stream
    from pipeline.relay import Relay

    names = (ENRICHED, ALERTS, REJECTED)
    streams = {name: create_stream(settings.stream, name, settings.partitions, role="replay") for name in names}
    relay = Relay(Outbox(store), streams, lambda run: run == row.name and ledger.owner_now() == ledger.owner)
    try:
        yield relay.pump
        relay.pump()
    finally:
        for stream in streams.values():
            stream.close()


def _result(store: Store, row: Replay, *, as_json: bool, seconds: float, handled: int, reused: int = 0) -> None:
    reader = StoreReader(store, row.name)
    counts, alerts = reader.count_outcomes(), sum(1 for _ in reader.alerts())
    rate = round(handled / seconds, 1) if seconds and handled else None
    spec = spec_of(row)
    if as_json:
        line = {
            "run": row.name,
            "state": row.state,
            "done": row.done,
            "total": row.total,
            "rate": rate,
            "reused": reused,
            "outcomes": counts,
        }
        line |= {"alerts": alerts, "equal_to": None if row.no_claim else spec.of, "no_claim": row.no_claim}
        console.put(line)
        return
    ends = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"
    pace = f", {rate:g} a second" if rate else ""
    again = f", {counted(reused, 'draft')} reused" if handled else ""
    done = f"{counted(counts.total(), 'record')}: {ends}; {counted(alerts, 'alert')}"
    console.note(f"{row.name}: {done}{again}{pace}", "bold green")
    if row.no_claim:
        console.note(f"the results may differ from those of {spec.of!r}: {row.no_claim}", "yellow")
    else:
        console.note(f"same results as {spec.of!r}; wirewatch runs diff {spec.of} {row.name} compares them")


def _report(counts: Counter[str], rejected: list[Outcome], alerts: int, out: Path, urls: Sequence[str | None]) -> None:
    for outcome in rejected[:SHOWN_REJECTIONS]:
        url = urls[outcome.first_offset]
        console.note(
            f"{outcome.item}: rejected by {outcome.stage}: {outcome.reason}{f' ({url})' if url else ''}", "yellow"
        )
    if len(rejected) > SHOWN_REJECTIONS:
        console.note(f"… and {len(rejected) - SHOWN_REJECTIONS} more rejected, all in outcomes.jsonl", "yellow")
    ends = ", ".join(f"{counts[kind]} {kind}" for kind in OutcomeKind if counts[kind])
    console.note(f"{counted(sum(counts.values()), 'item')}: {ends}; {counted(alerts, 'alert')} → {out}", "green")
