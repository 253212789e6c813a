"""``wirewatch stories`` as a person runs it, on a store that a pipeline wrote; a replay by the command finds the decisions."""

from __future__ import annotations

import json
from pathlib import Path

from core.clock import wall_ms
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from tests.wirewatch.command import wirewatch

TEXTS = {
    "strike": "Dockers at the port of Varna began a strike over night pay on Monday, and cranes stood still for a day.",
    "opera": "The opera house opened its season with a work that nobody had heard for a hundred years or more.",
}


def test_joined_listed_replayed_and_undone(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "var"), extraction_processes=0, story_vectors=False)
    (tmp_path / "wirewatch.toml").write_text("extraction_processes = 0\nstory_vectors = false\n", encoding="utf-8")
    raw = create_stream(settings.stream, settings.raw_stream)
    for name, text in TEXTS.items():
        url = f"https://outlet.example/{name}"
        record = RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), title=name.title(), text=text)
        raw.append([NewRecord(article_id(url).encode(), encode(record))])
    assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == len(TEXTS)
    strike, opera = (article_id(f"https://outlet.example/{name}") for name in TEXTS)
    made = wirewatch("stories", "join", opera, strike, "--by", "ann", "--why", "one stage", "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert (said["articles"], said["alerts"], said["decision"]["by"]) == (1, 0, "ann")
    again = wirewatch("stories", "join", opera, strike, cwd=tmp_path)
    assert (again.returncode, "no story" in again.stderr) == (2, True)
    done = wirewatch("replay", "--source", "stream", "--run", "again", "--speed", "max", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    equal = wirewatch("runs", "diff", "live", "again", "--json", cwd=tmp_path)
    assert equal.returncode == 0, equal.stdout
    listed = wirewatch("stories", "decisions", "--json", cwd=tmp_path)
    assert [json.loads(line)["undone"] for line in listed.stdout.splitlines()] == [False]
    assert wirewatch("stories", "undo", "1", cwd=tmp_path).returncode == 0
    assert wirewatch("stories", "split", opera, cwd=tmp_path).returncode == 2
