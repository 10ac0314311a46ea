"""The demo company in warehouses of our own: loaded, built, copied, and run as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import psycopg
import pytest

from settle.build import WITHOUT_TESTS
from settle.dbt import DbtOutcome, run_dbt
from settle.generate.demo import DEMO_DAYS
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from tests.warehouse.marts import Marts

CHECKOUT = Path(__file__).resolve().parents[2]
DATASETS = ("orders", "order_lines", "payments")
# Long enough for breaks that open, are filled late and run out of their buffer; `settle demo` itself runs all ten days.
DAYS = DEMO_DAYS[:6]


@dataclass(frozen=True)
class Demo:
    """The demo's files, a warehouse that holds them, the same after one undisturbed build, and what its marts hold."""

    files: Path
    loaded: Path
    built: Path
    marts: Marts


def isolated(patch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """An environment that nothing of the machine's user reaches into, with its warehouse in `folder`."""
    for name in [name for name in os.environ if name.startswith(("SETTLE_", "DBT_"))]:
        if name != "SETTLE_REAL_DATA":
            patch.delenv(name)
    profiles = folder / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CHECKOUT / "profiles.example.yml", profiles / "profiles.yml")
    patch.chdir(folder)
    patch.setenv("SETTLE_PROJECT", str(CHECKOUT))
    patch.setenv("DBT_PROFILES_DIR", str(profiles))
    patch.setenv("SETTLE_WAREHOUSE", str(folder / "warehouse.duckdb"))
    patch.setenv("SETTLE_SPILL", str(folder / "spill"))
    patch.setenv("SETTLE_QUALITY", "off")
    # Named in the settings themselves: a test that has a PostgreSQL too must not find that one here.
    patch.setenv("SETTLE_TARGET", "duckdb")
    return Settings.from_environment()


def configured(home: Settings) -> Settings:
    """With a configuration folder, always at the same place, so that dbt parses the project once for all such tests."""
    return replace(home, config_dir=home.warehouse_path.parent / "config")


def emptied(folder: Path) -> None:
    """Take everything out of a folder but what dbt has parsed: a warehouse on the same path needs no new parsing."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "dbt":
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()


def once(base: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` below `base`, filled by `make`; of several test processes the first fills it."""
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = base / f"{name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder


def shared_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all test processes of one call share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def load_days(settings: Settings, files: Path, days: Sequence[date] = DAYS, datasets: Sequence[str] = DATASETS) -> None:
    """Load the demo's files of some days, in the order given."""
    reports: list[LoadReport] = []
    for day in days:
        jobs = [FileJob(name, files / f"{name}_{day}.csv") for name in datasets]
        load_files(settings, jobs, day, Rejecting(), SilentReporter(), reports)
    assert all(report.status == "loaded" for report in reports), [report.summary() for report in reports]


def administer(server: dict[str, str], *statements: str) -> None:
    """Statements about whole databases of the test's PostgreSQL server."""
    with psycopg.connect(
        host=server["SETTLE_PG_HOST"],
        port=int(server["SETTLE_PG_PORT"]),
        user=server["SETTLE_PG_USER"],
        password=server["SETTLE_PG_PASSWORD"],
        dbname="postgres",
        autocommit=True,
    ) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def on_postgres(patch: pytest.MonkeyPatch, folder: Path, server: dict[str, str], database: str) -> Settings:
    """As `isolated`, with a new database of this name in place of the old one."""
    settings = isolated(patch, folder)
    administer(server, f"drop database if exists {database} with (force)", f"create database {database}")
    for name, value in {**server, "SETTLE_PG_DATABASE": database, "SETTLE_TARGET": "postgres"}.items():
        patch.setenv(name, value)
    return replace(settings, target="postgres")


def build(settings: Settings, *arguments: str, with_tests: bool = False) -> DbtOutcome:
    """`dbt build` that must succeed; without tests where the rows alone matter."""
    outcome = run_dbt(settings, ["build", *arguments, *([] if with_tests else WITHOUT_TESTS)], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    return outcome


def copied(warehouse: Path, settings: Settings) -> Settings:
    """Put a copy of a warehouse file where the settings want theirs."""
    shutil.copyfile(warehouse, settings.warehouse_path)
    return settings


def start(settings: Settings, *words: str) -> subprocess.Popen[str]:
    """`settle WORDS` as a process of its own, with these settings."""
    return subprocess.Popen(
        [sys.executable, "-m", "settle", *words],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_marts(path: Path) -> Marts:
    """Marts that were written down as JSON."""
    marts: Marts = json.loads(path.read_text(encoding="utf-8"))
    return marts
