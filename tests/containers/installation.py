"""deploy/compose.yaml, unchanged, on the tests' engine: with an outlet on its inside network, and asked as an operator asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.containers.engine import Engine, EngineFailed
from tests.deploy import files

HERE = Path(__file__).parent
WAIT_S = 600.0
PASSWORD = "correct-horse-battery"
OURS = ("connectors", "pipeline", "delivery", "desk")
LONG_LIVED = sorted(name for name, one in files.compose()["services"].items() if one["restart"] == "unless-stopped")


class Counts(NamedTuple):
    """Of a run: outcomes, distinct positions among them, and the raw stream's records."""

    outcomes: int
    distinct: int
    raw: int

    @property
    def agree(self) -> bool:
        """Whether each record has one outcome."""
        return self.outcomes == self.distinct == self.raw


class Installation:
    """A copy of deploy/ in ``folder`` with its settings filled in, and the composition that it describes."""

    def __init__(self, engine: Engine, compose: Path, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.of_before: set[str] = set()
        """Articles of the version before, by id."""
        self._command = [str(compose), "-f", "deploy/compose.yaml", "-f", "deploy/override.yaml"]
        shutil.copytree(files.DEPLOY, folder / "deploy", dirs_exist_ok=True)
        prometheus = folder / "deploy/prometheus"
        shutil.copyfile(prometheus / "alertmanager.example.yaml", prometheus / "alertmanager.yaml")
        _fill(
            folder / "deploy/env.example", folder / "deploy/.env", POSTGRES_PASSWORD="secret", GRAFANA_PASSWORD="secret"
        )
        _fill(
            folder / "deploy/settings.env.example",
            folder / "deploy/settings.env",
            WIREWATCH_ALLOW_PRIVATE="outlet",
            WIREWATCH_DELIVERY_ALLOW_PRIVATE="outlet",
        )
        with (folder / "deploy/settings.env").open("a") as more:
            more.write("WIREWATCH_POLL_INTERVAL_S=1\nWIREWATCH_HOST_GAP_S=0\nWIREWATCH_CANARY_INTERVAL_S=20\n")
        for name in ("override.yaml", "outlet.py"):
            shutil.copyfile(HERE / name, folder / "deploy" / name)

    def dc(self, *arguments: str, given: str | None = None, timeout_s: float = WAIT_S, **environment: str) -> str:
        """docker compose with the file and the test's own additions; raises EngineFailed."""
        settings = [f"{name}={value}" for name, value in environment.items()]
        return self.engine.run(
            "env", *settings, *self._command, *arguments, given=given, timeout_s=timeout_s, cwd=self.folder
        )

    def shell(self, line: str) -> str:
        """A line of the runbook for a shell, which finds docker compose with its file under the name ``dc``."""
        return self.engine.run("bash", "-ec", f'dc() {{ {" ".join(self._command)} "$@"; }}\n{line}', cwd=self.folder)

    def wirewatch(self, *arguments: str, given: str | None = None) -> str:
        """A command in the container of the connectors."""
        return self.dc("exec", "-T", "connectors", "wirewatch", *arguments, given=given)

    def until(self, holds: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until it holds; what fails meanwhile counts as not yet. Raises EngineFailed with the last failure."""
        deadline, last = time.monotonic() + wait_s, ""
        while time.monotonic() < deadline:
            try:
                if holds():
                    return
                last = ""
            except (EngineFailed, ValueError, subprocess.TimeoutExpired) as error:
                last = str(error)[-500:]
            time.sleep(1.0)
        raise EngineFailed(f"not within {wait_s:.0f} s: {what} {last}\n{self.dc('ps', '-a')}")

    def use_two_task_managers(self) -> None:
        """From now on: a second task manager with workers of its own, two slots each, and Flink's adaptive scheduler."""
        services = files.compose()["services"]
        properties = services["taskmanager"]["environment"]["FLINK_PROPERTIES"]
        slots = properties.replace("numberOfTaskSlots: 4", "numberOfTaskSlots: 2").replace("size: 2g", "size: 1g")
        assert slots != properties
        flink = {"environment": {"FLINK_PROPERTIES": f"{slots}jobmanager.scheduler: adaptive\n"}}
        second = {**services["taskmanager"], **flink}
        beside = {**services["workers"], "network_mode": "service:taskmanager2"}
        beside["depends_on"] = {"taskmanager2": {"condition": "service_started", "restart": True}}
        more = {"jobmanager": flink, "taskmanager": flink, "taskmanager2": second, "workers2": beside}
        (self.folder / "deploy/two.yaml").write_text(json.dumps({"services": more}))
        self._command += ["-f", "deploy/two.yaml"]

    def used_slots(self) -> int:
        """How many slots of task managers jobs have."""
        told = json.loads(self.dc("exec", "-T", "jobmanager", "wget", "-qO-", "http://jobmanager:8081/overview"))
        return int(told["slots-total"]) - int(told["slots-available"])

    def jobs(self) -> list[list[str]]:
        """What flink-jobs lists: id, state, name."""
        run = ("run", "--rm", "--no-deps", "-T", "--entrypoint", "flink-jobs", "pipeline")
        return [line.split() for line in self.dc(*run, "http://jobmanager:8081", "list").splitlines()]

    def states(self) -> dict[str, str]:
        """Service → ``healthy``, ``unhealthy``, ``starting``, or the state of one without a health check."""
        told = [json.loads(line) for line in self.dc("ps", "-a", "--format", "json").splitlines()]
        return {one["Service"]: one["Health"] or one["State"] for one in told}

    def healthy(self) -> bool:
        """Whether all long-lived services of the file are."""
        states = self.states()
        return all(states.get(name) == "healthy" for name in LONG_LIVED)

    def sql(self, query: str, **variables: str) -> str:
        """One value from the store. Variables stand in the query as ``:'name'``."""
        given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        order = ("exec", "-T", "postgres", "psql", "-U", "wirewatch", "-d", "wirewatch", "-At", *given, "-f", "-")
        return self.dc(*order, given=query).strip()

    def counts(self, run: str = "live") -> Counts:
        """As they are now."""
        outcomes = int(self.sql("select count(*) from outcomes where run = :'run'", run=run))
        places = "select count(*) from (select distinct stream, partition, first_offset from outcomes where run = :'run') one"
        distinct = int(self.sql(places, run=run))
        told = [json.loads(line) for line in self.wirewatch("streams", "list", "--json").splitlines()]
        [raw] = [int(one["positions"]) for one in told if one["stream"] == "raw-articles"]
        return Counts(outcomes, distinct, raw)

    def publish(self, number: int) -> None:
        """The outlet shows so many articles more."""
        self._tell(f"more/{number}")

    def break_feed(self, broken: bool) -> None:
        """The outlet's feed answers with an error from now on, or no longer."""
        self._tell(f"broken/{int(broken)}")

    def _tell(self, what: str) -> None:
        self._outlet(f"r.urlopen(r.Request('http://127.0.0.1:8000/{what}', method='POST', data=b''))")

    def noticed(self) -> int:
        """How many notices the outlet's webhook has had."""
        return int(self._outlet("print(r.urlopen('http://127.0.0.1:8000/count').read().decode())").split()[1])

    def _outlet(self, program: str) -> str:
        return self.dc("exec", "-T", "outlet", "python", "-c", f"import urllib.request as r; {program}")

    def note_articles_of_before(self) -> None:
        """Remember whose articles are there before an upgrade."""
        self.of_before = set(self.sql("select id from articles where run = 'live'").split())

    def articles(self, run: str = "live") -> int:
        """How many of the outlet's articles a run has: canaries are stored under another name."""
        return int(self.sql("select count(*) from articles where run = :'run'", run=run))

    def comes_through(self, number: int) -> Counts:
        """Publish so many, wait until the run has them all and is at rest with the stream, and return the counts."""
        before = self.articles()
        self.publish(number)
        self.until(lambda: self.articles() >= before + number, f"{number} further articles")
        return self.at_rest()

    def at_rest(self) -> Counts:
        """The counts, once each record of the stream has its outcome (canaries come all the time)."""
        found: list[Counts] = []

        def agree() -> bool:
            found[:] = [self.counts()]
            return found[0].agree

        self.until(agree, "an outcome for each raw record")
        return found[0]

    def prometheus(self, query: str) -> list[Any]:
        """The series that Prometheus has for an instant query."""
        path = f"http://127.0.0.1:9090/api/v1/query?query={urllib.parse.quote(query)}"
        told = json.loads(self.dc("exec", "-T", "prometheus", "wget", "-qO-", path))
        return list(told["data"]["result"])

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        identity = self.dc("ps", "-aq", service).split()[0]
        return dict(json.loads(self.engine.docker("inspect", identity))[0])

    def kill(self, service: str) -> None:
        """SIGKILL to a service's first process from outside, so that its restart policy starts it again."""
        subprocess.run(["kill", "-9", str(self.container(service)["State"]["Pid"])], check=True)


def _fill(example: Path, file: Path, **values: str) -> None:
    lines = example.read_text("utf-8").splitlines()
    filled = {name: f"{name}={value}" for name, value in values.items()}
    named = [line.split("=")[0] for line in lines]
    assert filled.keys() <= set(named), f"{example.name} names {filled.keys() - set(named)} no more"
    file.write_text("\n".join(filled.get(name, line) for name, line in zip(named, lines, strict=True)) + "\n")
