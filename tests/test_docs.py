"""What the pages, deploy/, the Makefile and CI name exists: files, modules, sections.

docs/decisions.md is a history and keeps the paths of its time; only its links are checked.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from core.settings import Settings
from wirewatch.cli import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("connectors", "core", "desk", "pipeline", "wirewatch", "benchmarks", "tests")
PRODUCT = tuple(f"{name}/" for name in PACKAGES[:5])
CODE = ("connectors", "core", "desk", "pipeline", "wirewatch", "benchmarks", "tests", "deploy", "Makefile", ".ci")
HISTORY = "docs/decisions.md"
# A path: parts with slashes between, or a file name with one of our suffixes.
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]*)+|[\w-]+\.(?:py|md|toml|yaml|sh|html|css|js)")
MODULE = re.compile(rf"(?<![\w/.@-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+")
NOT_FILES = re.compile(
    r"(?:var|\.venv|\.cache|\.\./shared)/.*"
    r"|.*/\d+f?|[A-Z_]+/.*|live/ID|app\.kubernetes\.io/name|kafka-[\w-]+\.sh|\*/live\.parquet"
)
"""What a run makes or a user puts beside the checkout; operators of queries, placeholders, labels, other people's
programs, keys of records."""
MADE_LATER = {
    *("wirewatch.toml", "store.db", "streams.db", "rail-strikes.toml", "strikes.toml", "wirewatch_ticker.py"),
    *("deploy/.env", "deploy/kubernetes/secret.env", "deploy/prometheus/alertmanager.yaml"),
}
"""What a user or a run makes."""
NOT_MODULES = re.compile(
    r"(?:wirewatch|desk)\.example|wirewatch\.(?:local|dump|toml|rows|seq|schema|run|connectors|channels)"
    r"|(?:core|desk|pipeline|connectors|wirewatch)\.(?:toml|yaml|service|env|md)"
)
"""Host names, a Maven group, file names, metadata keys of Parquet files, groups of entry points."""


@cache
def tracked() -> tuple[str, ...]:
    """The files of the repository, as paths from its root."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout, so nothing says which files belong to it")
    return tuple(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())


@cache
def places() -> frozenset[str]:
    """The files of the repository and the folders around them: what is there in a fresh clone, too."""
    names = [Path(name) for name in tracked()]
    return frozenset(str(place) for name in names for place in (name, *name.parents))


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pages() -> list[str]:
    return [name for name in tracked() if name.endswith(".md")]


def exists(path: str, page: str) -> bool:
    """Whether a page's path is there: from the root, from the page's own folder, or as the end of a file's path."""
    for base in (ROOT, (ROOT / page).parent):
        if any(str(found.resolve().relative_to(ROOT)) in places() for found in base.resolve().glob(path)):
            return True
    tail = "/" + path.rstrip("/")
    return any(f"/{name}".endswith(tail) or f"/{name}".find(f"{tail}/") >= 0 for name in tracked())


def named_paths(page: str) -> Iterator[str]:
    """Paths in backticks of a page's prose, and of its tables; not in blocks of commands."""
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)
    for words in re.findall(r"`([^`\n]+)`", prose):
        # kubectl's deploy/NAME is a Deployment.
        if not words.startswith("kubectl "):
            yield from (word for word in words.split() if PATH.fullmatch(word) and not NOT_FILES.fullmatch(word))


def test_every_path_that_a_page_names_is_there() -> None:
    named = [(page, path) for page in pages() if page != HISTORY for path in named_paths(page)]
    assert len(named) > 60
    assert [f"{page}: {path}" for page, path in named if path not in MADE_LATER and not exists(path, page)] == []


def test_every_folder_of_the_product_is_in_the_table_of_folders() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", text("docs/architecture.md"), re.MULTILINE)
    named = {path.rstrip("/") for row in rows for path in re.findall(r"`([^`]+)`", row)}
    folders = {str(Path(name).parent) for name in tracked() if name.startswith(PRODUCT) and name.endswith(".py")}
    # Of a folder in a folder, its own line or that of the folder around it tells.
    missing = {folder for folder in folders if not {folder, str(Path(folder).parent)} & named}
    missing = {folder for folder in missing if "/" in folder and "migrations" not in folder}
    assert missing == set()
    assert len(folders & named) > 25


def test_every_link_of_a_page_leads_somewhere() -> None:
    broken = []
    for page in pages():
        for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            there = ((ROOT / page).parent / file).resolve() if file else ROOT / page
            if not there.exists() or (anchor and anchor not in map(slug, headings(there))):
                broken.append(f"{page}: {target}")
    assert broken == []


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_section_that_is_referred_to_is_there() -> None:
    # As docs/architecture.md, "Streams": the reference may run over a line's end.
    found = 0
    broken = []
    for name in tracked():
        if not name.startswith((*CODE, "docs/")) or Path(name).suffix not in {
            ".py",
            ".md",
            ".toml",
            ".yaml",
            ".sh",
            "",
        }:
            continue
        said = re.sub(r"\s+(?:# )?", " ", text(name))
        for page, section in re.findall(r'(?:docs/)?([a-z]+\.md), "([^"]+)"', said):
            found += 1
            if not (ROOT / "docs" / page).exists() or section not in headings(ROOT / "docs" / page):
                broken.append(f'{name}: {page}, "{section}"')
        if name != HISTORY:
            broken += [
                f"{name}: {page}" for page in re.findall(r"\bdocs/[a-z]+\.md", said) if not (ROOT / page).exists()
            ]
    assert found > 10
    assert broken == []


