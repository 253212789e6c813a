"""Logs: one JSON object a line with what belongs to it, from services, libraries and extraction processes; no secrets."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from core import logs
from core.clock import wall_ms
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.streams import NewRecord, create_stream
from tests.wirewatch.command import wirewatch

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-Hunter2"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    logs._context.clear()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_says_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.bind(service="pipeline", run="live")
    structlog.get_logger().info(
        "rejected", article="ab12", stage="clean", position="live/u/0/7", item="https://a.example/1"
    )
    [line] = _lines(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "rejected", "level": "info", "service": "pipeline", "run": "live", "article": "ab12", "stage": "clean",
        "position": "live/u/0/7", "item": "https://a.example/1",
    }  # fmt: skip


def test_libraries_and_tracebacks_come_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("kafka.conn").error("lost %s", f"kafka://me:{SECRET}@host:9092")
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        structlog.get_logger().exception("it broke")
    out = capsys.readouterr().err
    assert SECRET not in out
    first, second = _lines(out)
    assert (first["event"], first["logger"]) == ("lost kafka://***@host:9092", "kafka.conn")
    assert "ValueError: password=***" in second["exception"]


def test_text_for_a_person_and_only_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("auto")
    structlog.get_logger().info("rejected")
    structlog.get_logger().warning("the stream is back", token=SECRET)
    [line] = _lines(capsys.readouterr().err)
    assert (line["event"], line["token"]) == ("the stream is back", "***")
    logs.configure("text")
    structlog.get_logger().warning("the stream is back")
    assert "the stream is back" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        f"postgresql://wirewatch:{SECRET}@host/db",
        f"kafka://u:{SECRET}@h:1?x=1",
        f"https://feed.example/?api_key={SECRET}&x=1",
        f"https://feed.example/rss?access_token={SECRET}",
        f"sasl_plain_password='{SECRET}'",
        f"ssl_password: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"client_secret={SECRET};x",
    ],
)
def test_texts_lose_their_secrets(words: str) -> None:
    left = logs.redacted(words)
    assert SECRET not in left
    assert logs.HIDDEN in left
    assert SECRET not in json.dumps(logs.redacted({"error": [words], "deep": {"of": words}}))


@pytest.mark.parametrize(
    "name", ["password", "smtp_password", "token", "push_token", "api_key", "Authorization", "cookie"]
)
def test_a_value_named_like_a_secret_is_hidden_whatever_its_type(name: str) -> None:
    assert logs.redacted({name: SECRET}) == {name: "***"}
    assert logs.redacted({"headers": {name: [SECRET]}}) == {"headers": {name: "***"}}


@pytest.mark.parametrize(
    "words", ["https://a.example/story?id=4&page=2", "a token of respect", "the secretary said: no", ""]
)
def test_the_rest_stays(words: str) -> None:
    assert logs.redacted(words) == words


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda kinds: st.lists(kinds) | st.dictionaries(st.text(), kinds),
        max_leaves=8,
    )
)
def test_whatever_is_logged_is_json_afterwards(value: Any) -> None:
    json.dumps(logs.redacted(value))


def test_an_extraction_process_logs_in_the_form_that_its_service_was_asked_for() -> None:
    """A process that something else started: it has the environment alone."""
    code = (
        "import structlog; from core.logs import configure_worker; configure_worker(service='extraction');"
        "structlog.get_logger().info('slow page', article='ab12')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, logs.FORMAT_VARIABLE: "json"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    [line] = _lines(done.stderr)
    assert (line["service"], line["article"], line["level"]) == ("extraction", "ab12", "info")
    quiet = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, logs.FORMAT_VARIABLE: "auto"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert quiet.stderr == ""


@pytest.mark.slow
def test_a_service_logs_json_with_article_and_position(tmp_path: Path) -> None:
    texts = {"https://a.example/1": "", "https://a.example/2": "Some words about a bridge over the river. " * 4}
    made = [RawArticle(url=url, source="o", fetched_at=from_ms(wall_ms()), text=text) for url, text in texts.items()]
    settings = Settings(data_dir=str(tmp_path))
    with create_stream(settings.stream, settings.raw_stream) as stream:
        stream.append([NewRecord(article_id(one.url).encode(), encode(one)) for one in made])
    environment = {
        "WIREWATCH_DATA_DIR": str(tmp_path),
        "WIREWATCH_LOG_FORMAT": "json",
        "WIREWATCH_EXTRACTION_PROCESSES": "1",
    }
    done = wirewatch("--verbose", "pipeline", "run", "--until-empty", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    [rejected] = [line for line in told if line["event"] == "rejected"]
    assert (rejected["service"], rejected["run"], rejected["stage"]) == ("pipeline", "live", "clean")
    assert rejected["item"] == "https://a.example/1"
    [stored] = [line for line in told if line["event"] == "stored"]
    assert len(stored["article"]) == 32
    assert stored["position"].startswith("live/")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_acts_on_no_terminal(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    acting = "\x1b]0;P\x07\x9b31m\u202e\u2066\u2028\x7f"
    logs.configure(form)  # type: ignore[arg-type]
    structlog.get_logger().warning(acting, item=acting, several=[acting], odd={acting: acting})
    logging.getLogger("kafka").critical("lost %s", acting)
    try:
        raise ValueError(acting)
    except ValueError:
        structlog.get_logger().exception("broken")
    said = capsys.readouterr().err
    assert not [one for one in said if ord(one) < 0x20 and one not in "\n\t"]
    assert not set(said) & set("\x7f\x9b\u202e\u2066\u2028")
    assert said.count("P") >= 5
    if form == "json":
        assert _lines(said)[0]["event"] == acting
