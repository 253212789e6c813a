"""The payload of a push, short enough for every push service, however long a title is. Pure.

The device's script (``desk/web/static/service-worker.js``) shows it. ``alert`` is an id at this desk, never an address, so a
push can only open a page of the desk that the device got its script from.
"""

from __future__ import annotations

from typing import Any

import msgspec

from core.graphemes import shortened
from desk.delivery.render import Notice, one_line
from desk.delivery.store.channels import key_of

MOST_ENCRYPTED = 4_096
"""Bytes that every push service must accept (RFC 8030, section 7.2)."""
OVERHEAD = 103
"""The bytes of these that encryption adds: salt, sizes and key (86), padding (1), tag (16) (RFC 8188, RFC 8291)."""
TITLE_BYTES, NAME_BYTES, ID_BYTES = 900, 240, 120
"""The limits before JSON encoding; a quote or a backslash takes two bytes in JSON, so the encoded text may be twice as long."""


def payload_of(notice: Notice) -> bytes:
    """The JSON of a notice, of at most ``MOST_ENCRYPTED - OVERHEAD`` bytes. Raises UsageError if a template fails."""
    alert = notice.alerts[0] if notice.alerts else None
    single = alert is not None and len(notice.alerts) == 1
    said: dict[str, Any] = {
        "id": notice.id[:ID_BYTES],
        "kind": notice.kind,
        "tag": topic_of(notice),
        "at": notice.at_ms,
        "title": shortened(one_line(notice.push), TITLE_BYTES),
        "outlet": shortened(one_line(alert.source), NAME_BYTES) if alert is not None and single else "",
        "subscription": shortened(one_line(notice.subscription_name), NAME_BYTES) if alert is not None else "",
        "alert": alert.id[:ID_BYTES] if alert is not None and single else "",
    }
    return msgspec.json.encode(said)


def topic_of(notice: Notice) -> str:
    """The topic within which a later push replaces an earlier one, in transit and on the screen: a story, or one notice.

    32 of the characters that RFC 8030 allows.
    """
    return key_of("push", notice.thread or notice.id)
