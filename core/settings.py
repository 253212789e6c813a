"""Settings: defaults, then ``wirewatch.toml``, then ``WIREWATCH_…`` in the environment. Unknown names fail.

Each setting stands here once: its name with its unit, its default, what it means.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec

from core.errors import UsageError

FILE = "wirewatch.toml"
PREFIX = "WIREWATCH_"
# What stands before the host's @, and parameters that are named like secrets.
_SECRET = re.compile(
    r"(?<=://)[^/\s]*(?=@)|(?<=[?&;])([^=&;]*(?:password|secret|token|key)[^=&;]*=)[^&;\s]*", re.IGNORECASE
)


def _help(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. URLs may hold credentials: print them only through ``shown``."""

    data_dir: Annotated[str, _help("folder of the embedded stream and store")] = "var"
    stream_url: Annotated[
        str, _help("raw and output streams: sqlite:///file or kafka://host:port; empty: in data_dir")
    ] = ""
    store_url: Annotated[str, _help("the store: sqlite:///file or postgresql://…; empty: in data_dir")] = ""
    search_dir: Annotated[str, _help("folder of the search index; empty: search in data_dir")] = ""
    archive_dir: Annotated[str, _help("folder of the raw stream's archive; empty: archive in data_dir")] = ""
    raw_stream: Annotated[str, _help("name of the raw stream")] = "raw-articles"
    partitions: Annotated[int, _help("partitions of streams that are made")] = 4
    retention_days: Annotated[float, _help("how long the raw stream keeps records: as far back as a replay can go")] = (
        30.0
    )
    retention_bytes: Annotated[int, _help("most bytes that the raw stream keeps, compressed; 0: no limit")] = 0
    run: Annotated[str, _help("name of the continuous run")] = "live"
    topics_dir: Annotated[str, _help("folder of topic files beside the built-in ones; empty: none")] = ""
    extraction_processes: Annotated[int, _help("processes that extract pages; 0: extract in the pipeline itself")] = 2
    slice_records: Annotated[int, _help("most records in a slice")] = 2_000
    slice_bytes: Annotated[int, _help("most bytes in a slice")] = 64 << 20
    flink_rest_url: Annotated[
        str,
        _help("REST address of the Flink cluster: the pipeline cancels there what an earlier one left; empty: none"),
    ] = ""
    poll_interval_s: Annotated[
        float, _help("least pause between two polls of a feed; its own rhythm makes it longer")
    ] = 120.0
    poll_average_s: Annotated[
        float, _help("feeds are polled as often, all together, as if each were asked once in so many seconds")
    ] = 600.0
    host_gap_s: Annotated[float, _help("pause between two requests to one host")] = 5.0
    pages_per_poll: Annotated[int, _help("most article pages fetched at one poll of a feed")] = 20
    metrics_port: Annotated[int, _help("port of /metrics, /healthz and /readyz; 0: none")] = 0
    canary_interval_s: Annotated[
        float, _help("pause between two canary articles, which show that everything works; 0: none")
    ] = 300.0
    log_format: Annotated[
        Literal["auto", "text", "json"], _help("logs on stderr: text or JSON lines; auto: text on a terminal")
    ] = "auto"
    metrics_host: Annotated[str, _help("address that the metrics listen on")] = "127.0.0.1"
    feed_lease_s: Annotated[
        float, _help("after so long, feeds that a connectors process was polling when it died are polled by another")
    ] = 120.0
    contact: Annotated[str, _help("address or page in the user agent, for publishers")] = ""
    proxy: Annotated[
        str, _help("proxy for all requests to publishers: http://[user:password@]host:port; empty: none")
    ] = ""
    pollers: Annotated[int, _help("feeds polled at once by a process")] = 16
    desk_host: Annotated[str, _help("address that the desk listens on")] = "127.0.0.1"
    desk_port: Annotated[int, _help("port that the desk listens on")] = 8642
    desk_zone: Annotated[str, _help("time zone of the desk, such as Europe/Berlin")] = "UTC"
    desk_public_url: Annotated[
        str, _help("address at which people reach the desk, as https://desk.example; empty: by desk_host and desk_port")
    ] = ""
    desk_proxies: Annotated[
        str,
        _help("addresses or networks of reverse proxies whose headers are believed, separated by commas; empty: none"),
    ] = ""
    desk_proxy_header: Annotated[
        str, _help("header in which such a proxy names the person whom it has signed in; empty: people sign in here")
    ] = ""
    allow_private: Annotated[
        tuple[str, ...], _help("hosts (or host:port) fetched although their addresses are private")
    ] = ()
    smtp_url: Annotated[
        str, _help("mail server of delivery: smtp://user:password@host:587 (STARTTLS) or smtps://…; empty: no mail")
    ] = ""
    smtp_from: Annotated[str, _help("address that alerts are sent from")] = "wirewatch@localhost"
    delivery_allow_private: Annotated[
        str, _help("hosts (or host:port), with commas between, that channels may reach though they are private")
    ] = ""
    delivery_keep_days: Annotated[
        float, _help("how long sent messages are kept; what waits, is held or failed stays; 0: for ever")
    ] = 90.0
    delivery_templates: Annotated[str, _help("folder of message templates of one's own; empty: the built-in ones")] = ""

    @property
    def stream(self) -> str:
        """The stream URL in force."""
        return self.stream_url or f"sqlite:///{Path(self.data_dir) / 'streams.db'}"

    @property
    def store(self) -> str:
        """The store URL in force."""
        return self.store_url or f"sqlite:///{Path(self.data_dir) / 'store.db'}"

    def shown(self) -> dict[str, object]:
        """All settings for people and logs: user names, passwords and other secrets of addresses are ``***``."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: _SECRET.sub(r"\1***", value) if isinstance(value, str) else value for name, value in values.items()
        }


def load_settings(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. ``file``: one that must exist; None: ``wirewatch.toml`` here, if there is one.

    Raises UsageError naming the file or variable and what is wrong with it.
    """
    path = file or Path(FILE)
    values: dict[str, object] = {}
    if file is not None or path.exists():
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            hint = "--config takes the name of a settings file; without it, wirewatch.toml here is read"
            raise UsageError(f"{path}: {(error.strerror or 'it cannot be read').lower()}", hint=hint) from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path}: not UTF-8 text", hint="settings are a TOML file of lines name = value"
            ) from error
        except tomllib.TOMLDecodeError as error:
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
        if name not in Settings.__struct_fields__:
            near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
            known = f"known settings are {', '.join(sorted(Settings.__struct_fields__))}"
            hint = f"did you mean {near[0]}?" if near else known
            raise UsageError(f"{where}: there is no setting {name!r}", hint=hint)
        try:
            msgspec.convert({name: value}, Settings, strict=strict)
        except msgspec.ValidationError as error:
            kind, meaning = _described(name)
            raise UsageError(f"{where}: {name} must be {kind}", hint=f"it says: {meaning}") from error


def _described(name: str) -> tuple[str, str]:
    """What a setting takes and what it means, in words. The library's own words speak of Python's types."""
    settings = cast("msgspec.inspect.StructType", msgspec.inspect.type_info(Settings))
    found = cast("msgspec.inspect.Metadata", next(field.type for field in settings.fields if field.name == name))
    match found.type:
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
