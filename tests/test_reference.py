"""The pages of docs/reference are what the code says, and the site is built without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wirewatch.reference import pages

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["commands.md", "metrics.md", "records.md", "api.md"])
def test_the_page_is_what_the_code_says(name: str) -> None:
    made = pages()[name]
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == made, "run: make reference"


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
