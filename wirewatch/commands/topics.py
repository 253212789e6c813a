"""``wirewatch topics``: list topics, run their examples, score articles, fit weights, show and save stored versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from core.counted import counted
from core.errors import InputError, UsageError
from core.saying import as_text
from core.settings import load_settings
from core.store import open_store
from core.topics import Scored, Tagger, Topic, builtin_topics, check_topic, load_topic, load_topic_folder
from core.topics.definitions import builtin_definitions, cancelled, costs, topics_at
from core.topics.fit import Figures, Fit, Judged, Labelled, fit, own_examples
from core.topics.weights import with_weights
from desk.use_cases.topics import stored_definition
from wirewatch import console
from wirewatch.commands.options import JsonLines, JsonObject, reads_store
from wirewatch.commands.query import lines_of, show_finding

app = typer.Typer()
group = typer.Typer(
    name="topics",
    help="List topics, run their examples, fit them to labelled articles (docs/topics.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(group)
Folder = Annotated[
    Path | None,
    typer.Option(
        "--topics",
        help="A folder of topic files, used in addition to the built-in topics (default: setting topics_dir).",
    ),
]
Files = Annotated[list[Path] | None, typer.Argument(help="Topic files or folders (default: the built-in topics).")]
Which = Annotated[str, typer.Argument(metavar="TOPIC", help="A topic file, or the name of a built-in topic.")]
_WORST = 10


class _Article(msgspec.Struct):
    text: str
    title: str | None = None
    language: str | None = None


@group.command("list")
def list_topics(context: typer.Context, folder: Folder = None, *, as_json: JsonLines = False) -> None:
    """List the built-in topics and those of topics_dir, with their languages and examples."""
    found = {topic.name: topic for topic in builtin_topics()}
    own = folder or load_settings(context.obj).topics_dir
    if own:
        found |= {topic.name: topic for topic in load_topic_folder(Path(own))}
    if as_json:
        for topic in found.values():
            console.put(_facts(topic))
        return
    table = console.table("topic", "title", "languages", "rules", "queries", "threshold", "examples")
    for topic in found.values():
        facts = _facts(topic)
        languages = " ".join(_languages(topic))
        examples = f"{len(topic.must_match)} + / {len(topic.must_not_match)} −"
        numbers = (str(facts["rules"]), str(facts["queries"]), str(topic.threshold))
        table.add_row(topic.name, topic.title, languages, *numbers, examples)
    console.out.print(table)


@group.command("lint")
def lint_topics(files: Files = None, *, as_json: JsonLines = False) -> None:
    """Report topic queries that are expensive to run on an article, and terms of lists that never count.

    Exit 1 if a query is too expensive to be loaded.
    """
    chosen = [topic for path in files for topic in topics_at(path)] if files else list(builtin_topics())
    failed = False
    for topic in chosen:
        for number, weighted, finding in costs(topic):
            failed = failed or finding.severity == "error"
            if as_json:
                console.put({"topic": topic.name, "query": number, **msgspec.to_builtins(finding, enc_hook=as_text)})
                continue
            console.out.print(f"{topic.name}, query {number}:", style="bold")
            show_finding(weighted.query, finding)
        for name, term in cancelled(topic):
            message = (
                f"{term} never counts, since it is in apart too (a comma separates terms: leave it out of a phrase)"
            )
            if as_json:
                console.put({"topic": topic.name, "list": name, "severity": "warning", "message": message})
                continue
            console.out.print(f"{topic.name}, list.{name}: {message}", markup=False)
    console.note(f"{counted(len(chosen), 'topic')} checked")
    if failed:
        raise typer.Exit(1)


@group.command("test")
def run_examples(files: Files = None) -> None:
    """Run each topic's must-match and must-not-match examples; exit 1 if one fails."""
    chosen = [topic for path in files for topic in _topics_in(path)] if files else list(builtin_topics())
    failed = 0
    for topic in chosen:
        failures = check_topic(topic)
        failed += len(failures)
        count = len(topic.must_match) + len(topic.must_not_match)
        console.out.print(f"{topic.name}: {count - len(failures)} of {count} examples as expected", markup=False)
        for failure in failures:
            console.out.print(f"  {failure}", style="red", markup=False)
    if failed:
        raise typer.Exit(1)


@group.command("score")
def score(
    topic: Which,
    article: Annotated[
        Path, typer.Argument(help='A .json of one article: {"title"?, "text", "language"?}; or its text.')
    ],
    *,
    as_json: JsonObject = False,
) -> None:
    """Score one article: which rules match where, what each adds, and the words that they found."""
    chosen, _ = _one(topic)
    read = _article(article)
    scores = Tagger((chosen,)).scores(read.title or "", read.text, read.language)
    found = scores[0] if scores else Scored(chosen, 0.0, (), ())
    if as_json:
        shown = {"topic": chosen.name, "score": round(found.score, 2), "threshold": chosen.threshold}
        rules = [{"rule": part.name, "points": round(part.points, 2), **_where(part)} for part in found.parts]
        console.put(shown | {"tagged": found.tagged, "rules": rules, "matches": found.matches})
        return
    verdict = "is filed" if found.tagged else "is not filed"
    console.out.print(f"{verdict} under {chosen.name}: {found.score:.2f}, threshold {chosen.threshold:g}", markup=False)
    table = console.table("rule", "title", "lead", "body passages", "points")
    for part in found.parts:
        table.add_row(part.name or "queries", *(str(one) for one in _where(part).values()), f"{part.points:+.2f}")
    console.out.print(table)
    words = dict.fromkeys(match.text for match in found.matches)
    console.out.print(f"words: {', '.join(words) or 'none'}", markup=False)


