"""The book's statements, built once: building one costs more than SQLite takes to do it. Times are milliseconds, UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, BindParameter, bindparam, case, func, select, update

from connectors.feeds.cursor import ItemStatus
from connectors.store.rows import COLUMNS, NEVER_MS
from connectors.store.tables import feed_items, feeds

_OTHERS = feeds.alias("others")
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_SKIP: BindParameter[Any] = bindparam("skip", expanding=True)
_NOW: BindParameter[Any] = bindparam("now", type_=BigInteger)

DUE = (
    select(feeds.c.id)
    .where(feeds.c.active.is_(True), feeds.c.next_poll_at <= _NOW, feeds.c.id.not_in(_SKIP))
    .order_by(feeds.c.next_poll_at, feeds.c.id)
    .limit(bindparam("most"))
)
"""now, skip, most: the longest overdue first."""

_LEASED = (_OTHERS.c.lease_until > _NOW) & (_OTHERS.c.lease_until <= bindparam("latest", type_=BigInteger))
FREE = DUE.where(
    ~select(_OTHERS.c.id)
    .where(_OTHERS.c.host == feeds.c.host, _LEASED, _OTHERS.c.leased_by != bindparam("owner"))
    .exists()
)
"""The same, owner and latest: neither the feed nor another one of its host is leased to somebody else. A lease beyond
``latest`` was taken before the clock was set back, perhaps by somebody who died."""

CLAIM = FREE.with_for_update(skip_locked=True, of=feeds)
"""The same; a row that is just being saved is left for the next look."""

LEASE = (
    update(feeds)
    .where(feeds.c.id.in_(_NAMES))
    .values(leased_by=bindparam("owner"), lease_until=bindparam("until", type_=BigInteger))
)

NEXT = (
    select(feeds.c.next_poll_at)
    .where(feeds.c.active.is_(True), feeds.c.next_poll_at < NEVER_MS, feeds.c.id.not_in(_SKIP))
    .order_by(feeds.c.next_poll_at)
    .limit(1)
)

FEEDS = select(feeds).where(feeds.c.id.in_(_NAMES))
PENDING = select(feed_items).where(feed_items.c.feed.in_(_NAMES), feed_items.c.status == ItemStatus.PENDING.value)
ITEMS = select(feed_items).where(feed_items.c.feed == bindparam("name"))

_NEW = {column: bindparam(f"new_{column}", type_=feeds.c[column].type) for column in COLUMNS}
_LEASE_UNTIL: BindParameter[Any] = bindparam("lease_until", type_=BigInteger)
SAVE = (
    update(feeds)
    .where(feeds.c.id == bindparam("name"), feeds.c.revision == bindparam("before"))
    .values(
        _NEW
        | {
            # A poke that came while the feed was being asked may be about what the answer did not have yet.
            "next_poll_at": case(
                (
                    (feeds.c.poke_at > bindparam("asked", type_=BigInteger)) & (feeds.c.poke_at < _NEW["next_poll_at"]),
                    feeds.c.poke_at,
                ),
                else_=_NEW["next_poll_at"],
            ),
            "verified_at": func.coalesce(feeds.c.verified_at, _NEW["last_ok_at"]),
            "leased_by": case(
                (_LEASE_UNTIL.is_(None), feeds.c.leased_by), else_=bindparam("owner", type_=feeds.c.leased_by.type)
            ),
            "lease_until": func.coalesce(_LEASE_UNTIL, feeds.c.lease_until),
            "revision": bindparam("after"),
        }
    )
)
"""A cursor over the one it was made from: name, before and after (revisions), asked, lease_until (None: as it is), owner,
and a ``new_`` of each of COLUMNS."""
