"""What keeps the project in order: hooks before a commit, floors of coverage, forms for issues."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests import corpora
from tests.coverage_floors import FILE, PACKAGES, raised, shares, written

ROOT = Path(__file__).parents[1]
PERCENT = st.floats(0, 100)


def test_hooks_run_the_project_s_own_programs() -> None:
    loaded = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert [repository["repo"] for repository in loaded["repos"]] == ["local"]
    for hook in loaded["repos"][0]["hooks"]:
        program, *arguments = shlex.split(hook["entry"])
        assert hook["language"] == "system"
        assert Path(program).parent == Path(".venv/bin")
        assert f"$(BIN)/{Path(program).name}" in makefile, hook["entry"]
        assert [word for word in arguments if word.startswith("tests/") and not (ROOT / word).is_file()] == []


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_a_form_for_issues_asks_for_something(form: Path) -> None:
    loaded = yaml.safe_load(form.read_text("utf-8"))
    assert {"name", "description", "labels", "body"} == set(loaded)
    asked = [field for field in loaded["body"] if field["type"] != "markdown"]
    assert any(field.get("validations", {}).get("required") for field in asked)
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)


def test_every_package_has_a_floor() -> None:
    assert set(tomllib.loads(FILE.read_text("utf-8"))) == set(PACKAGES)
    summary = {"covered_lines": 6, "num_statements": 8, "covered_branches": 1, "num_branches": 2}
    report = {"files": {"core/a.py": {"summary": summary}, "core/b/c.py": {"summary": summary | {"covered_lines": 8}}}}
    assert shares(report) == {"core": 80.0}


@given(st.fixed_dictionaries(dict.fromkeys(PACKAGES, PERCENT)), st.dictionaries(st.sampled_from(PACKAGES), PERCENT))
def test_floors_only_rise_and_stay_below_what_was_found(floors: dict[str, float], found: dict[str, float]) -> None:
    after = raised(floors, found)
    assert all(after[package] >= floors[package] for package in after)
    assert all(after[package] == floors[package] or after[package] < found[package] for package in after)
    assert tomllib.loads(written(after)) == after


def test_no_commit_lowered_a_floor() -> None:
    name = str(FILE.relative_to(ROOT))
    log = subprocess.run(
        ["git", "log", "--format=%H", "--", name], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if log.returncode:
        pytest.skip("this is not a git checkout, so nothing says what the floors were")
    now = tomllib.loads(FILE.read_text("utf-8"))
    for commit in log.stdout.split():
        shown = subprocess.run(
            ["git", "show", f"{commit}:{name}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        before = tomllib.loads(shown.stdout) if not shown.returncode else {}
        assert {package: floor for package, floor in before.items() if floor > now[package]} == {}, commit


def test_optional_data_are_named_when_a_test_is_skipped_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(corpora, "FOLDER", tmp_path)
    with pytest.raises(pytest.skip.Exception, match=r"^optional: .*\.\./shared/corpora/pages are not beside"):
        corpora.corpus("pages")
    (tmp_path / "pages").mkdir()
    assert corpora.corpus("pages") == tmp_path / "pages"
    elsewhere = [
        str(file)
        for file in (ROOT / "tests").rglob("*.py")
        if file.name not in ("corpora.py", "test_habits.py")
        and re.search(r"""["'/]corpora["'/]""", file.read_text("utf-8"))
    ]
    assert elsewhere == []
