"""Settings: defaults, then ``wirewatch.toml``, then ``WIREWATCH_…`` in the environment. An unknown name is an error.

Each setting is defined here once, in the section of the package that reads it: its name with its unit, its default, its
meaning; a row of ``docs/settings.md`` says the same (a test compares them). The file is one flat list of names.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec

from core.decoding import Undecodable, from_toml
from core.errors import UsageError
from core.logs import redacted

FILE = "wirewatch.toml"
PREFIX = "WIREWATCH_"


def _help(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


@dataclass(frozen=True, kw_only=True)
class CoreSettings:
    """Where everything is kept, the streams, and what each service does for its operator. URLs may hold credentials."""

    data_dir: Annotated[str, _help("folder of the embedded stream and store")] = "var"
    stream_url: Annotated[
        str, _help("raw and output streams: sqlite:///file or kafka://host:port; empty: a file in data_dir")
    ] = ""
    store_url: Annotated[str, _help("the store: sqlite:///file or postgresql://…; empty: a file in data_dir")] = ""
    search_dir: Annotated[str, _help("folder of the search index; empty: search in data_dir")] = ""
    archive_dir: Annotated[str, _help("folder of the raw stream's archive; empty: archive in data_dir")] = ""
    raw_stream: Annotated[str, _help("name of the raw stream")] = "raw-articles"
    partitions: Annotated[int, _help("partitions of a new stream")] = 4
    stream_timeout_s: Annotated[
        float,
        _help(
            "longest time that a call to a stream takes before it fails and is tried again; timeout_s in the URL wins"
        ),
    ] = 15.0
    stream_answer_s: Annotated[
        float,
        _help(
            "longest time that one Kafka broker may take for an answer before it is taken for gone; answer_s in the URL wins"
        ),
    ] = 4.0
    stream_connect_s: Annotated[
        float,
        _help(
            "longest time that one Kafka broker may take for a connection, with its password; connect_s in the URL wins"
        ),
    ] = 2.0
    retention_days: Annotated[
        float, _help("how long the raw stream keeps records, which is how far back a replay can go")
    ] = 30.0
    retention_bytes: Annotated[int, _help("how much the raw stream keeps at most, compressed; 0: no limit")] = 0
    schema_registry_url: Annotated[
        str,
        _help(
            "schema registry with Confluent's REST interface, where wirewatch streams create registers the streams' JSON "
            "Schemas; empty: none"
        ),
    ] = ""
    run: Annotated[str, _help("name of the continuous run")] = "live"
    lease_s: Annotated[
        float,
        _help(
            "after this time another machine takes over what a process held when it died (feeds, channels); "
            "the same one at once"
        ),
    ] = 10.0
    metrics_port: Annotated[int, _help("port of /metrics, /healthz and /readyz; 0: none")] = 0
    metrics_host: Annotated[str, _help("address that the metrics listen on")] = "127.0.0.1"
    canary_interval_s: Annotated[
        float, _help("time between two canary articles, which show that everything works; 0: none")
    ] = 300.0
    tracing_url: Annotated[
        str,
        _help("OTLP endpoint (HTTP) that traces are sent to, from fetch to delivered alert; empty: none are recorded"),
    ] = ""
    log_format: Annotated[
        Literal["auto", "text", "json"], _help("logs on stderr: text or JSON lines; auto: text on a terminal")
    ] = "auto"

    @property
    def stream(self) -> str:
        """The stream URL in force."""
        url = self.stream_url or f"sqlite:///{Path(self.data_dir) / 'streams.db'}"
        names = ("timeout_s", "answer_s", "connect_s") if url.startswith("kafka://") else ("timeout_s",)
        for name in names:
            value = getattr(self, f"stream_{name}")
            if value != getattr(CoreSettings, f"stream_{name}") and f"{name}=" not in url:
                url = f"{url}{'&' if '?' in url else '?'}{name}={value:g}"
        return url

    @property
    def store(self) -> str:
        """The store URL in force."""
        return self.store_url or f"sqlite:///{Path(self.data_dir) / 'store.db'}"


@dataclass(frozen=True, kw_only=True)
class ConnectorSettings:
    """How feeds are polled and pages are fetched."""

    poll_interval_s: Annotated[
        float, _help("shortest pause between two polls of a feed; its own rhythm makes it longer")
    ] = 120.0
    poll_average_s: Annotated[
        float, _help("all feeds together are polled as often as if each were polled once in this time")
    ] = 600.0
    archive_days: Annotated[
        float,
        _help(
            "an item listed later and dated so many days before the feed's newest is archive, never alerted; 0: none"
        ),
    ] = 3.0
    host_gap_s: Annotated[float, _help("pause between two requests to one host")] = 5.0
    pages_per_poll: Annotated[int, _help("article pages fetched at one poll of a feed, at most")] = 20
    pollers: Annotated[int, _help("feeds that one process polls at the same time")] = 16
    contact: Annotated[str, _help("address or page in the user agent, for publishers")] = ""
    proxy: Annotated[
        str, _help("proxy for all requests to publishers: http://[user:password@]host:port; empty: none")
    ] = ""
    allow_private: Annotated[
        tuple[str, ...], _help("hosts (or host:port) that connectors may reach although their addresses are private")
    ] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """From the raw stream to results."""

    topics_dir: Annotated[
        str,
        _help(
            "folder of topic files beside the built-in ones; one of the same name replaces a built-in topic; empty: none"
        ),
    ] = ""
    extraction_processes: Annotated[
        int,
        _help(
            "processes that prepare records (extraction, topics, queries); 0: the pipeline's own process, without any limit"
        ),
    ] = 2
    spare_processes: Annotated[int, _help("processes that are ready to replace one that was ended")] = 2
    first_limit_s: Annotated[
        float,
        _help(
            "a record that takes longer leaves the order for the slow lane; 0: it holds the order up to record_limit_s"
        ),
    ] = 1.0
    record_limit_s: Annotated[
        float,
        _help(
            "CPU seconds that a record may take at most to be prepared, in the slow lane or without it; then it is rejected "
            "(after six times as many by the clock in any case)"
        ),
    ] = 5.0
    slow_processes: Annotated[int, _help("processes of the slow lane, started when it is needed")] = 4
    breaker_pages: Annotated[
        int,
        _help(
            "so many slow pages of an outlet, if they are half of its latest, send its next to the slow lane; 0: none do"
        ),
    ] = 3
    breaker_window_s: Annotated[float, _help("span of event time in which such pages count")] = 600.0
    story_vectors: Annotated[
        bool, _help("stories are formed across languages, by vectors of title and lead; false: each in one language")
    ] = True
    slice_records: Annotated[int, _help("records in a slice, at most")] = 2_000
    slice_bytes: Annotated[int, _help("bytes in a slice, at most")] = 64 << 20
    order_limit_s: Annotated[
        float,
        _help(
            "deciding a record may take so long, and a quarter of it as CPU time; then its process ends, and after the second "
            "time it is set aside; 0: no limit"
        ),
    ] = 60.0
    slice_s: Annotated[
        float,
        _help("a slice takes no more records than the latest ones did in this time; 0: slice_records alone counts"),
    ] = 1.0
    outcomes_keep_days: Annotated[
        float,
        _help("how long the outcome of each raw record is kept, for trace; at least 1; 0: no limit"),
    ] = 400.0
    articles_keep_days: Annotated[
        float,
        _help("how long a story is kept after its last record, with its articles and alerts; at least 7; 0: no limit"),
    ] = 0.0
    texts_keep_days: Annotated[
        float,
        _help(
            "how long the full text of articles is kept, then title, link and facts, unless the outlet has a limit of its own "
            "(wirewatch texts); at least 7; 0: no limit"
        ),
    ] = 0.0
    commits_keep_days: Annotated[
        float,
        _help("how long the time of storing is kept to the millisecond, then to the minute; at least 1; 0: no limit"),
    ] = 30.0
    drafts_bytes: Annotated[
        int,
        _help(
            "how much the drafts take on this machine that are kept so that no record is extracted twice; 0: none are"
        ),
    ] = 1 << 30
    drafts_keep_days: Annotated[
        float, _help("how long such a draft is kept at most; it goes earlier with its raw record; 0: no limit")
    ] = 30.0
    drafts_dir: Annotated[str, _help("folder of the kept drafts, on each machine; empty: data_dir")] = ""
    in_flight_bytes: Annotated[
        int, _help("on Flink: bytes of raw records between the reader and the store, at most; then reading waits")
    ] = 64 << 20
    stuck_after_s: Annotated[
        float, _help("on Flink: a record that takes longer from the reader to the store is named in the log")
    ] = 60.0
    flink_rest_url: Annotated[
        str,
        _help(
            "REST address of the Flink cluster, where the pipeline cancels jobs that an earlier start left behind; empty: none"
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class DeskSettings:
    """Where the desk is, who signs people in, and how alerts reach them."""

    desk_host: Annotated[str, _help("address that the desk listens on")] = "127.0.0.1"
    desk_port: Annotated[int, _help("port that the desk listens on")] = 8642
    desk_zone: Annotated[str, _help("time zone of the desk, such as Europe/Berlin")] = "UTC"
    desk_language: Annotated[
        str,
        _help("language of the desk's pages for a browser that asks for no language that the desk has: en, de or ar"),
    ] = "en"
    desk_public_url: Annotated[
        str,
        _help(
            "address at which people reach the desk, as https://desk.example; empty: made of desk_host and desk_port"
        ),
    ] = ""
    desk_proxies: Annotated[
        str,
        _help("addresses or networks of reverse proxies whose headers are trusted, separated by commas; empty: none"),
    ] = ""
    desk_proxy_header: Annotated[
        str, _help("header in which such a proxy names the person it has signed in; empty: people sign in at the desk")
    ] = ""
    smtp_url: Annotated[
        str, _help("mail server of delivery: smtp://user:password@host:587 (STARTTLS) or smtps://…; empty: no mail")
    ] = ""
    smtp_from: Annotated[str, _help("address that alerts are sent from")] = "wirewatch@localhost"
    delivery_allow_private: Annotated[
        str,
        _help("hosts (or host:port) that channels may reach although their addresses are private, separated by commas"),
    ] = ""
    delivery_keep_days: Annotated[
        float, _help("how long sent messages are kept; messages that wait, are held or failed stay; 0: no limit")
    ] = 90.0
    briefing_at: Annotated[
        str, _help("time of day, in desk_zone, at which the briefing is sent, as 06:30; empty: it is not sent")
    ] = ""
    briefing_hours: Annotated[int, _help("hours before that time that the briefing covers; at most 168")] = 24
    briefing_channels: Annotated[
        str, _help("names of the channels that the briefing is sent to, separated by commas; no webhooks")
    ] = ""
    delivery_templates: Annotated[str, _help("folder with your own message templates; empty: the built-in ones")] = ""


@dataclass(frozen=True, kw_only=True)
class Settings(DeskSettings, PipelineSettings, ConnectorSettings, CoreSettings):
    """All settings: each package's section, under names of one flat list. Print them only through ``shown``."""

    def shown(self) -> dict[str, object]:
        """All settings for people and logs: user names, passwords and other secrets of addresses are ``***``."""
        return {name: redacted(getattr(self, name), name) for name in NAMES}


