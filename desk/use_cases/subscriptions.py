"""Subscriptions as people handle them: checked, edited, paused, exported. The API, the desk and the command line use this.

Every change is a new version in the store, with who made it, from which the running pipeline goes some two seconds later
on any runner.
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
from core.store import Store, SubscriptionStore
from core.store.counts import read_activity
from core.store.subscriptions import RULES
from core.visible import check_visible, escaped, escaped_toml
from desk.delivery.store.channels import DeliveryRepository
from desk.delivery.times import check_schedule
from desk.language import gettext

PORTABLE = ("id", "name", "owner", "query", *(name for name in RULES if name != "words_version"))
"""What an export holds. Versions, times and who edited stay behind: they belong to the store that they were made in."""

LONGEST_ID = 100
_LANGUAGE = re.compile(r"[a-z]{2}")


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What saving came to: the newest version as it stands, whether it is a new one, and what the linter had to say."""

    subscription: Subscription
    changed: bool
    warnings: tuple[LintFinding, ...] = ()


class Subscriptions:
    """The subscriptions of a store. ``clock_ms``: the wall clock, ms. Raises StoreError.

    ``topics``: names that exist beside the store's own, which a pipeline has first to save. If no name is known at all,
    topics are not checked. ``audit`` writes down what was done: action, subject, detail.
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
        """The newest version of each, by id; with ``ended`` also of those that were removed."""
        newest = {one.id: one for one in self._queries.read(now_ms=self._clock_ms()).subscriptions}
        return [one for one in newest.values() if ended or one.active]

    def get(self, identity: str) -> Subscription:
        """The newest version. Raises NotFound if there is none, or it was removed."""
        found = self._queries.newest(identity)
        if found is None or not found.active:
            raise NotFound(
                gettext("there is no subscription %(name)s", name=repr(identity)), hint="wirewatch subscriptions list"
            )
        return found

    def history(self, identity: str) -> list[Subscription]:
        """All versions, newest first. Raises NotFound if there never was one."""
        found = self._queries.history(identity)
        if not found:
            raise NotFound(
                gettext("there is no subscription %(name)s", name=repr(identity)), hint="wirewatch subscriptions list"
            )
        return found

    def save(self, wanted: Subscription, *, by: str, based_on: int | None = None, anyway: bool = False) -> Saved:
        """Store a new version. Raises UsageError (QueryError with a position) for what can't be, and stores nothing.

        ``based_on``: the version that was edited; Conflict if it is not the newest any more. ``anyway``: also a query that is
        probably a mistake, for which Unconfirmed is raised otherwise.
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
        """Store a subscription that is not there yet; an empty id is made of its name or query.

        An id that was removed begins again. Raises Conflict for one in use, UsageError.
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
        """Change the subscription of this id, or begin one. Raises UsageError."""
        found = self._queries.newest(identity)
        begun = found if found is not None and found.active else Subscription(id=identity, query="", owner=by)
        return self.save(changed(begun, changes), by=by, anyway=anyway)

    def save_all(self, wanted: Sequence[Subscription], *, by: str, anyway: bool = False) -> list[Saved]:
        """Store several, all or none. Languages and topics are stored in lower case, as articles carry them.

        Raises UsageError; Unconfirmed, unless ``anyway``, for a new query that is probably a mistake.
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
        """Change some fields (``schedule`` may name some of its own fields only). Raises UsageError."""
        return self.save(changed(self.get(identity), changes), by=by, anyway=anyway)

    def set_state(self, identity: str, state: str, *, by: str) -> Saved:
        """Pause it, mute it, or let it go on (``State``). Raises NotFound, UsageError for no such state."""
        (saved,) = self.save_all([changed(self.get(identity), {"state": state})], by=by)
        if saved.changed:
            self._audit(f"subscription {state}"[:60], identity, "")
        return saved

    def import_file(
        self, data: bytes, name: str, *, by: str, most: int | None = None, anyway: bool = False
    ) -> list[Saved]:
        """Store the subscriptions of a file (``.toml``, else JSON Lines), all or none. Raises UsageError naming the place.

        ``most``: so many at the most, since each is checked before the answer.
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
        """Those whose query means something else since it was saved, or finds more, because words are cut otherwise now."""
        found = ((one, changes(one.query, one.words_version)) for one in self.all())
        return [(one, several) for one, several in found if several]

    def accept_readings(self, *, by: str) -> int:
        """Take what ``read_otherwise`` lists for meant: a new version of each, with the same query. Returns how many."""
        accepted = [replace(one, words_version=VERSION, edited_by=by, note="") for one, _ in self.read_otherwise()]
        return self._queries.save_subscriptions(accepted, now_ms=self._clock_ms())

    def remove(self, identity: str, *, by: str) -> None:
        """End it: its history stays, and saving under the id begins it again. Raises NotFound if there is none."""
        ended = replace(self.get(identity), active=False, edited_by=by, note="")
        self._queries.save_subscriptions([ended], now_ms=self._clock_ms())
        self._audit("subscription ended", identity, "")


def _not_written_down(_action: str, _subject: str, _detail: str) -> None:
    """The command line's changes are in the history of their subscription alone."""