@group.command("fit")
def fit_topic(
    topic: Which,
    examples: Annotated[
        list[Path],
        typer.Option(
            help='Labelled articles as JSON Lines: {"text", "title"?, "language"?, "label" or "topics", "source"?, "group"?}. '
            "Repeatable.",
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Write the topic with its fitted weights to this file.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a list empty, to see what it contributes; repeatable.")
    ] = None,
    worst: Annotated[int, typer.Option(help="Number of worst errors to show.", min=0, max=1_000)] = _WORST,
    *,
    as_json: JsonObject = False,
) -> None:
    """Fit a topic's weights to labelled articles, and estimate by cross-validation how good they are on others."""
    chosen, text = _one(topic)
    if without and out is not None:
        raise UsageError("--without can't be combined with --out: a topic without its lists is not written")
    labelled = [one for path in examples for one in _examples(path)]
    with console.working(f"fitting {chosen.name} to {counted(len(labelled), 'example')}"):
        try:
            fitted = fit(chosen, labelled, always=own_examples(chosen), without=without or ())
        except ValueError as error:
            raise UsageError(f"{topic}: {error}") from error
    if out is not None:
        written = with_weights(text, fitted.topic)
        load_topic(written, str(out))
        try:
            out.write_text(written, "utf-8")
        except OSError as error:
            raise UsageError(f"{out}: {error.strerror}") from error
    if as_json:
        console.put(_fit_facts(fitted, worst))
        return
    console.out.print(
        f"{chosen.name}: {counted(len(fitted.judged), 'example')}, {fitted.folds} folds", style="bold", markup=False
    )
    table = console.table("weights", "precision", "recall", "F1", "right", "false", "missed")
    kinds = (
        ("of the file", fitted.before),
        ("fitted, on the same", fitted.after),
        ("fitted, on others", fitted.held_out),
    )
    for name, figures in kinds:
        shares = (f"{share:.3f}" for share in (figures.precision, figures.recall, figures.f1))
        table.add_row(name, *shares, *(str(number) for number in figures))
    console.out.print(table)
    for one in fitted.worst(worst):
        console.out.print(f"  {_error(one)}", style="red", markup=False)
    if out is None:
        console.note("nothing written: --out FILE writes the topic with these weights")


@group.command("show")
@reads_store
def show(context: typer.Context, name: Annotated[str, typer.Argument(help="The name of a stored topic.")]) -> None:
    """Print the newest stored version of a topic as a topic file."""
    store = open_store(load_settings(context.obj).store)
    try:
        typer.echo(stored_definition(store, name, console.now_ms()), nl=False)
    finally:
        store.close()


def _error(one: Judged) -> str:
    kind = "missed" if one.label else "false"
    title = " ".join((one.example.title or one.example.text).split())[:80]
    where = f" [{one.example.url}]" if one.example.url else ""
    return f"{kind} by {abs(one.over):.2f} ({one.example.language or 'any'}): {title}{where}"


def _fit_facts(fitted: Fit, worst: int) -> dict[str, object]:
    def shown(figures: Figures) -> dict[str, float]:
        shares = {"precision": figures.precision, "recall": figures.recall, "f1": figures.f1}
        return {name: round(share, 4) for name, share in shares.items()} | figures._asdict()

    weights = {rule.name: {"title": rule.title, "lead": rule.lead, "body": rule.body} for rule in fitted.topic.rules}
    return {
        "topic": fitted.topic.name,
        "examples": len(fitted.judged),
        "folds": fitted.folds,
        "before": shown(fitted.before),
        "after": shown(fitted.after),
        "held_out": shown(fitted.held_out),
        "threshold": fitted.topic.threshold,
        "weights": weights,
        "worst": [_error(one) for one in fitted.worst(worst)],
    }


def _where(part: object) -> dict[str, int]:
    return {name: getattr(part, name) for name in ("title", "lead", "body")}


def _one(which: str) -> tuple[Topic, str]:
    """The topic of a file, or a built-in one, with its text."""
    if (text := builtin_definitions().get(which)) is not None:
        return load_topic(text, which), text
    path = Path(which)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{which}: no built-in topic, and no file that can be read ({why})") from error
    return load_topic(text, which), text


def _examples(path: Path) -> list[Labelled]:
    found = []
    for where, one in lines_of(path, Labelled):
        if isinstance(one, InputError):
            raise UsageError(str(one))
        if one.label is msgspec.UNSET and one.relevant is None and one.topics is None:
            raise UsageError(f"{where}: one of label, relevant or topics is required")
        found.append(one)
    return found


def _article(path: Path) -> _Article:
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            return msgspec.json.decode(data, type=_Article)
        return _Article(text=data.decode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: {str(error).replace('`$.', '`')}") from error


def _topics_in(path: Path) -> list[Topic]:
    if path.is_dir():
        return list(load_topic_folder(path))
    try:
        return [load_topic(path.read_bytes(), str(path))]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _languages(topic: Topic) -> list[str]:
    by_query = {query.language for query in topic.queries if query.language}
    return sorted(by_query | {key for one in topic.lists.values() for key in one.terms if key != "any"})


def _facts(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "title": topic.title,
        "description": topic.description,
        "languages": _languages(topic),
        "rules": len(topic.rules),
        "queries": len(topic.queries),
        "threshold": topic.threshold,
        "must_match": len(topic.must_match),
        "must_not_match": len(topic.must_not_match),
    }
