"""The rules of docs/architecture.md, held against the tree as it is: who may import whom, what stays pure, where DoFns live."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("connectors", "core", "desk", "pipeline", "wirewatch")
PURE = ("pipeline/text", "pipeline/extraction", "core/query", "pipeline/stories", "pipeline/elements.py")
# Beam, Kafka and SQL; files, processes and sockets; the clock.
IMPURE = {
    *("apache_beam", "kafka", "sqlalchemy", "sqlite3", "psycopg", "alembic"),
    *(
        "os",
        "io",
        "pathlib",
        "shutil",
        "tempfile",
        "glob",
        "fileinput",
        "socket",
        "subprocess",
        "httpx",
        "urllib.request",
    ),
    *("time", "sched", "asyncio", "threading", "multiprocessing"),
}
CLOCKS = {"now", "utcnow", "today"}
LONGEST = 500
LONG: frozenset[str] = frozenset()
"""Modules that may be longer: none."""


@cache
def modules(under: str = "") -> tuple[Path, ...]:
    """The Python files of the packages, relative to the root; those of one folder, or one file, if it is given."""
    tops = [under] if under else PACKAGES
    found = [path for top in tops for path in ([ROOT / top] if top.endswith(".py") else (ROOT / top).rglob("*.py"))]
    return tuple(sorted(path.relative_to(ROOT) for path in found if "migrations" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"), str(path))


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Dotted names that a module imports, wherever in it, with the line. ``from a import b`` gives ``a.b``."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    package = path.parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def importing(under: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path}:{line} imports {name}"
        for path in modules(under)
        for name, line in imports(path)
        if within(name, forbidden)
    ]


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of names and attributes, without subscripts; empty for anything else."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


def tracked() -> list[Path]:
    """Files that are in the repository or about to be."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, so nothing says which files belong to it")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_tree_is_there() -> None:
    for package in PACKAGES:
        assert modules(package), package
    for pure in PURE:
        assert modules(pure), pure
    assert sum(1 for path in modules("pipeline") for _ in imports(path)) > 200


@pytest.mark.parametrize("package", ["core", "pipeline", "connectors", "desk"])
def test_packages_import_one_way(package: str) -> None:
    # core ← pipeline | connectors | desk ← wirewatch
    forbidden = set(PACKAGES) - {package, "core"}
    assert importing(package, tuple(sorted(forbidden))) == []


def run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports below a node, also those in functions; not those that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and dotted(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        else:
            yield from run_time_imports(child)


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in modules()}
    graph: dict[str, set[str]] = {}
    for module, path in names.items():
        wanted: set[str] = set()
        for node in run_time_imports(tree(path)):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            else:
                assert not node.level, f"{path}:{node.lineno} imports by dots"
                base = node.module or ""
                wanted |= {one if (one := f"{base}.{alias.name}") in names else base for alias in node.names}
        graph[module] = {one for one in wanted if one in names}
    # Raises CycleError, which names the circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(names) > 300


