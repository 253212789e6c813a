"""Labels that the desk gives to outlets: state-run, agency, independent, or the desk's own words, each with its source.

Labels are never guessed, and a label without a source is refused. Queries on records (``kind:``) use versions of the labels
(``core.store.subscriptions``), which are written in the same transaction. Times are ms, UTC. Raises StoreError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Table

from core.errors import UsageError
from core.store import SubscriptionStore
from core.store.engine import Store
from core.store.metadata import IndexedString, SafeString, SafeText, metadata
from desk.language import N_, gettext, in_words

STATE, AGENCY, INDEPENDENT = "state", "agency", "independent"
KINDS: Mapping[str, str] = {STATE: N_("state-run"), AGENCY: N_("agency"), INDEPENDENT: N_("independent")}
"""Labels with the same meaning at every desk, and their names. All others are the desk's own and are shown as written."""
LONGEST = 40
_OWN = re.compile(r"[^\W_][\w .-]*")

outlet_labels = Table(
    "outlet_labels",
    metadata,
    Column("source", IndexedString, primary_key=True),
    Column("label", SafeString(LONGEST), primary_key=True),
    # Its source: an address, or the name of a document.
    Column("basis", SafeText, nullable=False),
    Column("by_name", SafeText, nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
)


class OutletLabel(msgspec.Struct, frozen=True, kw_only=True):
    """One label of an outlet (``source``, as in articles). ``basis``: the source of the label."""

    source: str
    label: str
    basis: str
    by_name: str = ""
    changed_ms: int = 0

    @property
    def words(self) -> str:
        """The label's name, in the reader's language."""
        return label_words(self.label)


def label_words(label: str) -> str:
    """The name of a label, in the reader's language."""
    return in_words(KINDS, label)


def outlet_label(source: str, label: str, basis: str, *, by_name: str = "", now_ms: int = 0) -> OutletLabel:
    """A label as it is stored, in lower case. Raises UsageError, naming what is missing or invalid. Pure."""
    source, basis, label = source.strip(), " ".join(basis.split()), " ".join(label.casefold().split())
    label = next(
        (kind for kind, words in KINDS.items() if label in (kind, words, in_words(KINDS, kind).casefold())), label
    )
    if not source:
        raise UsageError(gettext("name the outlet"))
    if not _OWN.fullmatch(label) or len(label) > LONGEST:
        raise UsageError(
            gettext("%(label)s is not a label", label=repr(label[:60])),
            hint=gettext("letters, digits, spaces, dots and hyphens; at most %(num)s", num=LONGEST),
        )
    if not basis:
        raise UsageError(gettext("give the source of the label"), hint=gettext("an address, or the name of a document"))
    return OutletLabel(source=source, label=label, basis=basis[:2_000], by_name=by_name, changed_ms=now_ms)


def non_state(sources: Iterable[str], labels: Mapping[str, Iterable[str]]) -> int | None:
    """How many of a story's independent sources are not state-run; None if no source has a label. Pure.

    A source without a label counts as not state-run.
    """
    listed = list(sources)
    if not any(labels.get(one) for one in listed):
        return None
    return sum(STATE not in labels.get(one, ()) for one in listed)


class OutletLabels:
    """The labels of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> list[OutletLabel]:
        """All labels, by outlet and label."""
        query = sa.select(outlet_labels).order_by(outlet_labels.c.source, outlet_labels.c.label)
        with self.store.reading() as connection:
            return [OutletLabel(**row) for row in connection.execute(query).mappings()]

    def by_source(self) -> dict[str, tuple[str, ...]]:
        """The labels of each outlet, sorted."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.all():
            found[one.source] = (*found.get(one.source, ()), one.label)
        return found

    def put(self, label: OutletLabel) -> None:
        """Store a label, replacing one with the same words. Queries use it from ``changed_ms`` plus the usual margin."""
        with self.store.writing() as connection:
            self.store.upsert(connection, outlet_labels, [msgspec.structs.asdict(label)])
            self._version(connection, label.source, label.by_name, label.changed_ms)

    def drop(self, source: str, label: str, *, by_name: str = "", now_ms: int = 0) -> bool:
        """Remove a label. Returns False if there was none."""
        c = outlet_labels.c
        with self.store.writing() as connection:
            gone = connection.execute(outlet_labels.delete().where(c.source == source, c.label == label))
            self._version(connection, source, by_name, now_ms)
            return gone.rowcount > 0

    def _version(self, connection: sa.Connection, source: str, by_name: str, now_ms: int) -> None:
        c, outlet = outlet_labels.c, source.casefold()
        rows = connection.execute(sa.select(c.source, c.label))
        labels = {row.label for row in rows if row.source.casefold() == outlet}
        SubscriptionStore(self.store).save_labels(connection, outlet, labels, by=by_name, now_ms=now_ms)