def check(
    one: Subscription, channels: Iterable[str] | None = None, before: Subscription | None = None
) -> tuple[LintFinding, ...]:
    """Warnings and notes of the linter. Raises UsageError for what can't run; QueryError tells where in the query.

    ``channels``: the names that there are; None: not looked at. ``before``: the stored version; if it has the same query, what
    the linter would refuse is allowed, so that a query that was saved before the linter refused it can still be paused.
    """
    check_id(one.id)
    # As with the query: what was stored before may stay.
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
        # What the filters add is not a fault of the query; but with them it may be tried on few articles only.
        whole = {found.message for found in lint(parsed.text)}
        findings = [found for found in findings if found.message in whole or found.severity == "note"]
    return tuple(findings)


def _check_confirmed(
    one: Subscription, findings: Iterable[LintFinding], before: Subscription | None, *, several: bool
) -> None:
    """Raise Unconfirmed for a query that is probably a mistake and that is not stored so already."""
    if before is not None and before.active and before.query == one.query:
        return
    if found := next((finding for finding in findings if finding.confirm), None):
        problem = f"{one.id}: {found.message}" if several else found.message
        raise Unconfirmed(problem, query=one.query, position=found.position, instead=found.suggestion)


def _marked(one: Subscription, before: Subscription | None, by: str) -> Subscription:
    """What is stored: who saved it, and by which rules its query's words were cut when that was written."""
    kept = before is not None and before.active and before.query == one.query
    version = before.words_version if before is not None and kept else VERSION
    return _noted(replace(one, edited_by=by, active=True, words_version=version), before)


def same_name(one: Subscription, others: Iterable[Subscription]) -> tuple[LintFinding, ...]:
    """A warning if another subscription that is in force has this one's name: alerts show names."""
    name = one.name.casefold()
    same = sorted(other.id for other in others if other.active and other.id != one.id and other.name.casefold() == name)
    if not name or not same:
        return ()
    return (
        LintFinding(0, "warning", gettext("another subscription has this name: %(names)s", names=", ".join(same[:3]))),
    )


def _is_renamed(one: Subscription, before: Subscription | None) -> bool:
    return before is None or not before.active or before.name != one.name


def check_id(text: str) -> None:
    """Raise UsageError for what can't be a subscription's id. Any script will do: a page and the API have it in an address.

    So it has no slash and no space, is not what addresses take for a folder, and holds nothing that can't be typed or stored.
    """
    unfit = not text or len(text) > LONGEST_ID or text in (".", "..")
    check_visible("the id", text)
    if unfit or any(one == "/" or one.isspace() for one in text):
        raise UsageError(
            gettext("%(text)s is not an id", text=repr(text)),
            hint=gettext("use up to %(num)s characters of any script, without spaces and slashes", num=LONGEST_ID),
        )


