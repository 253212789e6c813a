"""The table on the terminal and the rows that are kept, with the machine's facts."""

from __future__ import annotations

import csv
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import machine, memory_gib
from benchmarks.torture.torture import Result
from tests.servers.postgres import programs

ROOT = Path(__file__).parents[2]


def show(result: Result, console: Console) -> None:
    """Print what came of one set-up."""
    found = result.findings
    table = Table(title=f"{result.setup}, seed {result.seed}, {result.seconds:.0f} s", title_justify="left")
    table.add_column("killed")
    table.add_column("times", justify="right")
    for kind, count in sorted(result.kills.items()):
        table.add_row(kind, str(count))
    table.add_row("all", str(result.kills.total()), style="bold", end_section=True)
    outcomes = ", ".join(f"{count} {kind}" for kind, count in sorted(found.outcomes.items()))
    table.add_row(f"raw records (late: {found.late})", str(found.records))
    table.add_row(f"outcomes: {outcomes}", str(found.outcomes.total()))
    table.add_row("alerts", str(found.alerts))
    table.add_row("alerts in the output stream", str(found.relayed_alerts))
    table.add_row("repeats in output streams, recognised by id", str(found.repeats))
    table.add_row("duplicates", str(found.duplicates))
    table.add_row(f"disk filled by {result.disk_by}; service starts", str(result.restarts), end_section=True)
    table.add_row("verdict", result.verdict, style="bold green" if result.verdict == "ok" else "bold red")
    console.print(table)
    for problem in found.problems:
        console.print(f"  {problem}", style="red", highlight=False, markup=False)


def keep(results: Sequence[Result], path: Path, when: str) -> None:
    """Write a row a set-up, with the machine's facts. Raises OSError."""
    known = facts()
    rows = []
    for result in results:
        found = result.findings
        kinds = "; ".join(f"{kind} {count}" for kind, count in sorted(result.kills.items()))
        outcomes = "; ".join(f"{kind} {count}" for kind, count in sorted(found.outcomes.items()))
        rows.append(
            {
                "when": when,
                "setup": result.setup,
                "seed": result.seed,
                "kills": result.kills.total(),
                "kills_by_kind": kinds,
                "service_starts": result.restarts,
                "disk_filled_by": result.disk_by,
                "raw_records": found.records,
                "outcomes": found.outcomes.total(),
                "outcomes_by_kind": outcomes,
                "late": found.late,
                "alerts": found.alerts,
                "alerts_relayed": found.relayed_alerts,
                "repeats_by_id": found.repeats,
                "duplicates": found.duplicates,
                "verdict": result.verdict,
                "problems": " | ".join(found.problems),
                "seconds": round(result.seconds),
                **known,
            }
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def facts() -> dict[str, object]:
    """The machine, and versions of what ran on it; nothing that names the machine."""
    known = machine()
    said = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "cores": known["cores"],
        "memory_gib": round(memory_gib()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": known["python"],
        "beam": version("apache-beam"),
        "kafka": _pinned("kafka-pom.xml", r"<kafka.version>([^<]+)"),
        "flink_beam_java": _pinned("flink-pom.xml", r"beam-runners-flink-([^<]+)</artifactId>\s*<version>([^<]+)"),
        "postgres": " ".join(said.split()[-1:]),
        "code": known["commit"],
        "note": "",
    }


def _pinned(file: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / "deploy/local" / file).read_text("utf-8"))
    return " / ".join(found.groups()) if found else ""