def test_a_table_is_shared_or_lies_with_its_domain() -> None:
    shared = [
        dotted(node.targets[0])
        for node in tree(Path("core/store/tables.py")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and dotted(node.value.func) == "Table"
    ]
    users: dict[str, set[str]] = {name: set() for name in shared}
    for path in modules():
        for node in ast.walk(tree(path)) if path.name != "tables.py" else ():
            if isinstance(node, ast.Attribute) and dotted(node.value) == "t" and node.attr in users:
                users[node.attr].add(path.parts[0])
        for name, _ in imports(path):
            if name.startswith("core.store.tables."):
                users[name.rpartition(".")[2]].add(path.parts[0])
    assert len(shared) > 15
    assert {name: found for name, found in users.items() if "core" not in found and len(found) < 2} == {}


@pytest.mark.parametrize("pure", PURE)
def test_what_is_pure_knows_no_beam_kafka_sql_files_or_clock(pure: str) -> None:
    assert importing(pure, tuple(IMPURE)) == []
    broken = []
    for path in modules(pure):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                if name == "open" or ("." in name and name.rpartition(".")[2] in CLOCKS):
                    broken.append(f"{path}:{node.lineno} calls {name}")
    assert broken == []


@pytest.mark.parametrize("pure", PURE)
def test_what_is_pure_imports_only_what_is_pure(pure: str) -> None:
    allowed = (
        "pipeline.text",
        "pipeline.extraction",
        "core.query",
        "pipeline.stories",
        "core.records",
        "core.errors",
        "core.saying",
        "core.charset",
        "core.durations",
        "core.html_tokens",
        "core.memo",
        "core.normal",
        "core.package_data",
        "pipeline.elements",
    )
    broken = [
        f"{path}:{line} imports {name}"
        for path in modules(pure)
        for name, line in imports(path)
        if name.startswith(PACKAGES) and not name.startswith(allowed)
    ]
    assert broken == []


# The ways in, and what carries out people's work behind desk/use_cases. Records that pass the door and pure views are free.
WAYS_IN = ("desk/web/pages", "desk/web/api", "wirewatch/commands")
BEHIND_THE_DOOR = (
    *(
        "desk.delivery",
        "desk.live",
        "desk.shifts",
        "connectors",
        "core.store.SubscriptionStore",
        "core.store.subscriptions",
    ),
    *("core.search.backtest", "core.search.compare", "core.query.narrower_queries", "core.store.outbox"),
)
SERVICES = "runs or inspects the services themselves, which is no work at the desk"
SHAPE = "a record, for the shape of an answer or a form"
PAST_THE_DOOR: dict[tuple[str, str], str] = {
    ("desk/web/pages/alerts.py", "desk.delivery.store.channels.MuteKind"): SHAPE,
    ("desk/web/pages/handover.py", "desk.shifts.Note"): SHAPE,
    ("desk/web/api/handover.py", "desk.shifts"): SHAPE,
    ("desk/web/api/stories.py", "desk.live"): SHAPE,
    ("desk/web/api/subscriptions.py", "core.store.subscriptions.StoredTopic"): SHAPE,
    ("wirewatch/commands/feeds.py", "connectors.store.rows.FeedRow"): SHAPE,
    ("wirewatch/commands/feeds.py", "connectors.feeds.items.one_line"): "shows a title on one line of a terminal",
    ("wirewatch/commands/options.py", "desk.delivery.times"): "reads the setting of the desk's zone",
    ("wirewatch/commands/services.py", "connectors"): SERVICES,
    ("wirewatch/commands/delivery.py", "desk.delivery"): SERVICES,
    ("wirewatch/commands/status.py", "connectors.store.feeds"): SERVICES,
    ("wirewatch/commands/status.py", "desk.delivery.store.channels.canary_of"): SERVICES,
    ("wirewatch/commands/trace.py", "connectors.base.PageFailure"): SERVICES,
    ("wirewatch/commands/up.py", "connectors.store.feeds"): SERVICES,
    ("wirewatch/commands/replay.py", "connectors.archives"): "reads files of raw articles for the pipeline",
    ("wirewatch/commands/runs.py", "connectors.archives"): "takes an article out of the archive of the raw stream",
    ("wirewatch/commands/replay.py", "core.store.outbox"): "sends on what a replay found: no page offers it",
    **{
        (
            f"wirewatch/commands/{name}.py",
            "core.store.SubscriptionStore",
        ): "reads what the pipeline reads, and saves nothing"
        for name in ("delivery", "status")
    },
    ("wirewatch/commands/up.py", "core.store.SubscriptionStore"): "the demo's own queries, saved before anything runs",
}


def test_the_desk_has_one_entry_point() -> None:
    # Pages, API and commands are ways to desk/use_cases, not to each other; what people do knows neither HTTP nor a terminal.
    assert importing("desk/web/api", ("desk.web.pages",)) == []
    assert importing("desk/web/pages", ("desk.web.api",)) == []
    assert importing("desk/use_cases", ("desk.web", "fastapi", "starlette", "typer", "rich")) == []
    assert len(modules("desk/use_cases")) > 5
    # What changes something writes it down, so no way in can forget to.
    noted = [
        f"{path}:{node.lineno}"
        for way in WAYS_IN
        for path in modules(way)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and dotted(node.func).endswith("accounts.note")
    ]
    assert noted == []
    past = [
        (path.as_posix(), name, line)
        for way in WAYS_IN
        for path in modules(way)
        for name, line in imports(path)
        if within(name, BEHIND_THE_DOOR)
    ]
    allowed = {
        one: {(path, prefix) for path, prefix in PAST_THE_DOOR if path == one[0] and within(one[1], (prefix,))}
        for one in past
    }
    assert [one for one in past if not allowed[one]] == [], "go through desk/use_cases, or say here why not"
    assert set(PAST_THE_DOOR) == set().union(*allowed.values()), "an exception that is not needed any more"


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in prefixes)


