"""The images that compose.yaml names, made here: Wirewatch's own by its Containerfile, the others as stand-ins from packages.

No image registry is asked. Stand-ins bear the tags of compose.yaml, and run the real programs where packages have them: Kafka
(Maven, with Kafka's own wrapper for containers), Flink (PyPI's distribution), Beam's job server (Maven's thin jars),
PostgreSQL, Prometheus and Alertmanager (Debian's versions, not those that compose.yaml names). Grafana is in no registry of
packages: a small server reads what it would be given and answers the health check.

``python -m tests.containers.images FOLDER`` makes what is missing below FOLDER; it needs root, and half an hour the first time.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.containers.engine import Engine, EngineFailed, missing, running
from tests.deploy import files
from tests.servers.go_programs import GoFailed, build

HERE = Path(__file__).parent
RECIPES = HERE / "images"
COMPOSE_VERSION = "v2.40.3"
FLINK_VERSION = "1.19.3"
TESTED, BEFORE = "wirewatch:tested", "wirewatch:before"
"""This tree, and the one before the newest migration of the store."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
ROOTS = {
    "python-root": "ca-certificates,python3,python3-venv,python3-pip,passwd,netbase,tzdata",
    "servers-root": "ca-certificates,python3,passwd,netbase,tzdata,openjdk-17-jre-headless,postgresql-15,gosu,"
    "gettext-base,wget,procps,hostname,prometheus,prometheus-alertmanager",
}
STAND_INS = {
    "kafka": "apache/kafka",
    "flink": "flink",
    "jobserver": "apache/beam_flink1.19_job_server",
    "postgres": "postgres",
    "prometheus": "prom/prometheus",
    "alertmanager": "prom/alertmanager",
    "grafana": "grafana/grafana",
}


def make_all(folder: Path) -> None:
    """Make what is missing of tools and images, and Wirewatch's image in any case. Raises EngineFailed."""
    if os.geteuid():
        raise EngineFailed("the tests' own container engine needs root")
    if wanted := missing():
        raise EngineFailed(f"install {', '.join(wanted)} from Debian's packages")
    folder.mkdir(parents=True, exist_ok=True)
    compose_program(folder)
    with running(Engine(folder / "engine"), outside=True) as engine:
        for name, packages in ROOTS.items():
            _root(engine, folder, name, packages)
        _stand_ins(engine, folder)
        with tempfile.TemporaryDirectory(prefix="wirewatch-before-") as before:
            _version_before(Path(before))
            _ours(engine, Path(before), BEFORE)
        _ours(engine, files.ROOT, TESTED)


def _ours(engine: Engine, tree: Path, tag: str) -> None:
    """Wirewatch's image of a tree by its Containerfile, as docs/operations.md says; the daemon has to be ``outside``."""
    _say(f"building {tag}")
    recipe = tree / "deploy/Containerfile"
    engine.docker("build", "--network", "host", "-f", recipe, "-t", tag, tree, timeout_s=3600)


