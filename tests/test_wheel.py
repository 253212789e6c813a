"""The wheel, installed into an environment outside the checkout: it has everything, and the product works from it.

There is no network here: the environment finds third-party packages in that of the tests. The wheel is built from what
deploy/Containerfile copies, so this also shows that the image's build has all that it needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from benchmarks.torture.contracts import broken
from core.settings import Settings
from tests.deploy.files import build_sources
from tests.servers.kafka import free_ports
from tests.waiting import until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = sorted(name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"])


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it. ``folder`` is a working directory outside the checkout."""

    wheel: Path
    python: Path
    folder: Path

    def environment(self) -> dict[str, str]:
        """The variables of this machine without settings and without a path to the checkout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WIREWATCH_", "PYTHON"))}
        return kept | {"WIREWATCH_DATA_DIR": str(self.folder / "var")}

    def run(self, *command: str, **more: str) -> str:
        """What a program of the environment prints on stdout."""
        done = subprocess.run(
            [str(self.python.parent / command[0]), *command[1:]],
            cwd=self.folder,
            env=self.environment() | more,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in build_sources():
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(here, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source)
    [wheel] = folder.glob("*.whl")
    shutil.rmtree(source)

    venv.create(folder / "env", with_pip=False)
    python = folder / "env/bin/python"
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    [packages] = (folder / "env/lib").glob("python*/site-packages")
    (packages / "third_party.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
    _run(*pip, "--python", python, "install", "--ignore-installed", "--no-deps", "--no-index", wheel)
    (folder / "here").mkdir()
    return Installed(wheel, python, folder / "here")


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_the_packages(installed: Installed) -> None:
    try:
        listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout, so nothing says which files belong to it")
    # A README is for readers of the source.
    wanted = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    with zipfile.ZipFile(installed.wheel) as wheel:
        there = set(wheel.namelist())
    assert {name for name in wanted - there if not name.endswith("README.md")} == set()
    assert {name for name in there if name.endswith("/py.typed")} == {f"{package}/py.typed" for package in PACKAGES}
    tops = {name.partition("/")[0] for name in there}
    assert {name for name in tops if not name.endswith(".dist-info")} == set(PACKAGES)


def test_the_packages_come_from_the_environment_and_say_their_version(installed: Installed) -> None:
    code = "import {0}; print(*[one.__file__ for one in ({0},)], sep='\\n')".format(", ".join(PACKAGES))
    places = [Path(line) for line in installed.run("python", "-c", code).splitlines()]
    assert [place.parents[1] for place in places] == [next(installed.python.parents[1].glob("lib/*/site-packages"))] * 5
    assert installed.run("wirewatch", "--version").split() == ["wirewatch", PROJECT["project"]["version"]]


def test_migrations_topics_and_catalogue_are_there(installed: Installed) -> None:
    found = installed.run("wirewatch", "doctor", "--json")
    assert '"what":"store","state":"ok"' in found.replace(" ", "")
    assert (installed.folder / "var/store.db").is_file()
    topics = installed.run("wirewatch", "topics", "list", "--json")
    assert all(f'"{name}"' in topics for name in ("syria", "ukraine-talks", "iran-saudi"))
    installed.run("wirewatch", "feed", "add", "--catalogue", "--topic", "syria")
    assert len(installed.run("wirewatch", "feed", "list", "--json").splitlines()) > 10


def test_built_in_kinds_of_channels_are_found_by_their_entry_points(installed: Installed) -> None:
    found = installed.run("wirewatch", "channels", "kinds", "--json").splitlines()
    assert len(found) == len(PROJECT["project"]["entry-points"]["wirewatch.channels"])
    assert all('"package":"wirewatch"' in line for line in found)


def test_the_demo_runs_and_all_its_records_keep_their_contracts(installed: Installed, tmp_path: Path) -> None:
    shown = installed.run("wirewatch", "up", "--demo", "--once", "--speed", "12", WIREWATCH_DATA_DIR=str(tmp_path))
    assert "▲ ALERT" in shown
    assert "copy of" in shown
    seen, wrong = broken(Settings(data_dir=str(tmp_path)))
    assert wrong == []
    assert set(seen) >= {"raw-articles", "enriched-articles", "alerts", "rejected"}, seen


def test_the_desk_serves_its_pages_with_their_static_files(installed: Installed) -> None:
    with _desk(installed) as url:
        page = httpx.get(f"{url}/sign-in", timeout=30).raise_for_status().text
        files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
        assert {Path(file.partition("?")[0]).suffix for file in files} >= {".css", ".js"}
        for file in sorted(files):
            assert httpx.get(url + file, timeout=30).raise_for_status().content, file


@contextmanager
def _desk(installed: Installed) -> Iterator[str]:
    [port] = free_ports(1)
    said = installed.folder / "desk.txt"
    with said.open("w") as out:
        process = subprocess.Popen(
            [str(installed.python.parent / "wirewatch"), "desk", "--port", str(port)],
            cwd=installed.folder,
            env=installed.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or _answers(url), "desk that answers")
        assert process.poll() is None, said.read_text()
        yield url
    finally:
        process.kill()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


class ReadOnly:
    """Programs of the wheel as the image runs them: uid 10001, without capabilities, nothing to write but data and /tmp."""

    def __init__(self, installed: Installed, folder: Path) -> None:
        self._root, self._data = folder / "root", folder / "data"
        self._root.mkdir()
        self._data.mkdir()
        os.chown(self._data, 10001, 10001)
        # Where Python itself is, and the packages that the environment has from that of the tests, which may be links.
        paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sys.base_prefix}
        paths.add(str(Path(httpx.__file__).resolve().parents[1]))
        places = ":".join(sorted(path for path in paths if not path.startswith("/usr/")))
        script = ROOT / "tests/deploy/read_only_root.sh"
        env = installed.python.parents[1]
        self._enter = ["unshare", "--mount", "sh", script, self._root, self._data, env, places]

    def start(self, *command: str, out: int, given: int = subprocess.DEVNULL, **more: str) -> subprocess.Popen[bytes]:
        """A module of the wheel or one of Python's, by ``python -m``."""
        environment = {
            "PATH": "/opt/wirewatch/bin:/usr/bin:/bin",
            "HOME": "/var/lib/wirewatch",
            "PYTHONDONTWRITEBYTECODE": "1",
            "WIREWATCH_DATA_DIR": "/var/lib/wirewatch/data",
        }
        line = [*self._enter, "/opt/wirewatch/bin/python", *command]
        return subprocess.Popen(
            line, env=environment | more, stdin=given, stdout=out, stderr=subprocess.STDOUT, cwd="/"
        )

    def run(self, *command: str, given: str = "") -> str:
        """What it prints once it has ended well."""
        process = self.start(*command, out=subprocess.PIPE, given=subprocess.PIPE)
        said = process.communicate(given.encode(), timeout=300)[0].decode()
        assert process.returncode == 0, said
        return said