NAMES = tuple(field.name for field in fields(Settings))
"""The names of all settings, as the file has them; in the environment they are in capitals, after ``PREFIX``."""


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. ``file``: one that must exist; None: ``wirewatch.toml`` here, if there is one.

    Raises UsageError naming the file or variable and what is wrong with it.
    """
    path = file or Path(FILE)
    values: dict[str, object] = {}
    if file is not None or path.exists():
        try:
            values = from_toml(path.read_text("utf-8"))
        except OSError as error:
            hint = "--config takes the name of a settings file; without it, wirewatch.toml here is read"
            raise UsageError(f"{path}: {(error.strerror or 'it cannot be read').lower()}", hint=hint) from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path}: not UTF-8 text", hint="settings are a TOML file of lines name = value"
            ) from error
        except Undecodable as error:
            raise UsageError(f"{path}: not TOML: {error}", hint='lines are name = value, words in "quotes"') from error
    _check(values, str(path), strict=True)
    for variable, text in sorted((os.environ if environment is None else environment).items()):
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            value: object = [part for part in text.split(",") if part] if name == "allow_private" else text
            _check({name: value}, variable, strict=False)
            values[name] = value
    return msgspec.convert(values, Settings, strict=False)


def _check(values: Mapping[str, object], where: str, *, strict: bool) -> None:
    for name, value in values.items():
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            known = f"known settings are {', '.join(sorted(NAMES))}"
            hint = f"did you mean {near[0]}?" if near else known
            raise UsageError(f"{where}: there is no setting {name!r}", hint=hint)
        try:
            msgspec.convert({name: value}, Settings, strict=strict)
        except msgspec.ValidationError as error:
            kind, meaning = _described(name)
            raise UsageError(f"{where}: {name} must be {kind}", hint=f"it says: {meaning}") from error


def _described(name: str) -> tuple[str, str]:
    """What a setting takes and what it means, in words. The library's own words speak of Python's types."""
    settings = cast("msgspec.inspect.DataclassType", msgspec.inspect.type_info(Settings))
    found = cast("msgspec.inspect.Metadata", next(field.type for field in settings.fields if field.name == name))
    match found.type:
        case msgspec.inspect.BoolType():
            kind = "true or false"
        case msgspec.inspect.IntType():
            kind = "a whole number"
        case msgspec.inspect.FloatType():
            kind = "a number"
        case msgspec.inspect.LiteralType(values=values):
            kind = f"one of {', '.join(map(str, values))}"
        case msgspec.inspect.StrType():
            kind = "text in quotes"
        case _:
            kind = "a list of texts"
    return kind, str((found.extra_json_schema or {})["description"])
