"""``wirewatch topics``: the topics that articles are tagged with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.errors import UsageError
from core.topics import Topic, builtin_topics, check_topic, load_topic_folder
from core.topics.definitions import load_topic
from wirewatch import console
from wirewatch.commands.options import JsonLines

app = typer.Typer(
    name="topics", help="List topics and run their examples.", no_args_is_help=True, rich_markup_mode=None
)
Folder = Annotated[
    Path | None, typer.Option("--topics", help="A folder of topic files, used beside the built-in topics.")
]


@app.command("list")
def list_topics(folder: Folder = None, *, as_json: JsonLines = False) -> None:
    """List the topics, with their languages and examples."""
    topics = _topics(folder)
    if console.wants_json(as_json):
        for topic in topics:
            console.put(_facts(topic))
        return
    table = console.table("topic", "title", "languages", "queries", "threshold", "examples")
    for topic in topics:
        facts = _facts(topic)
        languages = " ".join(str(code) for code in _languages(topic))
        examples = f"{len(topic.must_match)} + / {len(topic.must_not_match)} −"
        table.add_row(topic.name, topic.title, languages, str(facts["queries"]), str(topic.threshold), examples)
    console.out.print(table)


@app.command("test")
def run_examples(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Topic files or folders (default: the built-in topics).")
    ] = None,
) -> None:
    """Run each topic's must-match and must-not-match examples; exit 1 if one fails."""
    topics = [topic for path in files for topic in _of(path)] if files else list(builtin_topics())
    failed = 0
    for topic in topics:
        failures = check_topic(topic)
        failed += len(failures)
        count = len(topic.must_match) + len(topic.must_not_match)
        console.out.print(f"{topic.name}: {count - len(failures)} of {count} examples as expected", markup=False)
        for failure in failures:
            console.out.print(f"  {failure}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)


def _topics(folder: Path | None) -> list[Topic]:
    topics = {topic.name: topic for topic in builtin_topics()}
    if folder is not None:
        topics |= {topic.name: topic for topic in load_topic_folder(folder)}
    return list(topics.values())


def _of(path: Path) -> list[Topic]:
    if path.is_dir():
        return list(load_topic_folder(path))
    try:
        return [load_topic(path.read_bytes(), str(path))]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _languages(topic: Topic) -> list[str]:
    return sorted({query.language for query in topic.queries if query.language})


def _facts(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "title": topic.title,
        "description": topic.description,
        "languages": _languages(topic),
        "queries": len(topic.queries),
        "threshold": topic.threshold,
        "must_match": len(topic.must_match),
        "must_not_match": len(topic.must_not_match),
    }
