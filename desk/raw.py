"""Raw records, as they lie on the raw stream."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.errors import StreamError
from core.records import RawArticle, decode
from core.settings import CoreSettings
from core.streams import open_stream


class RawRecord(NamedTuple):
    """One raw record, or why it can't be shown. ``text`` is the record as it lies there."""

    raw: RawArticle | None
    text: str
    problem: str = ""


def read_raw(settings: CoreSettings, stream_uuid: str, partition: int, offset: int) -> RawRecord:
    """The raw record at a position. What is gone or can't be read is said, not raised."""
    try:
        with open_stream(settings.stream, settings.raw_stream) as stream:
            if stream.uuid != stream_uuid:
                return RawRecord(None, "", "the stream was made anew since: this record is gone")
            found = next((one for one in stream.read({partition: offset}) if one.offset == offset), None)
    except StreamError as error:
        return RawRecord(None, "", error.message)
    if found is None:
        return RawRecord(None, "", "the stream no longer holds this record")
    text = found.value.decode("utf-8", "replace")
    try:
        return RawRecord(decode(found.value, RawArticle), text)
    except msgspec.DecodeError as error:
        return RawRecord(None, text, f"no raw article: {error}")
