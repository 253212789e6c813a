"""The pages of docs/reference are what the code says, and the site is built without a warning."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wirewatch.reference import COUNTED, EXPORTING, FAMILIES, pages

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["commands.md", "metrics.md", "records.md", "api.md"])
def test_the_page_is_what_the_code_says(name: str) -> None:
    made = pages()[name]
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == made, "run: make reference"


def test_the_page_of_metrics_has_every_metric_that_a_module_makes() -> None:
    kinds = FAMILIES.keys() | COUNTED.keys()
    makers = set()
    for package in ("connectors", "core", "desk", "pipeline", "wirewatch"):
        for path in (ROOT / package).rglob("*.py"):
            code = path.read_text("utf-8")
            if "prometheus_client" not in code:
                continue
            nodes = [*ast.walk(ast.parse(code))]
            used = [name for node in nodes if (name := getattr(node, "id", getattr(node, "attr", ""))) in kinds]
            called = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds]
            # The page finds calls by the class's own name only.
            assert len(used) == len(called), path
            # Not on the page: other kinds of metrics.
            assert not re.search(r"\b(Gauge|Summary|Info|Enum|(Summary|Info|StateSet)MetricFamily)\(", code), path
            if called:
                makers.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert makers == set(EXPORTING)


def test_every_page_of_docs_is_in_the_navigation_and_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "not included in the" not in built.stderr
    assert (tmp_path / "reference" / "commands.html").is_file()
    # Nothing is loaded from elsewhere: the site can be read on a machine without a way out.
    page = (tmp_path / "index.html").read_text("utf-8")
    assert 'src="http' not in page
    assert 'href="https://fonts' not in page


def test_make_docs_fails_for_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    [build] = re.findall(r"\$\(BIN\)/mkdocs (build[^&|\n]*)", (ROOT / "Makefile").read_text("utf-8"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Here\n[a page](nowhere.md), [an anchor](#nowhere)\n")
    (tmp_path / "mkdocs.yml").write_text(
        "site_name: x\nstrict: true\nvalidation:\n  links: { anchors: warn, not_found: warn }\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *build.split()],
        cwd=tmp_path,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "nowhere.md" in done.stderr
    assert "#nowhere" in done.stderr
