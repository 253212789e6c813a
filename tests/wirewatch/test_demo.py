"""``wirewatch up --demo``: the outlets' articles come out as the samples say they must, and nothing is left running."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.records import RawArticle, article_id, from_ms
from core.settings import Settings
from core.store import open_store
from pipeline.drivers.bounded import BoundedRun
from tests.servers.kafka import alive
from tests.waiting import until
from tests.wirewatch.command import wirewatch
from wirewatch.commands.up import demo_folder
from wirewatch.demo import DemoOutlets, load_samples


def test_sample_pages_get_the_topics_languages_and_copies_that_a_desk_expects() -> None:
    samples = load_samples()
    outlets = DemoOutlets(samples, datetime(2026, 1, 1, tzinfo=UTC))
    expected = {}
    with tempfile.TemporaryDirectory() as folder, BoundedRun(Path(folder), now_ms=0) as bounded:
        for article in samples.articles:
            path = f"/{article.outlet}/{article.section}/{article.slug}"
            page = outlets.page(path, 60.0)
            if page.status != 200:
                assert article.expect.outcome == "unfetched"
                continue
            url = f"http://127.0.0.1{path}"
            expected[article_id(url)] = article
            fetched = from_ms(1_767_225_600_000 + int(article.published * 1000))
            html = page.body.decode()
            bounded.add(
                RawArticle(url=url, source=article.outlet, fetched_at=fetched, title=article.title, html=html), url
            )
        bounded.run()
        found = {article.id: article for article in bounded.reader.articles()}
        rejected = {outcome.item for outcome in bounded.rejected()}
    for identity, article in expected.items():
        if article.expect.outcome == "rejected":
            assert any(item.endswith(article.slug) for item in rejected), article.id
            continue
        got = found[identity]
        assert sorted(topic.topic for topic in got.topics) == sorted(article.expect.topics), article.id
        assert got.language == article.language, article.id
        original = expected[got.duplicate_of].id if got.duplicate_of else None
        assert original == article.expect.duplicate_of, article.id


@pytest.mark.slow
def test_the_demo_shows_articles_and_alerts_and_ends(tmp_path: Path) -> None:
    done = wirewatch("up", "--demo", "--once", "--speed", "12", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "▲ ALERT" in done.stdout
    for topic in ("syria", "ukraine-talks", "iran-saudi"):
        assert topic in done.stdout
    assert "copy of" in done.stdout
    assert "edited, version 2" in done.stdout
    assert "already in feed" in done.stdout
    assert "✗" in done.stdout
    assert "raw articles:" in done.stderr
    assert "deleted at the end" in done.stderr
    [folder] = re.findall(r"WIREWATCH_DATA_DIR=(\S+) wirewatch search", done.stderr)
    assert "wirewatch-demo-" in folder
    assert not Path(folder).exists()
    assert not (tmp_path / "var").exists()


def test_a_given_folder_is_used_and_kept_and_a_store_in_it_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WIREWATCH_DATA_DIR", raising=False)
    chosen = tmp_path / "my demo"
    settings = Settings(data_dir=str(chosen))
    with demo_folder(settings) as folder:
        assert folder == chosen
        open_store(f"sqlite:///{chosen / 'store.db'}").close()
    assert (chosen / "store.db").exists()
    assert (
        f"(kept); query it from a second terminal: WIREWATCH_DATA_DIR='{chosen}' wirewatch" in capsys.readouterr().err
    )
    with demo_folder(settings) as folder:
        assert folder.exists()
        assert folder != chosen
    assert not folder.exists()
    assert "already holds a store, which the demo does not use" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIREWATCH_DATA_DIR", "var")
    with demo_folder(Settings()) as folder:
        assert folder == Path("var"), "chosen, though it is the default's name"


@pytest.mark.slow
def test_services_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "wirewatch", "up", "--demo"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: len(_children(demo.pid)) == 4, "connectors, pipeline, delivery, desk")
        services = _children(demo.pid)
        demo.send_signal(signal.SIGKILL)
        demo.wait()
        until(lambda: not any(alive(pid) for pid in services), "end of the services")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []
