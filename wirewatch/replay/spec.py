"""The options of a replay, their comparison with those of an earlier start, and the start of a new replay."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from core.errors import UsageError
from core.records import Subscription
from core.settings import Settings
from core.sqlite import is_being_written, part_of
from core.store import Store, SubscriptionStore
from core.store.pruning_marks import TEXTS, pruned_of
from core.topics.definitions import definitions_with, folder_definitions
from pipeline.ledger.story_rules import story_rules
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository, copy_queries, first_place_ms, run_names

STREAM, ARCHIVE, STORE = "stream", "archive", "store"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ReplaySpec(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a replay; the same options continue the run. Times are as given, files are a digest of their content.

    ``stories``: the rule by which stories are formed (``story_rule``), which depends on the version and on ``story_vectors``.
    """

    since: str
    until: str
    sources: tuple[str, ...]
    of: str
    seeded: bool
    topics: str | None = None
    subscriptions: str | None = None
    deliver: bool = False
    scope: str = "live"
    stories: str = ""
    schema: int = 1

    def differences(self, other: ReplaySpec) -> list[str]:
        """Names of the options in which the two differ."""
        names = {
            "since": "--from",
            "until": "--to",
            "sources": "--source",
            "seeded": "--fresh",
            "stories": "story_vectors or the version",
        }
        fields = [one for one in self.__struct_fields__ if one not in ("scope", "schema")]
        return [names.get(one, f"--{one}") for one in fields if getattr(self, one) != getattr(other, one)]


def check_name(name: str, live: str) -> str:
    """``name`` itself. Raises UsageError if a replay can't have this name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be a run's name", hint="use up to 64 letters, digits and . _ -")
    if name == live:
        raise UsageError(f"{name!r} is the continuous run", hint="use another name for the replay")
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
        raise UsageError(f"--speed {text}: not a speed", hint="write 60x for 60 times real time, or max")
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


def spec_of(replay: Replay) -> ReplaySpec:
    """The options that a replay was started with."""
    return msgspec.json.decode(replay.spec, type=ReplaySpec)


def scope_of(store: Store, run: str) -> str:
    """The scope that holds the topics and subscriptions of a run."""
    found = ReplayRepository(store).get(run)
    return "live" if found is None else spec_of(found).scope


def index_path(settings: Settings, name: str) -> Path:
    """The file with the index of a replay's archives."""
    return Path(settings.data_dir) / "replays" / f"{name}.db"


def remove_index(settings: Settings, name: str) -> None:
    """Remove a replay's index, which holds raw records; one that goes on makes it again. Raises OSError."""
    path = index_path(settings, name)
    for one in (path, part_of(path)):
        one.unlink(missing_ok=True)


def remove_indexes(settings: Settings) -> None:
    """Remove the indexes of all replays, since the archives have changed; a running one keeps what it has open.

    Incomplete ones go too, except those that are being made: their makers notice the change. Raises OSError.
    """
    complete = index_path(settings, "*")
    folder = complete.parent
    for path in sorted(folder.glob(part_of(complete).name)):
        if not is_being_written(path):
            path.unlink(missing_ok=True)
    # After the incomplete ones, which may be completed meanwhile.
    for path in sorted(folder.glob(complete.name)):
        path.unlink(missing_ok=True)


def archive_dir(settings: Settings) -> Path:
    """The folder of the raw stream's archive."""
    return Path(settings.archive_dir) if settings.archive_dir else Path(settings.data_dir) / "archive"