def modules() -> list[tuple[str, str]]:
    """(file, dotted name) of every module, class or function of ours that these files name."""
    places = ("docs/", "deploy/", "Makefile", ".ci/", "README.md", "pyproject.toml")
    found = set()
    for name in tracked():
        if name.startswith(places) and name != HISTORY and b"\0" not in (ROOT / name).read_bytes()[:8_000]:
            found |= {(name, one) for one in MODULE.findall(text(name)) if not NOT_MODULES.fullmatch(one)}
    return sorted(found)


def test_every_module_that_is_named_by_its_path_imports() -> None:
    named = modules()
    assert {name for _, name in named} >= {"pipeline.drivers.workers", "benchmarks.match", "tests.desk.screenshots"}
    assert [f"{file}: {name}" for file, name in named if not _imports(name)] == []


def _imports(dotted: str) -> bool:
    """Whether this is a module, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if error.name is None or not dotted.startswith(error.name):
                raise
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_setting_is_on_its_page_with_its_default() -> None:
    # Defaults are written as in TOML.
    wanted = {
        name: json.dumps(list(default) if isinstance(default, tuple) else default)
        for name, default in dataclasses.asdict(Settings()).items()
    }
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| .+ \|$", text("docs/settings.md"), re.MULTILINE)
    assert dict(rows) == wanted
    assert len(rows) == len(wanted)


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    named = {(page, name) for page in pages() for name in re.findall(r"\bWIREWATCH_([A-Z_]+[A-Z])\b", text(page))}
    assert len(named) > 5
    assert [f"{page}: {name}" for page, name in sorted(named) if name.lower() not in set(vars(Settings()))] == []


def command_lines() -> Iterator[tuple[str, str]]:
    """(page, words) of every call of ``wirewatch`` that a page shows, in a block or in backticks."""
    for page in pages():
        if page == HISTORY:
            continue
        blocks = re.findall(r"^ *```.*?^ *```", text(page), re.DOTALL | re.MULTILINE)
        prose = re.sub(r"^ *```.*?^ *```", "", text(page), flags=re.DOTALL | re.MULTILINE)
        lines = [line.partition("  #")[0] for block in blocks for line in block.splitlines()]
        for shown in [*lines, *re.findall(r"`([^`]+)`", prose)]:
            if called := re.match(
                r"\s*(?:\$ )?(?:[A-Z_]+=\S+ |dc exec (?:-T )?\w+ |(?:/opt/wirewatch/)?\.venv/bin/)*wirewatch ([a-z].*)",
                shown,
                re.DOTALL,
            ):
                yield page, called[1]


def test_every_command_that_a_page_shows_is_one_that_wirewatch_has() -> None:
    shown = list(command_lines())
    assert len(shown) > 60
    assert [f"{page}: wirewatch {words}: {why}" for page, words in shown if (why := _not_understood(words))] == []


def _not_understood(words: str) -> str:
    """What of a command line Wirewatch doesn't have: a command or an option; empty if it has all."""
    command: Any = typer.main.get_command(app)
    rest = re.split(r"\s+", re.sub(r"'[^']*'|\"[^\"]*\"", "x", words.replace("|", " ")))
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            # As in `wirewatch archive` and `wirewatch feed`: a command, or a group of them.
            return f"no command {rest[0]!r}" if rest and re.fullmatch(r"[a-z-]+", rest[0]) else ""
        command = command.commands[rest.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [
        word for word in rest if re.match(r"--[a-z]", word) and word.partition("=")[0].strip(",.;)]") not in options
    ]
    return f"no option {unknown}" if unknown else ""


@pytest.mark.parametrize("words", ["nothing", "feed ad URL", "feed add URL --no-such-option"])
def test_a_command_that_is_not_there_is_seen(words: str) -> None:
    assert _not_understood(words)


def test_programs_that_deploy_names_are_there() -> None:
    # python -m NAME, ./path/script.sh and deploy/…: in the Makefile, CI, and the units.
    for name in ("Makefile", ".ci/run", *(one for one in tracked() if one.startswith("deploy/systemd/"))):
        for path in re.findall(r"(?<![\w/])(?:deploy|benchmarks|docs)/[\w./-]+\.(?:sh|py|txt)", text(name)):
            assert exists(path, name), f"{name}: {path}"


@pytest.mark.parametrize("name", ["pipeline.no_such_module", "core.records.NoSuchRecord"])
def test_a_missing_module_is_seen(name: str) -> None:
    assert MODULE.fullmatch(name)
    assert not _imports(name)


def test_a_missing_path_is_seen() -> None:
    assert not exists("pipeline/no_such_file.py", "README.md")
    assert exists("pipeline/flow.py", "docs/data.md")
    assert exists("kubernetes/", "docs/operations.md")
