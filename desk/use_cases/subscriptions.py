"""Operations on subscriptions: check, edit, pause, export. The API, the desk and the command line use this.

Every change is a new version in the store, with its author. The running pipeline uses it about two seconds later, on any
runner.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from difflib import get_close_matches
from itertools import count
from typing import Any

import msgspec
from msgspec.structs import replace

from core.decoding import Undecodable, from_json, from_toml
from core.errors import Conflict, InputError, NotFound, QueryError, Unconfirmed, UsageError
from core.normal import normalized
from core.query import LintFinding, lint
from core.query.filters import effective_query
from core.query.readings import Change, changes
from core.query.words import VERSION
from core.records import Subscription
from core.records.alert import ALL_NEWS, LEVELS, Schedule
from core.records.article import FeedOutlet
from core.saying import saying
from core.store import Store, SubscriptionStore
from core.store.counts import read_activity
from core.store.subscriptions import RULES
from core.visible import check_visible, escaped, escaped_toml
from desk.delivery.store.channels import DeliveryRepository
from desk.delivery.times import check_schedule
from desk.language import gettext

PORTABLE = ("id", "name", "owner", "query", *(name for name in RULES if name != "words_version"))
"""The fields of an export. Versions, times and editors are left out, since they belong to the store they were made in."""

LONGEST_ID = 100
_LANGUAGE = re.compile(r"[a-z]{2}")


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The result of saving: the newest version, whether it is new, and the linter's findings."""

    subscription: Subscription
    changed: bool
    warnings: tuple[LintFinding, ...] = ()


