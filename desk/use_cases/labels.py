"""Labels of outlets: list all known outlets with their labels, add and remove labels."""

from __future__ import annotations

from typing import NamedTuple

from core.errors import NotFound
from core.store.counts import read_activity
from desk.labels import OutletLabel, OutletLabels, outlet_label
from desk.language import gettext
from desk.people.accounts import By
from desk.use_cases.desk import Desk
from desk.views.wording import outlet_name


class LabelledOutlet(NamedTuple):
    """An outlet with its labels; ``articles``: how many of its articles are stored."""

    source: str
    name: str
    articles: int
    labels: tuple[OutletLabel, ...]


def labelled_outlets(desk: Desk) -> list[LabelledOutlet]:
    """Outlets with a label first, then those with the most articles. Raises StoreError."""
    labels: dict[str, list[OutletLabel]] = {}
    for one in OutletLabels(desk.store).all():
        labels.setdefault(one.source, []).append(one)
    with desk.store.reading() as connection:
        counts = {one.source: one.articles for one in read_activity(connection, desk.settings.run)}
    outlets = desk.follower.outlets
    found = [
        LabelledOutlet(source, outlet_name(source, outlets), counts.get(source, 0), tuple(labels.get(source, ())))
        for source in {*labels, *counts, *outlets}
    ]
    return sorted(found, key=lambda one: (not one.labels, -one.articles, one.name.casefold(), one.source))


def put_label(desk: Desk, by: By, source: str, label: str, basis: str) -> OutletLabel:
    """Give an outlet a label. Raises UsageError if the label is invalid or has no source."""
    made = outlet_label(source, label, basis, by_name=by.person.name, now_ms=desk.clock_ms())
    OutletLabels(desk.store).put(made)
    desk.accounts.note(by, "outlet labelled", made.source, f"{made.label}: {made.basis}")
    return made


def drop_label(desk: Desk, by: By, source: str, label: str) -> None:
    """Remove a label. Raises NotFound."""
    if not OutletLabels(desk.store).drop(source, label, by_name=by.person.name, now_ms=desk.clock_ms()):
        raise NotFound(gettext("the outlet has no such label"))
    desk.accounts.note(by, "label removed", source, label)


def sources_with(desk: Desk, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The outlets that have one of these labels."""
    wanted = set(labels)
    return tuple(sorted(source for source, has in desk.follower.labels.items() if wanted.intersection(has)))