def test_dofns_live_in_transforms_and_drivers() -> None:
    bases: dict[tuple[Path, str], set[str]] = {
        (path, node.name): {dotted(base).rpartition(".")[2] for base in node.bases}
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    dofns = {"DoFn"}
    while more := {name for (_, name), those in bases.items() if those & dofns} - dofns:
        dofns |= more
    homes = {path.parent.as_posix() for (path, name) in bases if name in dofns}
    assert len(dofns) > 5
    assert homes <= {"pipeline/transforms", "pipeline/drivers"}


def test_every_step_of_a_graph_has_a_label() -> None:
    transforms = {"PTransform"}
    classes = [
        (node.name, {dotted(base).rpartition(".")[2] for base in node.bases})
        for path in modules("pipeline")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    while more := {name for name, those in classes if those & transforms} - transforms:
        transforms |= more
    labelled, broken = 0, []
    for path in modules("pipeline"):
        from_beam = {name.rpartition(".")[2] for name, _ in imports(path) if name.startswith("apache_beam.")}
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
                continue
            step = node.right
            if isinstance(step, ast.BinOp) and isinstance(step.op, ast.RShift):
                labelled += isinstance(step.left, ast.Constant) and isinstance(step.left.value, str)
            elif isinstance(step, ast.Call):
                name = dotted(step.func)
                if name.startswith("beam.") or name in transforms | from_beam:
                    broken.append(f"{path}:{step.lineno} applies {name} without a label")
    assert labelled > 15
    assert broken == []


def test_the_command_line_starts_without_beam_and_web_servers() -> None:
    # Beam takes seconds to load, and warns on stderr: only commands that run a graph may load it.
    code = (
        "import sys, wirewatch.cli; heavy = {'apache_beam', 'fastapi', 'starlette', 'uvicorn', 'pyarrow', 'apprise'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_is_too_long() -> None:
    lengths = {path.as_posix(): len((ROOT / path).read_text("utf-8").splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > LONGEST and path not in LONG} == {}


def test_the_distribution_holds_its_own_packages_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    top = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert top == set(PACKAGES)
    assert sorted(include) == [f"{name}*" for name in PACKAGES]
    # The patterns end in a star: nothing may lie beside a package that they take in by accident.
    beside = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name.startswith(PACKAGES)]
    assert {name for name in beside if not name.endswith(".egg-info")} == set(PACKAGES)


def test_every_folder_with_modules_is_a_package() -> None:
    # A folder without __init__.py is left out of the wheel, and only an installed copy shows it.
    folders = {path.parent for path in modules()}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


# In pieces, so that this file does not hold what it looks for.
REGISTRIES = (
    *("pypi" + ".org", "python" + "hosted.org", "repo.maven" + ".apache.org", "repo1.maven" + ".org", "npmjs" + ".org"),
    *("proxy.golang" + ".org", "crates" + ".io", "rubygems" + ".org", "docker" + ".io", "ghcr" + ".io", "quay" + ".io"),
)
MACHINE = re.compile(r"""(?<![\w.~}/])/(?:%s)/[\w.]""" % "|".join(("work", "root", "home", "Users", "tmp")))  # noqa: UP031


def test_no_file_names_a_registry_or_a_path_on_a_developers_machine() -> None:
    broken = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data[:8_000]:
            continue
        text = data.decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            found = [host for host in REGISTRIES if host in line] + MACHINE.findall(line)
            broken += [f"{path.relative_to(ROOT)}:{number}: {one}" for one in found]
    assert broken == []


@pytest.mark.parametrize("line", ["/".join(("", "work", "main")), '"' + "/".join(("", "home", "me", "x")) + '"'])
def test_a_machine_path_is_recognised(line: str) -> None:
    assert MACHINE.search(line)


@pytest.mark.parametrize("line", ["https://outlet.test/work/1", "samples/work/x", "work/x", "at home/", "~/work/x"])
def test_other_paths_are_not(line: str) -> None:
    assert not MACHINE.search(line)
