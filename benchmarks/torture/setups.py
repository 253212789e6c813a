"""The three installations that are tortured."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.torture.disks import FileLimit, SmallDisk
from benchmarks.torture.faults import CLUSTER, CUTS, DISK, SERVERS, SERVICES, Fault, Installation
from benchmarks.torture.parts import Flink, Part, Postgres, service
from core.settings import NAMES, PREFIX, Settings
from tests.servers.kafka import KafkaServer

MIB = 1 << 20
# Small enough to be filled at once, large enough not to be full of articles after a quarter of an hour: 96 MiB were.


@contextlib.contextmanager
def sqlite_in_slices(folder: Path, allowed: list[str]) -> Iterator[Installation]:
    """Everything embedded: stream and store are files on one small disk."""
    settings = _settings(folder / "disk", allowed, "", "")
    trap, tended = folder / "trap", _services(settings, folder, folder / "trap", ())
    disks: dict[str, SmallDisk | FileLimit] = {}
    by = "tmpfs"
    try:
        disks["data"] = SmallDisk(folder / "disk", 384 * MIB)
    except OSError:
        disks["data"], by = FileLimit(list(tended.values())), "RLIMIT_FSIZE"
    here = Installation("SQLite in slices", settings, trap, tended, {**SERVICES, **DISK}, disks, by)
    with _ended(here):
        yield here


@contextlib.contextmanager
def servers_in_slices(folder: Path, allowed: list[str]) -> Iterator[Installation]:
    """Kafka and PostgreSQL, each on a small disk of its own; the pipeline in slices."""
    with _servers(folder, allowed) as here:
        here.name = "Kafka+PostgreSQL in slices"
        here.tended = _services(here.settings, folder, here.trap, ())
        here.faults = _possible({**SERVICES, **SERVERS, **CUTS}, here)
        with _ended(here):
            yield here


@contextlib.contextmanager
def servers_on_flink(folder: Path, allowed: list[str]) -> Iterator[Installation]:
    """Kafka and PostgreSQL, the pipeline on a Flink cluster with its checkpoints on a small disk."""
    with _servers(folder, allowed) as here, contextlib.ExitStack() as stack:
        if here.disk_by == "tmpfs":
            disk = here.disks["checkpoints"] = SmallDisk(folder / "flink/checkpoints", 64 * MIB)
            stack.callback(disk.close)
        flink = here.flink = Flink(folder / "flink", here.trap)
        stack.callback(flink.close)
        flink.start()
        here.name = "Kafka+PostgreSQL on Flink"
        here.settings = _changed(here.settings, flink_rest_url=flink.rest)
        here.tended = _services(here.settings, folder, here.trap, flink.options())
        here.faults = _possible({**SERVICES, **SERVERS, **CLUSTER, **CUTS}, here)
        with _ended(here):
            yield here


SETUPS = {"sqlite": sqlite_in_slices, "kafka": servers_in_slices, "flink": servers_on_flink}


@contextlib.contextmanager
def _servers(folder: Path, allowed: list[str]) -> Iterator[Installation]:
    with contextlib.ExitStack() as stack:
        disks: dict[str, SmallDisk | FileLimit] = {}
        by = "tmpfs"
        for name, size in (("kafka", 384 * MIB), ("postgres", 512 * MIB)):
            try:
                disks[name] = SmallDisk(folder / name, size)
                stack.callback(disks[name].close)
            except OSError:
                by = "none"
                (folder / name).mkdir(exist_ok=True)
        kafka, postgres = KafkaServer(folder / "kafka"), Postgres(folder / "postgres")
        stack.callback(postgres.close)
        stack.callback(kafka.kill)
        postgres.start()
        kafka.start()
        settings = _settings(folder, allowed, f"{kafka.url}?timeout_s=5", postgres.url)
        yield Installation("", settings, folder / "trap", {}, disks=disks, disk_by=by, kafka=kafka, postgres=postgres)


def _possible(faults: Mapping[str, Fault], here: Installation) -> dict[str, Fault]:
    """Without those that need a disk that could not be mounted."""
    return {name: fault for name, fault in faults.items() if here.disks or not name.startswith("disk")}


def _settings(data: Path, allowed: list[str], stream_url: str, store_url: str) -> Settings:
    return Settings(
        data_dir=str(data),
        stream_url=stream_url,
        store_url=store_url,
        extraction_processes=0,
        poll_interval_s=0.5,
        host_gap_s=0.0,
        lease_s=5.0,
        allow_private=tuple(allowed),
    )


def _changed(settings: Settings, **fields: str) -> Settings:
    return dataclasses.replace(settings, **fields)


def _services(settings: Settings, folder: Path, trap: Path, options: list[str] | tuple[()]) -> dict[str, Part]:
    environment = {
        f"{PREFIX}{name.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
        for name in NAMES
        if (value := getattr(settings, name)) is not None
    }
    commands = {"connectors": ("connectors", "run"), "pipeline": ("pipeline", "run", *options)}
    return {
        name: service(name, *command, folder=folder, settings=environment, trap=trap)
        for name, command in commands.items()
    }


@contextlib.contextmanager
def _ended(here: Installation) -> Iterator[None]:
    try:
        yield
    finally:
        for part in here.tended.values():
            part.kill(family=True)
        for disk in here.disks.values():
            disk.close()
