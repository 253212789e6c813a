"""Settings: defaults, overridden by ``wirewatch.toml``, then by ``WIREWATCH_…`` in the environment. Unknown names are
errors.

Each setting is defined here once, in the section of the package that reads it: its name with its unit, its default and
its meaning; ``docs/settings.md`` has the same rows (a test compares them). The file is one flat list of names.
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
    """Where everything is kept, the streams, and what every service does for its operator. URLs may contain credentials."""

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
            "longest time that a call to a stream may take before it fails and is retried; timeout_s in the URL takes "
            "precedence"
        ),
    ] = 15.0
    stream_answer_s: Annotated[
        float,
        _help(
            "longest wait for one Kafka broker's answer before it counts as gone; answer_s in the URL takes precedence"
        ),
    ] = 4.0
    stream_connect_s: Annotated[
        float,
        _help(
            "longest wait for a connection to one Kafka broker, sign-in included; connect_s in the URL takes precedence"
        ),
    ] = 2.0
    retention_days: Annotated[
        float, _help("how long the raw stream keeps records, which is how far back a replay can go")
    ] = 30.0
    retention_bytes: Annotated[int, _help("most bytes that the raw stream keeps, compressed; 0: no limit")] = 0
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
            "after this time another machine takes over the feeds and channels of a process that died; "
            "the same machine does so at once"
        ),
    ] = 10.0
    metrics_port: Annotated[int, _help("port for /metrics, /healthz and /readyz; 0: none")] = 0
    metrics_host: Annotated[str, _help("address to listen on for metrics")] = "127.0.0.1"
    canary_interval_s: Annotated[
        float, _help("time between two canary articles, which check the whole pipeline; 0: none")
    ] = 300.0
    tracing_url: Annotated[
        str,
        _help("OTLP endpoint (HTTP) that traces are sent to, from fetch to delivered alert; empty: no traces"),
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
        float, _help("shortest pause between two polls of a feed; longer for a feed that publishes less often")
    ] = 120.0
    poll_average_s: Annotated[
        float, _help("all feeds together get as many polls as if each were polled once in this time")
    ] = 600.0
    archive_days: Annotated[
        float,
        _help(
            "an item that appears in a feed later, dated at least this many days before the newest, "
            "never raises an alert; 0: no limit"
        ),
    ] = 3.0
    host_gap_s: Annotated[float, _help("pause between two requests to one host")] = 5.0
    pages_per_poll: Annotated[int, _help("most article pages fetched in one poll of a feed")] = 20
    pollers: Annotated[int, _help("feeds that one process polls in parallel")] = 16
    contact: Annotated[str, _help("address or page in the user agent, for publishers")] = ""
    proxy: Annotated[
        str, _help("proxy for all requests to publishers: http://[user:password@]host:port; empty: none")
    ] = ""
    allow_private: Annotated[
        tuple[str, ...],
        _help("hosts (or host:port) that connectors may connect to although their addresses are private"),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """From the raw stream to results."""

    topics_dir: Annotated[
        str,
        _help("folder with further topic files; a file with the name of a built-in topic replaces it; empty: none"),
    ] = ""
    extraction_processes: Annotated[
        int,
        _help(
            "processes that prepare records (extraction, topics, queries); 0: the pipeline's own process, without limits"
        ),
    ] = 2
    spare_processes: Annotated[int, _help("idle processes, ready to replace one that was stopped")] = 2
    first_limit_s: Annotated[
        float,
        _help(
            "a record that takes longer moves to the slow lane; 0: the records after it wait for up to record_limit_s"
        ),
    ] = 1.0
    record_limit_s: Annotated[
        float,
        _help(
            "most CPU seconds that preparing a record may take, with or without the slow lane; then it is rejected "
            "(and always after six times as many seconds of wall-clock time)"
        ),
    ] = 5.0
    slow_processes: Annotated[int, _help("processes of the slow lane, started when needed")] = 4
    breaker_pages: Annotated[
        int,
        _help(
            "after this many slow pages, if they are half of an outlet's latest, its next pages go to the slow lane; 0: never"
        ),
    ] = 3
    breaker_window_s: Annotated[float, _help("span of event time in which such pages count")] = 600.0
    story_vectors: Annotated[
        bool, _help("stories span languages, by vectors of title and lead; false: each story has one language")
    ] = True
    slice_records: Annotated[int, _help("most records in a slice")] = 2_000
    slice_bytes: Annotated[int, _help("most bytes in a slice")] = 64 << 20
    order_limit_s: Annotated[
        float,
        _help(
            "deciding a record may take this long, and a quarter of it as CPU time; then its process ends. Two ends by CPU "
            "time or a fatal signal set the record aside, any other end counts half; 0: no limit"
        ),
    ] = 60.0
    slice_s: Annotated[
        float,
        _help("a slice takes as many records as were processed lately in this time; 0: only slice_records limits it"),
    ] = 1.0
    outcomes_keep_days: Annotated[
        float,
        _help("how long the outcome of each raw record is kept, for wirewatch trace; at least 1; 0: no limit"),
    ] = 400.0
    articles_keep_days: Annotated[
        float,
        _help("how long a story is kept after its last record, with its articles and alerts; at least 7; 0: no limit"),
    ] = 0.0
    texts_keep_days: Annotated[
        float,
        _help(
            "how long the full text of articles is kept (afterwards only title, link and facts), unless the outlet has its own "
            "limit (wirewatch texts); at least 7; 0: no limit"
        ),
    ] = 0.0
    commits_keep_days: Annotated[
        float,
        _help(
            "how long times of storing are kept to the millisecond, afterwards to the minute; at least 1; 0: no limit"
        ),
    ] = 30.0
    drafts_bytes: Annotated[
        int,
        _help(
            "most disk space for kept drafts on this machine, which save extracting a record twice; 0: none are kept"
        ),
    ] = 1 << 30
    drafts_keep_days: Annotated[
        float, _help("how long a draft is kept, unless its raw record is deleted earlier; 0: no limit")
    ] = 30.0
    drafts_dir: Annotated[str, _help("folder of the kept drafts on each machine; empty: data_dir")] = ""
    in_flight_bytes: Annotated[
        int, _help("on Flink: most bytes of raw records between the reader and the store; beyond that, reading waits")
    ] = 64 << 20
    stuck_after_s: Annotated[
        float, _help("on Flink: the log names a record that takes longer from the reader to the store")
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
        _help(
            "language of pages and messages for people who chose none: en, de or ar; a browser may ask for another of them"
        ),
    ] = "en"
    desk_public_url: Annotated[
        str,
        _help(
            "address at which people reach the desk, such as https://desk.example; empty: made of desk_host and desk_port"
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
    smtp_from: Annotated[str, _help("address that alerts are sent from, and that push services get as contact")] = (
        "wirewatch@localhost"
    )
    delivery_allow_private: Annotated[
        str,
        _help(
            "hosts (or host:port) that channels may connect to although their addresses are private, separated by commas"
        ),
    ] = ""
    delivery_keep_days: Annotated[
        float, _help("how long sent messages are kept; queued, held and failed messages stay; 0: no limit")
    ] = 90.0
    briefing_at: Annotated[
        str, _help("time of day, in desk_zone, at which the briefing is sent, such as 06:30; empty: it is not sent")
    ] = ""
    briefing_hours: Annotated[int, _help("hours before that time that the briefing covers; at most 168")] = 24
    briefing_channels: Annotated[
        str,
        _help("names of the channels that the briefing is sent to, separated by commas; not webhooks or notifications"),
    ] = ""
    briefing_pdf: Annotated[bool, _help("attach the briefing to its mail as a PDF too; needs the extra pdf")] = False
    delivery_templates: Annotated[str, _help("folder with your own message templates; empty: the built-in ones")] = ""


@dataclass(frozen=True, kw_only=True)
class Settings(DeskSettings, PipelineSettings, ConnectorSettings, CoreSettings):
    """All settings: the sections of all packages in one flat list of names. Print them only through ``shown``."""

    def shown(self) -> dict[str, object]:
        """All settings for people and logs; user names, passwords and other secrets in addresses are ``***``."""
        return {name: redacted(getattr(self, name), name) for name in NAMES}


NAMES = tuple(field.name for field in fields(Settings))
"""The names of all settings as in the file; in the environment they are in capitals, after ``PREFIX``."""


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. ``file``: must exist; None: ``wirewatch.toml`` in the working directory, if there is one.

    Raises UsageError naming the file or variable and what is wrong with it.
    """
    path = file or Path(FILE)
    values: dict[str, object] = {}
    if file is not None or path.exists():
        try:
            values = from_toml(path.read_text("utf-8"))
        except OSError as error:
            hint = (
                "--config takes the name of a settings file; without it, wirewatch.toml in the current folder is read"
            )
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
    """The kind of value that a setting takes, and its meaning, in words: the library's messages name Python types."""
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