class Subscriptions:
    """The subscriptions of a store. ``clock_ms``: the wall clock, ms. Raises StoreError.

    ``topics``: names that are valid besides the store's own, which a pipeline must save first. If no name is known at all,
    topics are not checked. ``audit`` records each action: action, subject, detail.
    """

    def __init__(
        self,
        store: Store,
        clock_ms: Callable[[], int],
        topics: Collection[str] = (),
        *,
        audit: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._queries, self._deliveries, self._clock_ms = SubscriptionStore(store), DeliveryRepository(store), clock_ms
        self._topics, self._audit = frozenset(topics), audit or _not_written_down

    def all(self, *, ended: bool = False) -> list[Subscription]:
        """The newest version of each, by id; with ``ended``, also of removed subscriptions."""
        newest = {one.id: one for one in self._queries.read(now_ms=self._clock_ms()).subscriptions}
        return [one for one in newest.values() if ended or one.active]

    def get(self, identity: str) -> Subscription:
        """The newest version. Raises NotFound if there is none, or the subscription was removed."""
        found = self._queries.newest(identity)
        if found is None or not found.active:
            raise NotFound(
                gettext("there is no subscription %(name)s", name=repr(identity)), hint="wirewatch subscriptions list"
            )
        return found

    def history(self, identity: str) -> list[Subscription]:
        """All versions, newest first. Raises NotFound if there was never one."""
        found = self._queries.history(identity)
        if not found:
            raise NotFound(
                gettext("there is no subscription %(name)s", name=repr(identity)), hint="wirewatch subscriptions list"
            )
        return found

    def save(self, wanted: Subscription, *, by: str, based_on: int | None = None, anyway: bool = False) -> Saved:
        """Store a new version. If it is invalid, raises UsageError (QueryError with a position) and stores nothing.

        ``based_on``: the version that was edited; raises Conflict if it is no longer the newest. ``anyway``: accepts a query
        that is probably a mistake; without it, raises Unconfirmed for one.
        """
        if based_on is not None and (newest := self._queries.newest(wanted.id)) and newest.version != based_on:
            raise Conflict(
                gettext("someone else saved it in the meantime"), hint=gettext("open it again, and repeat your changes")
            )
        (saved,) = self.save_all([wanted], by=by, anyway=anyway)
        if saved.changed:
            self._audit("subscription saved", saved.subscription.id, saved.subscription.query[:2_000])
        return saved

    def save_new(self, wanted: Subscription, *, by: str, anyway: bool = False) -> Saved:
        """Store a new subscription; an empty id is derived from its name or query.

        A removed id can be used again. Raises Conflict for an id in use, UsageError.
        """
        taken = {one.id: one.active for one in self.all(ended=True)}
        if not wanted.id:
            wanted = replace(wanted, id=named(wanted.name, wanted.query, taken))
        elif taken.get(wanted.id):
            raise Conflict(
                gettext("there is already a subscription %(name)s", name=repr(wanted.id)),
                hint=gettext("choose another id, or change that one"),
            )
        return self.save(wanted, by=by, anyway=anyway)

    def put(self, identity: str, changes: dict[str, Any], *, by: str, anyway: bool = False) -> Saved:
        """Change the subscription with this id, or create it. Raises UsageError."""
        found = self._queries.newest(identity)
        begun = found if found is not None and found.active else Subscription(id=identity, query="", owner=by)
        return self.save(changed(begun, changes), by=by, anyway=anyway)

    def save_all(self, wanted: Sequence[Subscription], *, by: str, anyway: bool = False) -> list[Saved]:
        """Store several, all or none. Languages and topics are stored in lower case, as in articles.

        Raises UsageError, and unless ``anyway``, Unconfirmed for a new query that is probably a mistake.
        """
        wanted = [_lowered(one) for one in wanted]
        channels = {one.name for one in self._deliveries.channels()}
        now_ms = self._clock_ms()
        before = {one.id: self._queries.newest(one.id) for one in wanted}
        warnings = [check(one, channels, before[one.id]) for one in wanted]
        others = {one.id: one for one in self.all()} | {one.id: one for one in wanted}
        warnings = [
            (*found, *same_name(one, others.values())) if _is_renamed(one, before[one.id]) else found
            for one, found in zip(wanted, warnings, strict=True)
        ]
        if not anyway:
            for one, findings in zip(wanted, warnings, strict=True):
                _check_confirmed(one, findings, before[one.id], several=len(wanted) > 1)
        if any(one.topics for one in wanted):
            stored = {one.name: one.active for one in self._queries.read(now_ms=now_ms).topics}
            known = self._topics | {name for name, active in stored.items() if active}
            for one in wanted:
                check_topics(one, before[one.id], known)
        marked = [_marked(one, before[one.id], by) for one in wanted]
        self._queries.save_subscriptions(marked, now_ms=now_ms)
        saved = []
        for one, found in zip(marked, warnings, strict=True):
            newest, old = self._queries.newest(one.id), before[one.id]
            changed = newest is not None and (old is None or newest.version != old.version)
            saved.append(Saved(subscription=newest or one, changed=changed, warnings=found))
        return saved

    def edit(self, identity: str, changes: dict[str, Any], *, by: str, anyway: bool = False) -> Saved:
        """Change some fields (``schedule`` may contain only some of its own fields). Raises UsageError."""
        return self.save(changed(self.get(identity), changes), by=by, anyway=anyway)

    def set_state(self, identity: str, state: str, *, by: str) -> Saved:
        """Pause, mute or resume a subscription (``State``). Raises NotFound, and UsageError for an unknown state."""
        (saved,) = self.save_all([changed(self.get(identity), {"state": state})], by=by)
        if saved.changed:
            self._audit(f"subscription {state}"[:60], identity, "")
        return saved

    def import_file(
        self, data: bytes, name: str, *, by: str, most: int | None = None, anyway: bool = False
    ) -> list[Saved]:
        """Store a file's subscriptions (``.toml``, else JSON Lines), all or none. Raises UsageError naming the place.

        ``most``: the largest number allowed, since each is checked before the answer.
        """
        wanted = list(read(data, name, toml=name.endswith(".toml")))
        if most is not None and len(wanted) > most:
            raise UsageError(
                gettext(
                    "%(file)s: %(num)s subscriptions; at most %(most)s can be imported at once",
                    file=name,
                    num=len(wanted),
                    most=most,
                ),
                hint=gettext("divide the file, or use wirewatch subscriptions import"),
            )
        saved = self.save_all(wanted, by=by, anyway=anyway)
        self._audit("subscriptions imported", name, f"{sum(one.changed for one in saved)} of {len(saved)} changed")
        return saved

    def read_otherwise(self) -> list[tuple[Subscription, list[Change]]]:
        """Subscriptions whose query changed in meaning, or finds more, because word segmentation changed after saving."""
        found = ((one, changes(one.query, one.words_version)) for one in self.all())
        return [(one, several) for one, several in found if several]

    def accept_readings(self, *, by: str) -> int:
        """Confirm everything in ``read_otherwise``: a new version of each, with the same query. Returns how many."""
        accepted = [replace(one, words_version=VERSION, edited_by=by, note="") for one, _ in self.read_otherwise()]
        return self._queries.save_subscriptions(accepted, now_ms=self._clock_ms())

    def remove(self, identity: str, *, by: str) -> None:
        """End a subscription. Its history remains, and saving under its id restarts it. Raises NotFound if there is none."""
        ended = replace(self.get(identity), active=False, edited_by=by, note="")
        self._queries.save_subscriptions([ended], now_ms=self._clock_ms())
        self._audit("subscription ended", identity, "")


def _not_written_down(_action: str, _subject: str, _detail: str) -> None:
    """Changes from the command line are recorded only in their subscription's history."""


def check(
    one: Subscription, channels: Iterable[str] | None = None, before: Subscription | None = None
) -> tuple[LintFinding, ...]:
    """Warnings and notes of the linter. Raises UsageError if the subscription can't run; QueryError has the position.

    ``channels``: the existing names, or None to skip that check. ``before``: the stored version; if it has the same query, the
    linter's refusal is ignored, so that a query that was saved before the linter refused it can still be paused.
    """
    check_id(one.id)
    # As with the query: stored values may remain.
    for field in ("name", "owner"):
        if before is None or getattr(before, field) != getattr(one, field):
            check_visible(f"the {field}", getattr(one, field))
    parsed = effective_query(one)
    findings = lint(one.query)
    kept = before is not None and before.active and before.query == one.query
    if not kept and (error := next((found for found in findings if found.severity == "error"), None)):
        raise QueryError(error.message, query=one.query, position=min(error.position, len(one.query)))
    wrong = next((code for code in one.languages if not _LANGUAGE.fullmatch(code.lower())), None)
    if wrong is not None:
        raise UsageError(
            gettext("%(code)s is not a language code", code=repr(wrong)),
            hint=gettext("use two-letter codes, such as en or ar"),
        )
    check_schedule(one.schedule)
    if channels is not None and (missing := [name for name in one.delivery if name not in set(channels)]):
        raise UsageError(
            gettext("there is no channel %(name)s", name=repr(missing[0])), hint="wirewatch channels add NAME ADDRESS"
        )
    if parsed.text != one.query:
        # Conditions from the filters are not faults of the query, but with them it may be tested on only a few articles.
        whole = {found.message for found in lint(parsed.text)}
        findings = [found for found in findings if found.message in whole or found.severity == "note"]
    return tuple(findings)


def _check_confirmed(
    one: Subscription, findings: Iterable[LintFinding], before: Subscription | None, *, several: bool
) -> None:
    """Raise Unconfirmed for a query that is probably a mistake, unless it is already stored."""
    if before is not None and before.active and before.query == one.query:
        return
    if found := next((finding for finding in findings if finding.confirm), None):
        problem = saying("%(item)s: %(problem)s", item=one.id, problem=found.message) if several else found.message
        raise Unconfirmed(problem, query=one.query, position=found.position, instead=found.suggestion)


def _marked(one: Subscription, before: Subscription | None, by: str) -> Subscription:
    """The version to store, with its author and the segmentation rules under which its query was written."""
    kept = before is not None and before.active and before.query == one.query
    version = before.words_version if before is not None and kept else VERSION
    return _noted(replace(one, edited_by=by, active=True, words_version=version), before)


def same_name(one: Subscription, others: Iterable[Subscription]) -> tuple[LintFinding, ...]:
    """A warning if another subscription in force has the same name, since alerts show names."""
    name = one.name.casefold()
    same = sorted(other.id for other in others if other.active and other.id != one.id and other.name.casefold() == name)
    if not name or not same:
        return ()
    return (LintFinding(0, "warning", saying("another subscription has this name: %(names)s", names=tuple(same[:3]))),)


def _is_renamed(one: Subscription, before: Subscription | None) -> bool:
    return before is None or not before.active or before.name != one.name


def check_id(text: str) -> None:
    """Raise UsageError for a text that can't be a subscription's id. Any script is allowed.

    Pages and the API have the id in addresses: so it has no slash and no space, is not a relative path segment, and contains
    nothing that can't be typed or stored.
    """
    unfit = not text or len(text) > LONGEST_ID or text in (".", "..")
    check_visible("the id", text)
    if unfit or any(one == "/" or one.isspace() for one in text):
        raise UsageError(
            gettext("%(text)s is not an id", text=repr(text)),
            hint=gettext("use up to %(num)s characters of any script, without spaces and slashes", num=LONGEST_ID),
        )


def named(name: str, query: str, taken: Container[str]) -> str:
    """An unused id for a new subscription, from its name or query."""
    text = normalized("NFC", name or query).lower()
    # Letters, numbers and combining marks: without the marks, words of Hindi would be split.
    words = "".join(one if unicodedata.category(one)[0] in "LNM" else " " for one in text).split()
    base = "-".join(words)[:40].strip("-") or "subscription"
    return next(one for number in count(1) if (one := f"{base}-{number}" if number > 1 else base) not in taken)


def check_topics(one: Subscription, before: Subscription | None, known: Collection[str]) -> None:
    """Raise UsageError for a topic that is neither ``known`` nor in the stored version."""
    kept = {name.casefold() for name in before.topics} if before is not None else set()
    for name in one.topics if known else ():
        if name.casefold() not in kept and name.casefold() not in {each.casefold() for each in known}:
            close = get_close_matches(name.casefold(), sorted(known), n=1)
            there = gettext("there are %(names)s", names=", ".join(sorted(known)))
            if close:
                there = gettext("did you mean %(name)s? %(rest)s", name=close[0], rest=there)
            raise UsageError(gettext("there is no topic %(name)s", name=repr(name)), hint=there)


def outlets_never_seen(store: Store, run: str, outlets: Sequence[str], watched: Iterable[FeedOutlet]) -> list[str]:
    """Those of ``outlets`` that no watched feed and no article of the run has, ignoring case. Raises StoreError."""
    with store.reading() as connection:
        seen = {activity.source.casefold() for activity in read_activity(connection, run)}
    seen |= {feed.source.casefold() for feed in watched}
    return [outlet for outlet in outlets if outlet.casefold() not in seen]


def _lowered(one: Subscription) -> Subscription:
    return replace(
        one,
        languages=tuple(dict.fromkeys(code.lower() for code in one.languages)),
        topics=tuple(dict.fromkeys(name.lower() for name in one.topics)),
    )


def _noted(one: Subscription, before: Subscription | None) -> Subscription:
    """``one``, with the note of ``before`` if the versions differ only in a missing note, which makes no new version."""
    if before is None or one.note:
        return one
    silent = replace(one, note=before.note)
    same = all(getattr(silent, name) == getattr(before, name) for name in (*PORTABLE, "active"))
    return silent if same else one


def changed(one: Subscription, changes: dict[str, Any]) -> Subscription:
    """The subscription with changed values, as decoded from JSON. Raises UsageError naming the field.

    A note belongs to one version: without one in ``changes``, the result has none.
    """
    if unknown := sorted(changes.keys() - {*PORTABLE} - {"id"}):
        raise UsageError(f"subscriptions have no {unknown[0]!r}", hint=f"they have {', '.join(PORTABLE)}")
    plain: dict[str, Any] = msgspec.to_builtins(one)
    schedule = changes.get("schedule")
    merged = {**plain, "note": "", **changes, "id": one.id}
    if isinstance(schedule, dict):
        merged["schedule"] = {**plain["schedule"], **schedule}
    return _converted(merged)


def differences(new: Subscription, old: Subscription | None) -> list[tuple[str, str, str]]:
    """What a version changed: (field, before, after); for a first version, all non-default fields. Ignores the note."""
    flat_new, flat_old = _flat(new), _flat(old or Subscription(id="", query=""))
    return [(name, flat_old[name], value) for name, value in flat_new.items() if value != flat_old[name]]


def _flat(one: Subscription) -> dict[str, str]:
    """The editable fields as text, with each part of the schedule as a separate field."""
    plain = {name: getattr(one, name) for name in PORTABLE if name not in ("id", "note", "schedule")}
    plain |= {"removed": "no" if one.active else "yes"}
    plain |= {name: getattr(one.schedule, name) for name in one.schedule.__struct_fields__}
    return {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in plain.items()}


def portable(one: Subscription) -> dict[str, Any]:
    """A subscription for an export, without fields that have their default."""
    plain: dict[str, Any] = msgspec.to_builtins(one)
    default: dict[str, Any] = msgspec.to_builtins(Subscription(id="", query=""))
    kept = {name: plain[name] for name in PORTABLE if name in ("id", "query") or plain[name] != default[name]}
    if "schedule" in kept:
        usual = msgspec.to_builtins(Schedule())
        kept["schedule"] = {name: value for name, value in kept["schedule"].items() if value != usual[name]}
    return kept


def to_json_lines(several: Iterable[Subscription]) -> str:
    """JSON Lines: one object per line."""
    return "".join(escaped(msgspec.json.encode(portable(one)).decode()) + "\n" for one in several)


def to_toml(several: Iterable[Subscription]) -> str:
    """TOML: ``[[subscription]]`` tables, which people edit by hand."""
    blocks = []
    for one in several:
        plain = portable(one)
        schedule = plain.pop("schedule", None)
        lines = ["[[subscription]]", *(f"{name} = {_toml(value)}" for name, value in plain.items())]
        if schedule:
            lines += ["[subscription.schedule]", *(f"{name} = {_toml(value)}" for name, value in schedule.items())]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def read(data: bytes, where: str, *, toml: bool) -> list[Subscription]:
    """The subscriptions of an export (or of any JSON Lines with ``id`` and ``query``). Checks all of them.

    Raises UsageError naming the line or table, QueryError with the position.
    """
    found: dict[str, Subscription] = {}
    for place, plain in _tables(data, where) if toml else _lines(data, where):
        one = _read(plain, place)
        if one.id in found:
            raise UsageError(f"{place}: the id {one.id!r} occurs twice")
        found[one.id] = one
    return list(found.values())


def _lines(data: bytes, where: str) -> Iterable[tuple[str, Any]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            try:
                yield f"{where}:{number}", from_json(line)
            except Undecodable as error:
                raise UsageError(str(InputError(f"{where}:{number}", str(error)))) from error


def _tables(data: bytes, where: str) -> Iterable[tuple[str, Any]]:
    try:
        read_in = from_toml(data)
    except Undecodable as error:
        raise UsageError(f"{where}: {error}") from error
    several = read_in.get("subscription")
    if not isinstance(several, list) or set(read_in) != {"subscription"}:
        raise UsageError(f"{where}: it must contain [[subscription]] tables and nothing else")
    for number, plain in enumerate(several, start=1):
        yield f"{where}: subscription {number}", plain


def _read(plain: Any, place: str) -> Subscription:
    try:
        one = replace(_converted(plain), words_version=VERSION)
        check(one)
    except QueryError as error:
        problem = f"{place}: {error.problem}"
        raise QueryError(problem, query=error.query, position=error.position, expected=error.expected) from error
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from error
    return one


_CHOICES = {"`level`": f"there are {', '.join(LEVELS)}", "`news": f"there are {', '.join(ALL_NEWS)}"}


def _converted(plain: Any) -> Subscription:
    try:
        return msgspec.convert(plain, Subscription)
    except msgspec.ValidationError as error:
        problem = str(error).replace("`$.", "`").replace(" - at ", " at ").replace("Invalid enum value", "there is no")
        raise UsageError(
            problem, hint=next((hint for name, hint in _CHOICES.items() if name in problem), None)
        ) from error


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # A JSON string, number or boolean is valid TOML too, except for DEL, which is escaped with other control characters.
    return escaped_toml(msgspec.json.encode(value).decode())
