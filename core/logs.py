"""Logging of services, workers and extraction processes: JSON lines or text, without secrets.

A line has ``event``, ``level``, ``timestamp`` (UTC) and ``service``; if known, ``run``, ``stage``, ``article`` (its
id), ``position`` (run/stream/partition/offset) and ``item``; and the event's own fields. Lines of libraries have the
same form.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from core.visible import behind, escaped, shown

Format = Literal["auto", "text", "json"]
FORMAT_VARIABLE = "WIREWATCH_LOG_FORMAT"
HIDDEN = "***"
_NAMED = re.compile(r"pass(word|wd|phrase|file)?$|secret|token|api_?key|authorization|credential|cookie", re.IGNORECASE)
_TEXTS = (
    # user:password@ of a URL; the password may contain an @ itself
    (re.compile(r"(?<=://)[^/\s]+(?=@)"), HIDDEN),
    # parameters of a URL, and words like password=…
    (
        re.compile(
            # Bounded, so that a long run of such words takes linear time.
            r"(?i)((?:password|passwd|secret|token|api_?key|signature)[\w.-]{0,60}\s{0,9}[=:]\s{0,9}['\"]?)[^\s&;,'\"]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
)
_context: dict[str, Any] = {}
_verbose = False


def redacted(value: Any, name: str = "") -> Any:
    """``value`` without secrets: masked if ``name`` looks like one, otherwise without passwords and tokens in texts. Pure."""
    if name and _NAMED.search(name) and value not in (None, ""):
        return HIDDEN
    if isinstance(value, str):
        for pattern, left in _TEXTS:
            value = pattern.sub(left, value)
        return value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {key: redacted(one, str(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redacted(str(value))


def bind(**fields: Any) -> None:
    """Add fields, such as service and run, to all later lines of this process."""
    _context.update(fields)


def configure(log_format: Format = "auto", *, verbose: bool | None = None) -> None:
    """Set up logging of this process to stderr. May be called again; ``verbose`` None then keeps the earlier value.

    The level is debug if ``verbose``, info if JSON was chosen explicitly, otherwise warning.
    """
    global _verbose
    verbose = _verbose = _verbose if verbose is None else verbose
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    level = logging.DEBUG if verbose else logging.INFO if log_format == "json" else logging.WARNING
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _with_context,
        structlog.processors.format_exc_info,
        _without_secrets,
        *(() if as_json else (_visible,)),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each line, since sys.stderr may be replaced.
        logger_factory=lambda *_: structlog.PrintLogger(behind(sys.stderr)),
    )
    _configure_others(shared, renderer, verbose=verbose, log_format=log_format)


def configure_worker(**fields: Any) -> None:
    """Set up logging of a process that another program started (a Beam worker, an extraction process), unless already done.

    The format comes from the environment (``WIREWATCH_LOG_FORMAT``).
    """
    bind(**fields)
    if not structlog.is_configured():
        configure(format_of(os.environ))


def format_of(environment: Mapping[str, str]) -> Format:
    """The format that the environment specifies, otherwise ``auto``."""
    wanted = environment.get(FORMAT_VARIABLE, "auto")
    return "json" if wanted == "json" else "text" if wanted == "text" else "auto"


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            behind(sys.stderr).write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def _configure_others(
    shared: list[structlog.typing.Processor],
    renderer: structlog.typing.Processor,
    *,
    verbose: bool,
    log_format: Format,
) -> None:
    handler = _Stderr()
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[remove, renderer], foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared]
        )
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Stderr)]:
        root.removeHandler(old)
    # A Beam worker has a handler of its own, which sends lines to the runner.
    root.addHandler(handler)
    # Libraries log each lost connection many times; important cases are raised as our own errors.
    quiet = logging.ERROR if verbose or log_format == "json" else logging.CRITICAL
    for noisy in ("kafka", "trafilatura", "apache_beam"):
        logging.getLogger(noisy).setLevel(quiet)
    root.setLevel(quiet)


def _with_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**_context, **event}


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: redacted(value, name) if name != "_record" else value for name, value in event.items()}


def _visible(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Remove what acts on a terminal. Values other than texts are shown by their repr, which is harmless."""
    return {name: shown(value) if isinstance(value, str) else value for name, value in event.items()}


def _json(value: Any, **options: Any) -> str:
    return escaped(json.dumps(value, **options))
