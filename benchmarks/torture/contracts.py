"""Whether records keep the contracts of their streams: each record of each stream, by the schema that docs/contracts has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from jsonschema import Draft202012Validator

from core.records.contracts import CONTRACTS, schema_of
from core.settings import Settings
from core.streams import Stream, StreamRecord, open_stream


def broken(settings: Settings) -> tuple[Counter[str], list[str]]:
    """Stream → how many records it has, and what breaks a contract: ``stream partition/offset: why``."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for contract in CONTRACTS:
        validator = Draft202012Validator(schema_of(contract))
        name = settings.raw_stream if contract.name == Settings().raw_stream else contract.name
        with open_stream(settings.stream, name) as stream:
            for record in read_all(stream):
                seen[contract.name] += 1
                place = f"{name} {record.partition}/{record.offset}"
                try:
                    found = validator.iter_errors(msgspec.json.decode(record.value))
                    wrong += [f"{place}: {error.json_path}: {error.message[:200]}" for error in found]
                except msgspec.DecodeError as error:
                    wrong.append(f"{place}: {error}")
    return seen, wrong


def read_all(stream: Stream) -> Iterator[StreamRecord]:
    """All records that the stream has now, partition after partition."""
    partitions = stream.partitions()
    ends = stream.end_offsets(partitions)
    for partition, offset in stream.start_offsets(partitions).items():
        at = offset
        while at < ends[partition]:
            part = stream.read({partition: at}, wait_ms=5_000)
            if not part:
                # Offsets without records, such as a transaction's marks.
                break
            yield from part
            at = part[-1].offset + 1