def named(name: str, query: str, taken: Container[str]) -> str:
    """An id for a new subscription, from its name or query, that is not taken."""
    text = normalized("NFC", name or query).lower()
    # Letters, numbers and their marks: without the marks, a word of Hindi falls to pieces.
    words = "".join(one if unicodedata.category(one)[0] in "LNM" else " " for one in text).split()
    base = "-".join(words)[:40].strip("-") or "subscription"
    return next(one for number in count(1) if (one := f"{base}-{number}" if number > 1 else base) not in taken)


def check_topics(one: Subscription, before: Subscription | None, known: Collection[str]) -> None:
    """Raise UsageError for a topic that is not ``known`` and that the stored version did not ask for already."""
    kept = {name.casefold() for name in before.topics} if before is not None else set()
    for name in one.topics if known else ():
        if name.casefold() not in kept and name.casefold() not in {each.casefold() for each in known}:
            close = get_close_matches(name.casefold(), sorted(known), n=1)
            there = gettext("there are %(names)s", names=", ".join(sorted(known)))
            if close:
                there = gettext("did you mean %(name)s? %(rest)s", name=close[0], rest=there)
            raise UsageError(gettext("there is no topic %(name)s", name=repr(name)), hint=there)


def outlets_never_seen(store: Store, run: str, outlets: Sequence[str], watched: Iterable[FeedOutlet]) -> list[str]:
    """Those of ``outlets`` that no watched feed and no article of the run has; case does not count. Raises StoreError."""
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
    """``one`` as it was if only the note is missing this time: that is not a new version."""
    if before is None or one.note:
        return one
    silent = replace(one, note=before.note)
    same = all(getattr(silent, name) == getattr(before, name) for name in (*PORTABLE, "active"))
    return silent if same else one


def changed(one: Subscription, changes: dict[str, Any]) -> Subscription:
    """The subscription with other values, as they come from JSON. Raises UsageError naming the field.

    A note belongs to the version that it was given for: without one among ``changes`` there is none.
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
    """What a version changed: field, before, after; of a first version all that is not its default. The note does not count."""
    flat_new, flat_old = _flat(new), _flat(old or Subscription(id="", query=""))
    return [(name, flat_old[name], value) for name, value in flat_new.items() if value != flat_old[name]]


def _flat(one: Subscription) -> dict[str, str]:
    """What people change, as text, the schedule's parts each for itself."""
    plain = {name: getattr(one, name) for name in PORTABLE if name not in ("id", "note", "schedule")}
    plain |= {"removed": "no" if one.active else "yes"}
    plain |= {name: getattr(one.schedule, name) for name in one.schedule.__struct_fields__}
    return {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in plain.items()}


def portable(one: Subscription) -> dict[str, Any]:
    """A subscription as an export holds it: what has its default is left out."""
    plain: dict[str, Any] = msgspec.to_builtins(one)
    default: dict[str, Any] = msgspec.to_builtins(Subscription(id="", query=""))
    kept = {name: plain[name] for name in PORTABLE if name in ("id", "query") or plain[name] != default[name]}
    if "schedule" in kept:
        usual = msgspec.to_builtins(Schedule())
        kept["schedule"] = {name: value for name, value in kept["schedule"].items() if value != usual[name]}
    return kept


def to_json_lines(several: Iterable[Subscription]) -> str:
    """One JSON object a line."""
    return "".join(escaped(msgspec.json.encode(portable(one)).decode()) + "\n" for one in several)


def to_toml(several: Iterable[Subscription]) -> str:
    """``[[subscription]]`` tables, which people edit by hand."""
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
    """The subscriptions of an export (or of any JSON Lines with ``id`` and ``query``). All are checked.

    Raises UsageError naming line or table, QueryError with the position.
    """
    found: dict[str, Subscription] = {}
    for place, plain in _tables(data, where) if toml else _lines(data, where):
        one = _read(plain, place)
        if one.id in found:
            raise UsageError(f"{place}: the id {one.id!r} is there twice")
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
        raise UsageError(f"{where}: holds no [[subscription]] tables, or something else beside them")
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
    # A JSON string, number or truth value is one of TOML's too, but for DEL, which is escaped with others of its kind.
    return escaped_toml(msgspec.json.encode(value).decode())
