"""What a replay is asked for, whether that is the same as before, and how a new one begins."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.errors import UsageError
from core.settings import Settings
from core.store import Store, SubscriptionStore
from core.topics.definitions import builtin_definitions, folder_definitions
from pipeline.replay.past import first_place_ms
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository, copy_queries, run_names
from wirewatch.commands.subscriptions import read_subscriptions

STREAM, ARCHIVE, STORE = "stream", "archive", "store"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ReplaySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; the same again goes on with the run. Times as given, files by what is in them."""

    since: str
    until: str
    sources: tuple[str, ...]
    of: str
    seeded: bool
    topics: str | None = None
    subscriptions: str | None = None
    deliver: bool = False
    scope: str = "live"
    schema: int = 1

    def differences(self, other: ReplaySpec) -> list[str]:
        """Names of the options in which two differ."""
        names = {"since": "--from", "until": "--to", "sources": "--source", "seeded": "--fresh"}
        fields = [one for one in self.__struct_fields__ if one not in ("scope", "schema")]
        return [names.get(one, f"--{one}") for one in fields if getattr(self, one) != getattr(other, one)]


def check_name(name: str, live: str) -> str:
    """``name`` itself where a replay may have it. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be a run's name", hint="use up to 64 letters, digits and . _ -")
    if name == live:
        raise UsageError(f"{name!r} is the continuous run", hint="give the replay another name")
    return name


def parse_speed(text: str) -> float | None:
    """``60x`` → 60; ``max`` → None. Raises UsageError."""
    if text == "max":
        return None
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1e9:
        raise UsageError(f"--speed {text}: no speed", hint="write 60x for sixty times as fast, or max")
    return factor


def digest_of(path: Path | None) -> str | None:
    """A digest of a file, or of the topic files of a folder. Raises UsageError."""
    if path is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    try:
        for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    return digest.hexdigest()


def scope_of(store: Store, run: str) -> str:
    """Where the topics and subscriptions of a run are kept."""
    found = ReplayRepository(store).get(run)
    return "live" if found is None else msgspec.json.decode(found.spec, type=ReplaySpec).scope


def index_path(settings: Settings, name: str) -> Path:
    """Where the index of a replay's archives lies."""
    return Path(settings.data_dir) / "replays" / f"{name}.db"


def archive_dir(settings: Settings) -> Path:
    """The folder of our own archive."""
    return Path(settings.archive_dir) if settings.archive_dir else Path(settings.data_dir) / "archive"


def begin_replay(
    settings: Settings,
    store: Store,
    name: str,
    spec: ReplaySpec,
    span: tuple[int, int],
    topics: Path | None,
    subscriptions: Path | None,
    *,
    now_ms: int,
    say: Callable[[str], object],
) -> Replay:
    """Store a new replay: its row, its queries, what it is seeded from. ``say`` hears what a person should know.

    Raises UsageError where the name is taken.
    """
    if name in run_names(store):
        raise UsageError(f"there is a run {name!r} already, and it is no replay", hint="take another name")
    live = SubscriptionStore(store)
    known = folder_definitions(Path(settings.topics_dir)) if settings.topics_dir else {}
    if not live.read(now_ms=now_ms).topics:
        live.save_topics(builtin_definitions() | known, now_ms=now_ms)
    if spec.scope == name:
        given = folder_definitions(topics) if topics else {}
        added = read_subscriptions(subscriptions) if subscriptions else []
        queries = SubscriptionStore(store, name)
        # Before the others: a scope's first topics hold from the beginning.
        queries.save_topics(given, now_ms=now_ms)
        copy_queries(store, scope_of(store, spec.of), name, subscriptions=subscriptions is None, topics_but=given)
        queries.save_subscriptions(added, now_ms=now_ms, from_the_beginning=True)
    elif not live.read(now_ms=now_ms).subscriptions:
        say("there are no subscriptions: nothing will alert (--subscriptions FILE gives some)")
    elif min(one.effective_from_ms for one in live.read(now_ms=now_ms).subscriptions) >= span[1]:
        say("no subscription was in force then; --subscriptions FILE gives some from the beginning")
    first_ms = first_place_ms(store, spec.of)
    base = spec.of if spec.seeded and first_ms is not None and first_ms < span[0] and _is_ours(spec.sources) else None
    made = Replay(
        name=name,
        spec=msgspec.json.encode(spec).decode(),
        base=base,
        from_ms=span[0],
        to_ms=span[1],
        no_claim=_no_claim(spec, first_ms, base, span),
        state=RUNNING,
        delivers=spec.deliver,
        started_ms=now_ms,
    )
    index_path(settings, name).unlink(missing_ok=True)
    ReplayRepository(store).put(made)
    return made


def _is_ours(sources: tuple[str, ...]) -> bool:
    return set(sources) <= {STREAM, ARCHIVE}


def _no_claim(spec: ReplaySpec, first_ms: int | None, base: str | None, span: tuple[int, int]) -> str | None:
    """Why the results may differ from those of the run that is replayed; None where they are the same."""
    if not _is_ours(spec.sources):
        return "it is not the raw stream that is replayed"
    if spec.topics or spec.subscriptions:
        return "it has topics or subscriptions of its own"
    if first_ms is None:
        return f"there is no run {spec.of!r} to be equal to"
    if first_ms < span[0] and base is None:
        return f"it begins in the middle of {spec.of!r} with an empty memory"
    return None
