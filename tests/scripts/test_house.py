"""The house in order: dependencies, sizes, texts that must not be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import LONGEST_FIRST

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".sql", ".yml", ".yaml", ".md", ".toml", ".txt", ".csv", ".cfg", ".json", ""}
# Written in two parts, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a path of one machine": r"/wor" + r"k/(?!\w*\.example)|/roo" + r"t/|/hom" + r"e/\w+/|/Use" + r"rs/\w+/",
    "the design notes' folder": r"shared/desi" + r"gn",
    "a registry's host": r"files\.pythonhost" + r"ed|pypi\.or" + r"g/simple|index-ur" + r"l\s*=",
    "work left undone": r"\bTO" + r"DO\b|\bFIX" + r"ME\b|raise NotImpl" + r"emented",
    "a test that does not run": r"pytest\.ski" + r"p\b|mark\.ski" + r"p|mark\.xfa" + r"il|pytest\.xfa" + r"il",
}


def our_files() -> list[Path]:
    """Files that are or will be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


OUR_FILES = our_files()


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for file in OUR_FILES:
        if file.suffix not in TEXT or file.name == "LICENSE":
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, f"{what}:\n" + "\n".join(found)


def test_constraints_are_names_and_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line)] == []
    assert len({name_of(line) for line in lines}) == len(lines)


def test_every_direct_dependency_is_in_the_tested_set_and_has_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = [
        *project["dependencies"],
        *(each for every in project["optional-dependencies"].values() for each in every),
    ]
    tested = {name_of(line) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert [entry for entry in direct if name_of(entry) not in tested] == []
    assert [entry for entry in direct if not re.search(r"[=<>]", entry)] == []


def test_every_import_is_a_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: entries for name, entries in project["optional-dependencies"].items() if name != "dev"}
    known = {name_of(entry) for entries in (project["dependencies"], *extras.values()) for entry in entries}
    packages = {"dbt": "dbt-core", "yaml": "pyyaml", "chinese_calendar": "chinesecalendar", "click": "typer"}
    packages |= {"vl_convert": "vl-convert-python", "python_calamine": "python-calamine", "psycopg2": "dbt-postgres"}
    import sys

    missing = set()
    for file in (ROOT / "scripts" / "settle").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            for top in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"settle"}:
                if name_of(packages.get(top, top)) not in known:
                    missing.add(f"{file.relative_to(ROOT)}: {top}")
    assert sorted(missing) == []


def test_every_folder_of_tests_is_run_by_default_but_the_mutations() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    folders = {file.parent.relative_to(ROOT).as_posix() for file in ROOT.glob("tests/**/test_*.py")}
    assert folders == {*options["testpaths"], "tests/mutations"}


def test_the_modules_that_start_first_are_there() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / "tests" / name).is_file()] == []


@pytest.mark.parametrize("pattern", ["scripts/**/*.py", "tests/**/*.py"])
def test_no_module_reaches_500_lines(pattern: str) -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in ROOT.glob(pattern)}
    assert {name: count for name, count in long.items() if count >= 500} == {}


def test_no_model_is_longer_than_120_lines() -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in (ROOT / "models").rglob("*.sql")}
    assert {name: count for name, count in lengths.items() if count > 120} == {}


def test_no_model_asks_which_engine_it_runs_on() -> None:
    asking = [file.name for file in (ROOT / "models").rglob("*.sql") if "target.type" in file.read_text()]
    assert asking == [], "engine differences belong in macros/cross_db"


def test_no_model_reads_the_clock() -> None:
    clock = re.compile(r"\b(current_date|current_timestamp|now\(\)|getdate)\b", re.I)
    assert [file.name for file in (ROOT / "models").rglob("*.sql") if clock.search(file.read_text())] == []


def test_every_shell_script_stops_at_the_first_error() -> None:
    scripts = [file for file in (ROOT / ".ci").iterdir() if file.is_file() and not file.suffix]
    assert {file.name for file in scripts} >= {"run", "install", "lint-sql"}
    for file in scripts:
        assert "set -euo pipefail" in file.read_text(), file.name
        assert file.stat().st_mode & 0o111, f"{file.name} is not executable"


def test_continuous_integration_calls_make_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().strip().endswith("make test")


def test_the_version_is_the_same_everywhere() -> None:
    import yaml

    import settle

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    dbt = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["version"]
    changelog = re.search(r"^## \[([0-9.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert changelog is not None
    assert {settle.__version__, dbt, changelog.group(1)} == {version}