def begin_replay(
    settings: Settings,
    store: Store,
    name: str,
    spec: ReplaySpec,
    span: tuple[int, int],
    topics: Path | None,
    subscriptions: Sequence[Subscription] | None,
    *,
    now_ms: int,
    warn: Callable[[str], object],
) -> Replay:
    """Store a new replay: its row, its queries, and the run it is seeded from. ``warn`` is called with lines for the person.

    ``subscriptions``: in force from the beginning, in place of the stored ones. Raises UsageError if the name is taken.
    """
    if name in run_names(store):
        raise UsageError(f"there is already a run {name!r}, which is not a replay", hint="use another name")
    live = SubscriptionStore(store)
    known = definitions_with(settings.topics_dir)
    if not live.read(now_ms=now_ms).topics:
        live.save_topics(known, now_ms=now_ms)
    if spec.scope == name:
        given = folder_definitions(topics) if topics else {}
        queries = SubscriptionStore(store, name)
        # Before the others: the first topics of a scope are in force from the beginning.
        queries.save_topics(given, now_ms=now_ms)
        copy_queries(store, scope_of(store, spec.of), name, subscriptions=subscriptions is None, topics_but=given)
        queries.save_subscriptions(subscriptions or (), now_ms=now_ms, from_the_beginning=True)
        if subscriptions is not None:
            # New subscriptions are tried on past articles, by the present names of outlets.
            with store.writing() as connection:
                for outlet, labels in SubscriptionStore(store, scope_of(store, spec.of)).labels().items():
                    queries.save_labels(connection, outlet, labels, by="", now_ms=now_ms, from_the_beginning=True)
    elif not live.read(now_ms=now_ms).subscriptions:
        warn("there are no subscriptions, so there will be no alerts (--subscriptions FILE adds some)")
    elif min(one.effective_from_ms for one in live.read(now_ms=now_ms).subscriptions) >= span[1]:
        warn("no subscription was in force then; --subscriptions FILE adds some from the beginning")
    first_ms = first_place_ms(store, spec.of)
    base = spec.of if spec.seeded and first_ms is not None and first_ms < span[0] and _is_ours(spec.sources) else None
    made = Replay(
        name=name,
        spec=msgspec.json.encode(spec).decode(),
        base=base,
        from_ms=span[0],
        to_ms=span[1],
        no_claim=_no_claim(spec, first_ms, base, span)
        or other_stories(spec, story_rules(store, spec.of))
        or pruned_since(store, spec.of, span[0])
        or (texts_removed(store, base) if base else None),
        state=RUNNING,
        delivers=spec.deliver,
        started_ms=now_ms,
    )
    index_path(settings, name).unlink(missing_ok=True)
    ReplayRepository(store).put(made)
    return made


def pruned_since(store: Store, run: str, from_ms_: int) -> str | None:
    """Why a replay from this event time may differ, if what the run knew then was pruned; otherwise None.

    An answer at the end of a replay is valid for all of it.
    """
    pruned = pruned_of(store, run)
    return "; ".join(pruned.words()) if pruned.whole_from_ms > from_ms_ else None


def texts_removed(store: Store, base: str) -> str | None:
    """Why a replay that starts from a base may differ: edits of its articles are compared with texts that were removed."""
    return next(pruned_of(store, base).words(TEXTS), None)


def other_stories(spec: ReplaySpec, rules: Sequence[str]) -> str | None:
    """Why stories may differ: ``rules`` are those of the replayed run. None if it used only the replay's rule."""
    if not rules or not spec.stories or set(rules) == {spec.stories}:
        return None
    theirs = ", ".join(rules)
    return (
        f"it forms stories by rule {spec.stories}, {spec.of!r} by {theirs} (another version, or setting story_vectors)"
    )


def _is_ours(sources: tuple[str, ...]) -> bool:
    return set(sources) <= {STREAM, ARCHIVE}


def _no_claim(spec: ReplaySpec, first_ms: int | None, base: str | None, span: tuple[int, int]) -> str | None:
    """Why the results may differ from those of the replayed run; None if they will be the same."""
    if not _is_ours(spec.sources):
        return "its source is not the raw stream"
    if spec.topics or spec.subscriptions:
        return "it has topics or subscriptions of its own"
    if first_ms is None:
        return f"there is no run {spec.of!r} to compare with"
    if first_ms < span[0] and base is None:
        return f"it begins in the middle of {spec.of!r} without its stories"
    return None