def _version_before(tree: Path) -> None:
    """Into ``tree`` the project as it was before the newest migration was added."""
    [newest] = sorted((files.ROOT / "core/store/migrations/versions").glob("0*.py"))[-1:]
    asked = ["git", "-C", files.ROOT, "log", "--diff-filter=A", "--format=%H", "--", newest]
    added = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    # One that is not committed yet is not in what is committed.
    commit = f"{added[-1]}^" if added else "HEAD"
    _say(f"the version before is {commit[:12]}, without {newest.name}")
    archive = subprocess.run(["git", "-C", files.ROOT, "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(tree, filter="data")


def compose_program(folder: Path) -> Path:
    """Docker Compose, built from its Go module with a module file of its own (its excludes forbid a plain install)."""
    program = folder / "docker-compose"
    if program.exists():
        return program
    _say("building Docker Compose (ten minutes and more)")
    name = "github.com/docker/compose/v2"
    try:
        build(folder / "compose-module", name, COMPOSE_VERSION, {f"{name}/cmd": program})
    except GoFailed as error:
        raise EngineFailed(str(error)) from None
    return program


def _root(engine: Engine, folder: Path, name: str, packages: str) -> None:
    if engine.has(f"standin/{name}"):
        return
    archive = folder / f"{name}.tar"
    if not archive.exists():
        _say(f"making the root of {name}")
        options = [f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in ("doc", "locale")]
        # Java's package links its manual there.
        options += ["--variant=minbase", "--essential-hook=mkdir -p $1/usr/share/man/man1", f"--include={packages}"]
        engine.run("nice", "mmdebstrap", *options, "bookworm", archive, timeout_s=3600)
    engine.docker("import", archive, f"standin/{name}")


def _stand_ins(engine: Engine, folder: Path) -> None:
    if not engine.has("python:3.11-slim-bookworm"):
        _build(engine, "python", "python:3.11-slim-bookworm", {"ca-certificates.crt": AUTHORITIES})
    tags = files.images()
    for name, image in STAND_INS.items():
        tag = f"{image}:{tags[image]}"
        if engine.has(tag):
            continue
        needs: dict[str, Path] = {}
        if name == "kafka":
            needs["libs"] = _jars("kafka")
        elif name == "jobserver":
            needs["jars"] = _jars("flink")
        elif name == "flink":
            needs["dist"] = _flink(folder)
        _build(engine, name, tag, needs)


def _build(engine: Engine, name: str, tag: str, needs: dict[str, Path]) -> None:
    _say(f"building the stand-in for {tag}")
    with tempfile.TemporaryDirectory(prefix="wirewatch-image-") as context:
        shutil.copytree(RECIPES / name, context, dirs_exist_ok=True)
        for inside, source in needs.items():
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, Path(context) / inside)
        engine.docker(
            "build", "--network", "none", "-f", f"{context}/Containerfile", "-t", tag, context, timeout_s=1800
        )


def _jars(name: str) -> Path:
    """The folder of jars that deploy/local's launcher fetches."""
    script = f'. "{files.DEPLOY}/local/jars.sh"; fetch_jars {name}; echo "$jars"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineFailed(done.stderr[-2000:])
    return Path(done.stdout.strip().splitlines()[-1])


def _flink(folder: Path) -> Path:
    """Flink's distribution as its two packages on PyPI have it: scripts and configuration, jars and plug-ins."""
    dist = folder / f"flink-{FLINK_VERSION}"
    if dist.exists():
        return dist
    _say("fetching Flink")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", work]
        wheel = ["--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux1_x86_64"]
        for extra in ([*wheel, f"apache-flink=={FLINK_VERSION}"], [f"apache-flink-libraries=={FLINK_VERSION}"]):
            done = subprocess.run([*pip, *extra], capture_output=True, text=True, check=False)
            if done.returncode:
                raise EngineFailed(done.stderr[-2000:])
        made = Path(work) / "dist"
        made.mkdir()
        [libraries] = Path(work).glob("apache*libraries*.tar.gz")
        with tarfile.open(libraries) as archive:
            for member in archive.getmembers():
                _, _, inside = member.name.partition("/deps/")
                if inside.startswith(("bin/", "lib/", "opt/", "plugins/")) and member.isfile():
                    member.name = inside
                    archive.extract(member, made, filter="data")
        [scripts] = Path(work).glob("apache_flink-*.whl")
        with zipfile.ZipFile(scripts) as archive:
            for entry in archive.infolist():
                inside = entry.filename.removeprefix("pyflink/")
                if inside.startswith(("bin/", "conf/")):
                    entry.filename = inside
                    archive.extract(entry, made)
        made.rename(dist)
    return dist


def _say(words: str) -> None:
    sys.stderr.write(f"containers: {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    make_all(Path(sys.argv[1]).absolute())