@pytest.fixture
def read_only(installed: Installed, tmp_path: Path) -> ReadOnly:
    if os.geteuid():
        pytest.skip("only root may become uid 10001")
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", tmp_path], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"this machine does not let root mount in a namespace of its own: {tried.stderr.strip()}")
    return ReadOnly(installed, tmp_path)


SERVICES = {
    "connectors": ("connectors", "run"),
    "pipeline": ("pipeline", "run"),
    "delivery": ("deliver",),
    "desk": ("desk",),
}
WRITES = """
import pathlib
for folder in ("/", "/opt/wirewatch", "/usr", "/etc", "/var/lib", "/tmp", "/var/lib/wirewatch"):
    try:
        pathlib.Path(folder, "written").touch()
        print(folder, "written")
    except OSError as error:
        print(folder, error.strerror)
"""


def test_all_services_run_as_the_image_runs_them(read_only: ReadOnly, tmp_path: Path) -> None:
    told = dict(line.split(" ", 1) for line in read_only.run("-c", WRITES).splitlines())
    writable = {folder for folder, what in told.items() if what == "written"}
    assert writable == {"/tmp", "/var/lib/wirewatch"}, told  # noqa: S108
    assert set(told.values()) == {"written", "Read-only file system"}
    assert "ok" in read_only.run("-m", "wirewatch", "doctor", "--json")
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in SERVICES.items():
            port = {"WIREWATCH_DESK_PORT" if name == "desk" else "WIREWATCH_METRICS_PORT": str(ports[name])}
            with (tmp_path / f"{name}.txt").open("wb") as out:
                running[name] = read_only.start("-m", "wirewatch", *command, out=out.fileno(), **port)
        for name, process in running.items():
            url = f"http://127.0.0.1:{ports[name]}"
            said = tmp_path / f"{name}.txt"
            until(lambda url=url, process=process: process.poll() is not None or _answers(url), name)  # type: ignore[misc]
            assert process.poll() is None, said.read_text()
            assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200, name
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            facts = {line.split(":")[0]: line.split()[1:] for line in lines}
            assert facts["Uid"] == facts["Gid"] == ["10001"] * 4, name
            assert {facts[one][0] for one in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, name
            assert facts["NoNewPrivs"] == ["1"], name
        for process in running.values():
            process.terminate()
        assert {name: process.wait(120) for name, process in running.items()} == dict.fromkeys(running, 0)
    finally:
        for process in running.values():
            process.kill()
            process.wait(30)
